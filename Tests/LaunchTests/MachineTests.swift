import GuestProtocol
import Host
import Launch
import Testing
import Vocabulary

struct MachineTests {
  /// A directory of the test's own.
  private func inDirectory(_ body: (String) throws -> Void) throws {
    let path = "/tmp/hutch-launch-\(Hex.encode(Randomness.bytes(6)))"
    try Files.makeDirectories(path)
    defer { try? Files.removeTree(path) }
    try body(path)
  }

  @Test func `the console's log never grows beyond its limit and ends with what came last`() throws
  {
    try inDirectory { directory in
      let path = directory + "/console.log"
      let log = try ConsoleLog(path: path, limit: 4096)
      for number in 0..<2000 {
        log.append(Array("line \(number)\n".utf8))
        if number % 97 == 0 { #expect((Files.status(path)?.size ?? 0) <= 4096) }
      }
      let text = String(decoding: try Files.read(path, limit: 8192), as: UTF8.self)
      #expect(text.hasSuffix("line 1999\n"))
      #expect(text.hasPrefix("[what came before is gone]\n"))
      #expect(log.tail(2) == "line 1998\nline 1999")
    }
  }

  @Test func `a guest's words lose what moves a cursor or sets a title`() {
    let bytes = Array("a\u{1B}[31mred\u{1B}[0m\u{7}\u{8}b\rc".utf8)
    #expect(TailBuffer.printable(bytes) == "aredbc")
  }

  @Test func `a machine keeps its ID over restarts, and others have others`() {
    let first = MachineIdentity.make(hostname: "one", seed: [1, 2, 3])
    let again = MachineIdentity.make(hostname: "one", seed: [1, 2, 3])
    let other = MachineIdentity.make(hostname: "one", seed: [1, 2, 4])
    #expect(first.machineID == again.machineID && first.machineID != other.machineID)
    #expect(first.entropy != again.entropy)
    #expect(first.machineID[6] >> 4 == 4 && first.machineID[8] >> 6 == 2)
  }

  @Test func `the first file system's archive is read by others`() throws {
    try inDirectory { directory in
      var writer = NewcWriter()
      writer.addDirectory("dev")
      writer.addFile("init", mode: 0o755, content: Array("program".utf8))
      writer.addFile("empty", mode: 0o644, content: [])
      let bytes = writer.finish()
      #expect(bytes.count.isMultiple(of: 512))
      try Files.write(directory + "/cpio", bytes)
      let listed = try Processes.runChecked(
        Command("bsdtar", ["-tvf", directory + "/cpio"])
      ).text.split(separator: "\n")
      #expect(listed.count == 3)
      #expect(listed[0].hasPrefix("drwxr-xr-x") && listed[0].hasSuffix("dev"))
      #expect(listed[1].hasPrefix("-rwxr-xr-x") && listed[1].hasSuffix("init"))
      let content = try Processes.runChecked(
        Command("bsdtar", ["-xOf", directory + "/cpio", "init"])
      ).text
      #expect(content == "program")
    }
  }

  // MARK: The accelerator

  private func decide(
    _ memory: String, boot: String = "this boot", mayOpen: @escaping () -> String? = { nil },
    prove: @escaping (Emulator, BootBundle) -> AcceleratorProbe.Proof
  ) throws -> AcceleratorVerdict {
    let bundle = BootBundle(id: .of([]), directory: "/nowhere", kernelRelease: "6.12")
    return try AcceleratorProbe.decide(
      memory: memory, bundle: bundle, bootID: boot, mayOpen: mayOpen, prove: prove)
  }

  @Test func `what was proven is remembered for this boot of the host only`() throws {
    try inDirectory { directory in
      let memory = directory + "/accelerator.json"
      var proofs = 0
      for boot in ["one", "one", "two", "two", "one"] {
        let verdict = try decide(memory, boot: boot) { _, _ in
          proofs += 1
          return .works
        }
        #expect(verdict.accelerator == .kvm && verdict.bootID == boot)
      }
      #expect(proofs == 3)
    }
  }

  @Test func `a device that opens is no proof`() throws {
    try inDirectory { directory in
      let verdict = try decide(directory + "/a") { _, _ in .fails(reason: "not a word") }
      #expect(verdict.accelerator == .tcg && verdict.reason == "not a word")
    }
  }

  @Test func `a device that can't be opened is asked again each time`() throws {
    try inDirectory { directory in
      let memory = directory + "/a"
      var proofs = 0
      let prove: (Emulator, BootBundle) -> AcceleratorProbe.Proof = { _, _ in
        proofs += 1
        return .works
      }
      let closed = try decide(memory, mayOpen: { "denied" }, prove: prove)
      #expect(closed.accelerator == .tcg && closed.reason == "denied")
      #expect(proofs == 0)
      let open = try decide(memory, prove: prove)
      #expect(open.accelerator == .kvm)
      let again = try decide(memory, mayOpen: { "denied" }, prove: prove)
      #expect(again.accelerator == .tcg && again.reason == "denied")
      let reopened = try decide(memory, prove: prove)
      #expect(reopened.accelerator == .kvm)
      #expect(proofs == 1)
    }
  }

  @Test(arguments: ["", "{", "{\"accelerator\":\"kvm\"}", "[]"])
  func `a memory that makes no sense is as good as none`(text: String) throws {
    try inDirectory { directory in
      let memory = directory + "/a"
      try Files.write(memory, Array(text.utf8))
      let verdict = try decide(memory) { _, _ in .fails(reason: "x") }
      #expect(verdict.accelerator == .tcg)
    }
  }
}
