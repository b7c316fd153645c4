import Host
import TestSupport
import Testing
import Vocabulary

extension EndToEnd {
  @Suite struct IsolationTests {
    private let place = Place.current

    @Test(.with("qemu-img"))
    func `two clones share a disk and see nothing of each other`() throws {
      for name in ["left", "right"] { #expect(try place.hutch("clone", "base", name).status == 0) }
      let disks = place.store.path + "/disks"
      try place.judge("cp", "-r", "--sparse=always", disks, "before")
      let starts = try ["left", "right"].map { try place.start("start", $0) }
      for start in starts { #expect(try start.finish().status == 0) }
      var identities: Set<String> = []
      for name in ["left", "right"] {
        let wrote = try place.hutch(
          "exec", name, "--", "sh", "-c",
          "echo \(name) > ~/\(name); sudo rm -rf /usr/share/doc; sync; ls ~; hostname")
        #expect(wrote.text == "\(name)\n\(name)\n", "\(wrote.error)")
        let machine = try place.hutch("exec", name, "--", "cat", "/etc/machine-id").text
        #expect(machine.count == 33)
        identities.insert(machine)
        // Key pairs are made by its own first boot.
        identities.insert(
          try place.hutch(
            "exec", name, "--", "sh", "-c",
            "while ! [ -s /etc/ssh/ssh_host_ed25519_key.pub ]; do sleep 0.1; done; "
              + "cat /etc/ssh/ssh_host_ed25519_key.pub"
          ).text)
      }
      #expect(identities.count == 4, "each has a machine ID and a host key of its own")
      for name in ["left", "right"] { _ = try place.hutch("rm", "--force", name) }
      let names = try Files.list(disks).filter { $0.hasSuffix(".raw") }
      #expect(!names.isEmpty)
      for disk in names {
        // Contents alone: where a file has holes depends on what of it is in memory.
        try place.judge(
          "qemu-img", "compare", "-q", "-f", "raw", "-F", "raw", "before/\(disk)",
          "\(disks)/\(disk)")
      }
      let writable = try place.judge("find", disks, "-name", "*.raw", "-not", "-perm", "0444")
      #expect(writable.isEmpty)
    }

    @Test(.with("qemu-img", "e2fsck"))
    func `a clone's disk is sound before its first start and after its stop`() throws {
      _ = try place.hutch("clone", "base", "sound")
      let overlay = place.store.path + "/vms/sound/overlay.qcow2"
      try place.judge("qemu-img", "check", "-q", "-f", "qcow2", overlay)
      #expect(try place.hutch("start", "sound").status == 0)
      let wrote = try place.hutch(
        "exec", "sound", "--", "sh", "-c", "dd if=/dev/urandom of=big bs=1M count=20 && sync")
      #expect(wrote.status == 0)
      #expect(try place.hutch("stop", "sound").status == 0)
      try place.judge("qemu-img", "check", "-q", "-f", "qcow2", overlay)
      try place.judge(
        "qemu-img", "convert", "-f", "qcow2", "-O", "raw", "-S", "4k", overlay, "sound.raw")
      try place.judge("e2fsck", "-fn", "sound.raw")
    }

    @Test func `inside there is no network but the loopback`() throws {
      let ran = try place.hutch(
        "run", "base", "--cpus", "1", "--", "sh", "-c",
        "ls /sys/class/net; ip route; sudo true && echo root")
      #expect(ran.text == "lo\nroot\n")
    }
  }
}
