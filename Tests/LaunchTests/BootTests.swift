import GuestProtocol
import Host
import Launch
import Testing
import Vocabulary

/// A small root file system on a real kernel, without a recipe or a store.
@Suite(.serialized) struct BootTests {
  @Test func `a guest runs many commands at once and leaves a clean disk`() throws {
    guard let fixture = BootFixture.find(for: "a guest boots") else { return }
    let disk = try fixture.overlay()
    let vm = try fixture.boot(disk)
    try vm.waitUntilReady()
    let said = try vm.ask(.shell("echo out; echo err >&2; exit 7"))
    #expect(said.outcome == .exited(7) && said.output == "out\n" && said.error == "err\n")
    #expect(try vm.ask(.shell("kill -TERM $$")).outcome == .signalled(15))
    #expect(try vm.ask(.exec("no-such-program")).outcome.status == 127)
    #expect(try vm.ask(.exec("/etc/passwd")).outcome.status == 126)
    #expect(try vm.ask(.shell("sleep 60"), milliseconds: 300).outcome == .timedOut)

    let bytes = (0..<(4 << 20)).map { UInt8(truncatingIfNeeded: $0 &* 2_654_435_761 >> 13) }
    var back: [UInt8] = []
    let io = SessionIO(
      input: FunctionSource(bytes), output: FunctionSink { back += $0 },
      error: MemorySink(limit: 100))
    #expect(try vm.run(.exec("cat"), io: io, milliseconds: 60_000).outcome == .exited(0))
    #expect(back == bytes)

    #expect(try vm.ask(.shell("echo kept > /file; sync")).outcome == .exited(0))
    #expect(vm.shutdown() == .clean)
    let raw = fixture.work + "/after.raw"
    try Processes.runChecked(
      Command(
        "qemu-img", ["convert", "-f", "qcow2", "-O", "raw", disk.files[0].path, raw]))
    try Processes.runChecked(Command("e2fsck", ["-fn", raw]))
    try Files.remove(raw)
  }

  @Test func `a guest that does not greet in time is an error that shows its console`() throws {
    guard let fixture = BootFixture.find(for: "a silent guest") else { return }
    var launch = fixture.launch(try fixture.overlay())
    launch.helloSeconds = 1
    let vm = try VirtualMachine.boot(launch)
    let began = Clock.monotonic()
    #expect {
      try vm.waitUntilReady()
    } throws: { error in
      if case .silent(_, let seconds, _)? = error as? LaunchError { seconds == 1 } else { false }
    }
    #expect(Clock.monotonic() - began < 10_000_000_000)
    vm.kill()
    #expect(vm.hasEnded)
  }

  @Test func `a root that is no file system is told in the guest's own words`() throws {
    guard let fixture = BootFixture.find(for: "a damaged root") else { return }
    let path = fixture.work + "/zeros.raw"
    let file = try OwnedDescriptor.open(path, .createExclusive(mode: 0o600))
    try file.truncate(to: 64 << 20)
    let vm = try fixture.boot(DiskChain(files: [DiskFile(path: path, format: .raw)]))
    #expect {
      try vm.waitUntilReady()
    } throws: { error in
      if case .guestGaveUp(let reason, _)? = error as? LaunchError {
        reason.contains("mount")
      } else {
        false
      }
    }
    try Files.remove(path)
  }
}
