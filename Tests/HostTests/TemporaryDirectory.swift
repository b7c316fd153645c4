import Glibc
import Host
import Vocabulary

/// A directory of a test's own, gone with it.
final class TemporaryDirectory {
  let path: String

  init() throws {
    let base = HostEnvironment.current["TMPDIR"] ?? "/tmp"
    path = "\(base)/hutch-test-\(Hex.encode(Randomness.bytes(8)))"
    try Files.makeDirectories(path)
  }

  deinit { try? Files.removeTree(path) }
}
