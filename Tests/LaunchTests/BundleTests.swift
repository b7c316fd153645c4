import Host
import Launch
import Testing
import Vocabulary

@Suite struct BundleTests {
  @Test func `a bundle is the same again, and its modules are root's in a clean file system`()
    throws
  {
    guard let fixture = BootFixture.find(for: "a boot bundle") else { return }
    let kernel = try BootFixture.package(metapackage: "linux-image-cloud-amd64", as: "kernel.deb")
    let bundle = try BootBundle.make(
      kernelPackage: kernel, digest: Digest.of(try Files.read(kernel, limit: 256 << 20)),
      guestProgram: try BootFixture.guestProgram(), in: fixture.work + "/again")
    #expect(bundle.id == fixture.bundle.id)
    #expect(try Files.list(fixture.work + "/again") == [BootBundle.name(bundle.id)])
    let names = try Files.list(bundle.directory).sorted()
    #expect(names == ["bundle.json", "initrd", "modules.img", "vmlinux"])
    for name in names {
      let one = try Files.read("\(fixture.bundle.directory)/\(name)", limit: 256 << 20)
      #expect(try Files.read("\(bundle.directory)/\(name)", limit: 256 << 20) == one, "\(name)")
    }
    try Processes.runChecked(Command("e2fsck", ["-fn", bundle.modules]))
    let listing = try Processes.runChecked(
      Command("debugfs", ["-R", "ls -l /kernel/net", bundle.modules])
    ).text
    #expect(listing.contains(" netfilter"))
    for line in listing.split(separator: "\n") {
      let words = line.split(separator: " ", omittingEmptySubsequences: true)
      #expect(words.count > 4 && words[3] == "0" && words[4] == "0", "\(line)")
    }
  }
}
