internal import GuestProtocol
internal import Host
internal import Vocabulary

/// Whether hardware acceleration works is decided by proof: `/dev/kvm` may open on machines where
/// no guest ever runs.
package struct AcceleratorVerdict: Sendable, Hashable {
  package var emulator: Emulator
  package var accelerator: Accelerator
  /// Why it is not `kvm`; empty if it is.
  package var reason: String
  package var bootID: String

  package init(emulator: Emulator, accelerator: Accelerator, reason: String, bootID: String) {
    self.emulator = emulator
    self.accelerator = accelerator
    self.reason = reason
    self.bootID = bootID
  }

  var json: JSON {
    .object([
      "hutch": .integer(1), "kind": .string("accelerator"),
      "accelerator": .string(accelerator.rawValue), "reason": .string(reason),
      "boot_id": .string(bootID), "emulator": .string(emulator.path),
      "emulator_version": .string(emulator.version),
      "emulator_signature": .string(emulator.signature),
    ])
  }

  init?(_ json: JSON) {
    guard let accelerator = json["accelerator"]?.string.flatMap(Accelerator.init),
      let reason = json["reason"]?.string, let bootID = json["boot_id"]?.string,
      let path = json["emulator"]?.string, let version = json["emulator_version"]?.string,
      let signature = json["emulator_signature"]?.string
    else { return nil }
    self.init(
      emulator: Emulator(path: path, version: version, signature: signature),
      accelerator: accelerator, reason: reason, bootID: bootID)
  }
}

package enum AcceleratorProbe {
  /// What a proof came to.
  package enum Proof: Sendable, Equatable {
    case works
    case fails(reason: String)
  }

  static let line = "hutch-probe-ok"
  package static let seconds = 10

  /// The emulator and its accelerator, as remembered in the file `memory` for this boot of the
  /// host and this emulator, else proven now and remembered.
  ///
  /// - Parameters:
  ///   - mayOpen: why `/dev/kvm` can't be opened, `nil` if it can. That is asked each time: it
  ///     changes when somebody joins a group.
  ///   - prove: boots something under hardware acceleration.
  package static func decide(
    memory: String, bundle: BootBundle, bootID: String = Clock.bootID(),
    mayOpen: () -> String? = openKVM,
    prove: (Emulator, BootBundle) -> Proof = { prove(.kvm, $0, $1) }
  ) throws -> AcceleratorVerdict {
    let found = try Emulator.locate()
    let known = (try? Files.read(memory, limit: 1 << 16)).flatMap { try? JSON(parsing: $0) }
      .flatMap(AcceleratorVerdict.init)
    let emulator: Emulator
    if let known, known.emulator.signature == found.signature, known.emulator.path == found.path {
      emulator = known.emulator
      if known.bootID == bootID {
        guard known.accelerator == .kvm, let reason = mayOpen() else { return known }
        return AcceleratorVerdict(
          emulator: emulator, accelerator: .tcg, reason: reason, bootID: bootID)
      }
    } else {
      emulator = try Emulator.find()
    }
    var verdict = AcceleratorVerdict(
      emulator: emulator, accelerator: .kvm, reason: "", bootID: bootID)
    if let reason = mayOpen() {
      verdict.accelerator = .tcg
      verdict.reason = reason
      return verdict
    }
    if case .fails(let reason) = prove(emulator, bundle) {
      verdict.accelerator = .tcg
      verdict.reason = reason
    }
    // Forgetting costs the proof again, and nothing else.
    try? Files.write(memory, [UInt8](verdict.json.indented.utf8), durable: false)
    return verdict
  }

  /// Why not, if not.
  package static func openKVM() -> String? {
    do {
      _ = try OwnedDescriptor.open("/dev/kvm", .readWrite)
      return nil
    } catch {
      return error.message
    }
  }

  /// Boots the bundle, which must print a line in time.
  package static func prove(
    _ accelerator: Accelerator, _ emulator: Emulator, _ bundle: BootBundle,
    seconds: Int = AcceleratorProbe.seconds
  ) -> Proof {
    let machine = MachineConfiguration(
      cpus: 1, memory: .mebibytes(256), accelerator: accelerator, kernel: bundle.kernel,
      initrd: bundle.initrd,
      commandLine: KernelCommandLine(mode: .probe, nonce: [UInt8](repeating: 0, count: 16)),
      disks: [])
    do {
      let running = try EmulatorProcess.start(machine, emulator)
      defer { running.process.terminate(graceMilliseconds: 0) }
      return try listen(running, seconds: seconds)
    } catch {
      return .fails(reason: (error as? any Failure)?.message ?? "\(error)")
    }
  }

  private static func listen(_ running: EmulatorProcess, seconds: Int) throws -> Proof {
    let console = running.take(.console)
    let messages = running.take(.messages)
    var said = TailBuffer(capacity: 64 << 10)
    var complaints = TailBuffer(capacity: 8 << 10)
    let deadline = Clock.monotonic() + UInt64(seconds) * 1_000_000_000
    var consoleEnded = false
    var messagesEnded = false
    while Clock.monotonic() < deadline {
      var set = PollSet()
      set.wake(at: deadline)
      if !consoleEnded {
        set.watch(console.raw, .reading) {
          switch try Bytes.read(console.raw, upTo: 4096) {
          case .bytes(let bytes): said.append(bytes)
          case .end: consoleEnded = true
          case .nothingNow: break
          }
        }
      }
      if !messagesEnded {
        set.watch(messages.raw, .reading) {
          switch try Bytes.read(messages.raw, upTo: 4096) {
          case .bytes(let bytes): complaints.append(bytes)
          case .end: messagesEnded = true
          case .nothingNow: break
          }
        }
      }
      set.watch(Interrupt.descriptor, .reading) { try Interrupt.check() }
      try set.turn()
      if said.lines(64).contains(line) { return .works }
      if consoleEnded, messagesEnded || running.process.poll() != nil {
        let status = running.process.wait(milliseconds: 1000)
        let words = complaints.lines(2).split(separator: "\n").joined(separator: "; ")
        let how = status.map { "the emulator \($0)" } ?? "the emulator hung up"
        return .fails(reason: words.isEmpty ? how : "\(how): \(words)")
      }
    }
    return .fails(reason: "a guest did not say a word within \(seconds) s")
  }
}
