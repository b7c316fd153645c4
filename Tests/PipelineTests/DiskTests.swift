import Host
import TestSupport
import Testing
import Vocabulary

extension EndToEnd {
  /// Disks of images in a store, and what a guest's kernel makes of them.
  @Suite(.with("qemu-system-x86_64")) struct DiskTests {
    private let place = Place.current

    /// The files that a VM's disk lies in, its overlay first, as QEMU follows them.
    private func files(of vm: String) throws -> [(path: String, format: String)] {
      let said = try place.judge(
        "qemu-img", "info", "-U", "--backing-chain", "--output=json",
        "\(place.store.path)/vms/\(vm)/overlay.qcow2")
      return try (try JSON(parsing: Array(said.utf8)).array ?? []).map {
        // It goes through the folder of the VM.
        let path = try place.judge("realpath", "-m", $0["filename"]?.string ?? "")
        return (String(path.dropLast()), $0["format"]?.string ?? "")
      }
    }

    /// `e2fsck` finds nothing on what the VM sees, nor `qemu-img` in its files.
    private func judge(_ vm: String) throws {
      for file in try files(of: vm) where file.format == "qcow2" {
        try place.judge("qemu-img", "check", "-U", file.path)
      }
      let flat = "\(place.directory)/flat-\(vm)"
      let overlay = "\(place.store.path)/vms/\(vm)/overlay.qcow2"
      try place.judge("qemu-img", "convert", "-O", "raw", overlay, flat)
      let said = try place.judge("e2fsck", "-fn", flat)
      #expect(!said.contains("Fix?") && said.contains("hutch: "), "\(said)")
      try Files.remove(flat)
    }

    private func asRoot(_ vm: String, _ script: String) throws -> String {
      let done = try place.hutch("exec", vm, "--user", "root", "--", "sh", "-ec", script)
      #expect(done.status == 0, "\(done.error)")
      return done.text
    }

    @Test func `a layer more costs what the layer costs, and keeps what it stands on`() throws {
      let recipe = try place.recipe(
        "longer", steps: ["seq 1 400000 > /opt/numbers", "rm /etc/issue; echo two > /opt/two"])
      _ = try place.build(recipe)
      _ = try place.hutch("clone", "base", "short")
      _ = try place.hutch("clone", "longer", "long")
      let below = try files(of: "short").dropFirst().map(\.path)
      let all = try files(of: "long").dropFirst()
      #expect(all.map(\.path).suffix(below.count) == below)
      #expect(all.count == below.count + 2)
      #expect(all.map(\.format) == ["qcow2", "qcow2"] + all.dropFirst(2).map(\.format))
      let sizes = try all.map { try #require(Files.status($0.path)).allocated }
      #expect(sizes[0] < 1 << 20, "what is one small file: \(sizes)")
      #expect(sizes[1] > 2 << 20 && sizes[1] < 5 << 20, "seven digits a line: \(sizes)")
      try judge("short")
      try judge("long")
      // The disks below belong to the one on top as well.
      _ = try place.hutch("rm", "short")
      #expect(try place.hutch("gc", "--now").status == 0)
      #expect(try files(of: "long").dropFirst().map(\.path) == all.map(\.path))
      #expect(all.allSatisfy { Files.exists($0.path) })
      #expect(try place.hutch("start", "long").status == 0)
      #expect(
        try asRoot("long", "tail -n 1 /opt/numbers; cat /opt/two; ls /etc/issue || true")
          == "400000\ntwo\n")
      #expect(try place.hutch("stop", "long").status == 0)
      try judge("long")
      // And go with it.
      _ = try place.hutch("rm", "--force", "long")
      _ = try place.hutch("untag", "longer")
      #expect(try place.hutch("gc", "--now").status == 0)
      #expect(all.prefix(2).allSatisfy { !Files.exists($0.path) })
    }

    @Test func `a disk below that is gone is made again, to the bit`() throws {
      let recipe = try place.recipe("upper", steps: ["echo one > /opt/one", "echo two > /opt/two"])
      _ = try place.build(recipe)
      _ = try place.hutch("clone", "upper", "mended")
      let middle = try files(of: "mended")[2].path
      let digest = try place.judge("sha256sum", middle)
      try Files.remove(middle)
      let found = try place.hutch("verify", "--quick", "--format", "json")
      #expect(found.status == 10)
      let damaged = try JSON(parsing: found.output)["items"]?.array ?? []
      #expect(damaged.compactMap { $0["damage"]?.string } == ["missing"])
      #expect(damaged.first?["vms"] == .array([.string("mended")]))
      let refused = try place.hutch("start", "mended")
      #expect(refused.status == 10)
      #expect(refused.error.contains("\(middle)\" is gone"), "\(refused.error)")
      #expect(refused.error.contains("hint: `hutch verify --repair`"), "\(refused.error)")
      let mended = try place.hutch("verify", "--quick", "--repair")
      #expect(mended.status == 0, "\(mended.text)\(mended.error)")
      #expect(try place.judge("sha256sum", middle) == digest)
      #expect(try place.hutch("start", "mended").status == 0)
      #expect(try asRoot("mended", "cat /opt/one /opt/two") == "one\ntwo\n")
    }

    @Test func `a guest that fills its disk and is killed finds what it synced`() throws {
      #expect(try place.hutch("start", "base", "--name", "full", "--cpus", "1").status == 0)
      let filled = try asRoot(
        "full",
        """
        mkdir /srv/full; i=0
        for size in 4G 256M 16M 1M 64K 4K; do
          while fallocate -l $size /srv/full/$i 2> /dev/null; do i=$((i + 1)); done
          rm -f /srv/full/$i
        done
        if dd if=/dev/zero of=/srv/more bs=1M count=1 2> /tmp/said; then exit 9; fi
        grep -o 'No space left on device' /tmp/said
        rm /srv/more /srv/full/0 /srv/full/1
        dd if=/dev/urandom of=/srv/kept bs=1M count=8 conv=fsync 2> /dev/null
        sha256sum /srv/kept; sync
        rm /srv/full/2; for i in $(seq 1 500); do echo $i > /srv/late-$i; done
        """)
      let lines = filled.split(separator: "\n")
      #expect(lines.first == "No space left on device")
      try place.killMachine(of: "full")
      #expect(try place.hutch("start", "full").status == 0)
      #expect(try asRoot("full", "dmesg | grep -c 'recovery complete'") == "1\n")
      #expect(try asRoot("full", "sha256sum /srv/kept").dropLast() == lines.last ?? "")
      #expect(try place.hutch("stop", "full").status == 0)
      try judge("full")
    }

    @Test func `a larger disk is there at the first start, and full of room`() throws {
      #expect(try place.hutch("start", "base", "--name", "wide", "--disk", "100G").status == 0)
      let kilobytes = try asRoot(
        "wide", "fallocate -l 80G /srv/big; echo end > /srv/end; df --output=size -k / | tail -n 1")
      #expect(Int(kilobytes.filter(\.isNumber)) ?? 0 > 95 << 20)
      #expect(try place.hutch("restart", "wide").status == 0)
      #expect(try asRoot("wide", "stat -c %s /srv/big; cat /srv/end") == "85899345920\nend\n")
      #expect(try place.hutch("stop", "wide").status == 0)
      try judge("wide")
    }
  }
}
