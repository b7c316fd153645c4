import Glibc
import Host
import Layers
import Vocabulary

/// A directory of a test's own, gone with it.
final class Workplace {
  let path: String

  init(in base: String? = nil) throws {
    let base = base ?? HostEnvironment.current["TMPDIR"] ?? "/tmp"
    path = "\(base)/hutch-test-\(Hex.encode(Randomness.bytes(8)))"
    try Files.makeDirectories(path)
  }

  deinit { try? Files.removeTree(path) }

  func file(_ name: String) -> String { "\(path)/\(name)" }

  /// A new directory with mode 0755, whatever the umask.
  func directory(_ name: String) throws -> String {
    try Files.makeDirectories(file(name))
    try Files.setMode(file(name), 0o755)
    return file(name)
  }

  func pack(_ tree: String, as name: String = "layer") throws -> PackedLayer {
    try LayerPacker().pack(
      try OwnedDescriptor.open(tree, .directory), blob: file(name), table: file(name + ".toc"))
  }

  /// Frames of any bytes, canonical or not.
  func blob(_ bytes: [UInt8], as name: String = "layer", threads: Int = 2) throws -> Digest {
    let compressor = FrameCompressor(
      to: try OwnedDescriptor.open(file(name), .createExclusive(mode: 0o644)), threads: threads)
    try compressor.append(bytes[...])
    return try compressor.finish().blob
  }

  func plain(_ name: String = "layer") throws -> [UInt8] {
    let reader = try FrameReader(file(name))
    return try reader.read(at: 0, count: Int(reader.table.size))
  }

  func run(_ program: String, _ arguments: [String], input: [UInt8] = []) throws -> CommandResult {
    try Processes.runChecked(
      Command(program, arguments, workingDirectory: path), input: input)
  }
}

func readFile(_ path: String) throws -> [UInt8] { try Files.read(path, limit: 64 << 20) }

func path(_ text: String) -> GuestPath {
  guard let path = GuestPath(text) else { preconditionFailure("a path of a test: \(text)") }
  return path
}

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

  mutating func bytes(_ count: Int) -> [UInt8] {
    (0..<count).map { _ in UInt8(truncatingIfNeeded: next()) }
  }
}
