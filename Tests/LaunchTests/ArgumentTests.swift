import Host
import Launch
import Testing
import Vocabulary

/// Configuration → command line, as text. `HUTCH_ACCEPT=1` writes the golden files anew; such a run
/// fails, so that it never passes by accident.
struct ArgumentTests {
  private static let golden = Files.parent(of: #filePath) + "/Golden"

  private func machine(
    _ accelerator: Accelerator = .tcg, disks: [DiskChain]? = nil
  ) -> MachineConfiguration {
    let overlay = DiskFile(path: "/store/vms/a/overlay.qcow2", format: .qcow2)
    let base = DiskFile(path: "/store/disks/b.raw", format: .raw)
    return MachineConfiguration(
      cpus: 2, memory: .gibibytes(1), accelerator: accelerator, kernel: "/boot/vmlinux",
      initrd: "/boot/initrd",
      commandLine: KernelCommandLine(
        mode: .run, nonce: [UInt8](0..<16), user: "agent", hostname: "brave-otter",
        machineID: [UInt8](repeating: 0xAB, count: 16)),
      disks: disks ?? [DiskChain(files: [overlay, base], flushes: false)])
  }

  private func compare(_ lines: [String], _ name: String) throws {
    let path = "\(Self.golden)/\(name).txt"
    let text = lines.joined(separator: "\n") + "\n"
    if HostEnvironment.current["HUTCH_ACCEPT"] == "1" {
      try Files.write(path, Array(text.utf8))
      Issue.record("\(name) was written anew")
    }
    let known = String(decoding: try Files.read(path, limit: 1 << 20), as: UTF8.self)
    #expect(text == known, "\(name) changed; HUTCH_ACCEPT=1 takes it over")
  }

  @Test func `the emulator's command line of a run without hardware is as it was`() throws {
    try compare(try QEMUArguments.render(machine()), "qemu-tcg-run")
  }

  @Test func `the emulator's command line of a chain of disks with hardware is as it was`() throws {
    let files = (0..<4).map { number in
      DiskFile(path: "/store/disks/\(number)", format: number == 3 ? .raw : .qcow2)
    }
    let disks = [
      DiskChain(files: files),
      DiskChain(files: [DiskFile(path: "/tool", format: .raw)], readOnly: true),
    ]
    try compare(try QEMUArguments.render(machine(.kvm, disks: disks)), "qemu-kvm-chain")
  }

  @Test func `tools are named in the order of their disks`() throws {
    var line = KernelCommandLine(mode: .run, nonce: [UInt8](repeating: 0, count: 16))
    line.tools = ["claude", "codex"]
    #expect(try line.rendered().contains(" hutch.tools=claude,codex"))
    line.tools = ["a b"]
    #expect(throws: LaunchError.self) { try line.rendered() }
  }

  @Test func `no path stands in the command line, so no name can mean something else`() throws {
    let line = try QEMUArguments.render(machine()).joined(separator: " ")
    #expect(!line.contains("/store") && !line.contains("/boot"))
  }

  @Test(arguments: [0, 256, -1])
  func `a number of processors that no machine has is refused`(cpus: Int) {
    var machine = machine()
    machine.cpus = cpus
    #expect(throws: LaunchError.self) { try QEMUArguments.render(machine) }
  }

  @Test(arguments: [ByteCount.mebibytes(63), .zero, ByteCount(Int64.max)])
  func `a memory that no machine has is refused`(memory: ByteCount) {
    var machine = machine()
    machine.memory = memory
    #expect(throws: LaunchError.self) { try QEMUArguments.render(machine) }
  }

  @Test(arguments: [0, 17])
  func `a disk of no file, or of more than a chain may have, is refused`(count: Int) {
    let files = (0..<count).map { DiskFile(path: "/\($0)", format: .qcow2) }
    #expect(throws: LaunchError.self) {
      try DescriptorPlan(machine(disks: [DiskChain(files: files)]))
    }
  }

  @Test func `more files than descriptors can be handed over are refused`() {
    let disks = (0..<8).map { disk in
      DiskChain(files: (0..<8).map { DiskFile(path: "/\(disk)/\($0)", format: .qcow2) })
    }
    #expect(throws: LaunchError.self) { try DescriptorPlan(machine(disks: disks)) }
  }

  @Test(arguments: ["two words", "quo\"te", "new\nline", "ü", ""])
  func `what a kernel would read as something else can't stand on its command line`(
    user: String
  ) throws {
    let line = KernelCommandLine(mode: .run, nonce: [UInt8](repeating: 0, count: 16), user: user)
    if user.isEmpty {
      #expect(try line.rendered().hasSuffix("hutch.user="))
    } else {
      #expect(throws: LaunchError.self) { try line.rendered() }
    }
  }

  @Test func `a kernel command line beyond the kernel's limit is refused`() {
    let line = KernelCommandLine(
      mode: .run, nonce: [UInt8](repeating: 0, count: 16),
      user: String(repeating: "x", count: 2048))
    #expect(throws: LaunchError.self) { try line.rendered() }
  }

  @Test(arguments: [0, 15, 17])
  func `a nonce of another length is refused`(count: Int) {
    let line = KernelCommandLine(mode: .run, nonce: [UInt8](repeating: 0, count: count))
    #expect(throws: LaunchError.self) { try line.rendered() }
  }
}
