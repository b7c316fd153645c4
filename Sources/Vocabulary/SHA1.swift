internal import Crypto

/// For formats of others that have it built in (FIPS 180-4); nothing of ours trusts it.
package enum SHA1 {
  /// 20 bytes.
  package static func digest(of bytes: [UInt8]) -> [UInt8] {
    Array(Insecure.SHA1.hash(data: bytes))
  }
}
