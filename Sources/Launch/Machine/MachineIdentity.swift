package import GuestProtocol
internal import Host
internal import Vocabulary

/// What tells a VM from its siblings.
package enum MachineIdentity {
  /// `seed` is the VM's, kept in the catalog: the same machine keeps its ID over restarts. The
  /// entropy is new each time; the seed only stirs it.
  package static func make(hostname: String, seed: [UInt8]) -> GuestIdentity {
    GuestIdentity(
      hostname: [UInt8](hostname.utf8), machineID: machineID(seed: seed),
      entropy: Randomness.bytes(64) + derive("entropy", from: seed))
  }

  /// A random UUID by its form (RFC 9562, version 4), as machine-id(5) recommends.
  package static func machineID(seed: [UInt8]) -> [UInt8] {
    var bytes = [UInt8](derive("machine-id", from: seed).prefix(16))
    bytes[6] = bytes[6] & 0x0F | 0x40
    bytes[8] = bytes[8] & 0x3F | 0x80
    return bytes
  }

  /// 32 bytes that tell nothing about the seed or about each other.
  package static func derive(_ purpose: String, from seed: [UInt8]) -> [UInt8] {
    Digest.of([UInt8]("hutch \(purpose)\0".utf8) + seed).bytes
  }
}
