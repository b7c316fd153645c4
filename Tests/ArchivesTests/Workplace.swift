import Glibc
import Host
import Vocabulary

/// A directory of a test's own, gone with it.
final class Workplace {
  let path: String

  init() throws {
    let base = HostEnvironment.current["TMPDIR"] ?? "/tmp"
    path = "\(base)/hutch-test-\(Hex.encode(Randomness.bytes(8)))"
    try Files.makeDirectories(path)
  }

  deinit { try? Files.removeTree(path) }

  func file(_ name: String) -> String { "\(path)/\(name)" }

  func write(_ name: String, _ text: String) throws {
    try Files.makeDirectories(Files.parent(of: file(name)))
    try Files.write(file(name), Array(text.utf8), durable: false)
  }

  func shell(_ script: String) throws {
    _ = try Processes.runChecked(
      Command("/bin/sh", ["-ec", script], workingDirectory: path))
  }
}

func readFile(_ path: String) throws -> [UInt8] { try Files.read(path, limit: 64 << 20) }

/// Repeatable noise (Steele, Lea and Flood, "Fast Splittable Pseudorandom Number Generators").
struct SplitMix: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
    return mixed ^ (mixed >> 31)
  }
}
