/// Writes headers of a tar stream; contents and padding are the caller's to write.
package enum TarEncoder {
  /// The two zero blocks at the end.
  package static let end = [UInt8](repeating: 0, count: 1024)

  /// A pax header if one is needed, and the ustar header. `size` bytes of content and
  /// `TarRules.padding(after:)` zeroes follow.
  package static func header(_ entry: TarEntry) throws(TarError) -> [UInt8] {
    var path = try TarRules.normalized(entry.path, kind: entry.kind)
    guard entry.size <= TarRules.sizeLimit, entry.kind == .regular || entry.size == 0,
      entry.modifiedNanoseconds < 1_000_000_000
    else { throw .field("size", offset: 0) }
    if path.isEmpty { path = [UInt8(ascii: ".")] }
    if entry.kind == .directory { path.append(UInt8(ascii: "/")) }
    let isLink = entry.kind == .hardLink || entry.kind == .symbolicLink
    guard isLink == !entry.target.isEmpty, entry.target.count <= TarRules.pathLimit,
      !entry.target.contains(0)
    else { throw .target(path: entry.path) }

    var records: [UInt8] = []
    if path.count > 100 { records += record("path", path) }
    if entry.target.count > 100 { records += record("linkpath", entry.target) }
    if entry.size > 0o77_777_777_777 { records += record("size", decimal(entry.size)) }
    let plainTime = entry.modified >= 0 && entry.modified <= 0o77_777_777_777
    if !plainTime || entry.modifiedNanoseconds != 0 { records += record("mtime", time(entry)) }

    var bytes: [UInt8] = []
    if !records.isEmpty {
      let size = UInt64(records.count)
      bytes += block(
        path: [UInt8]("pax".utf8), flag: UInt8(ascii: "x"), mode: 0o644, size: size, time: 0)
      bytes += records
      bytes += [UInt8](repeating: 0, count: TarRules.padding(after: size))
    }
    let flag: UInt8 =
      switch entry.kind {
      case .regular: UInt8(ascii: "0")
      case .hardLink: UInt8(ascii: "1")
      case .symbolicLink: UInt8(ascii: "2")
      case .directory: UInt8(ascii: "5")
      }
    bytes += block(
      path: path, flag: flag, mode: entry.mode & 0o7777,
      size: entry.size > 0o77_777_777_777 ? 0 : entry.size,
      time: plainTime ? UInt64(entry.modified) : 0, target: entry.target)
    return bytes
  }

  private static func block(
    path: [UInt8], flag: UInt8, mode: UInt32, size: UInt64, time: UInt64, target: [UInt8] = []
  ) -> [UInt8] {
    var block = [UInt8](repeating: 0, count: TarRules.block)
    func put(_ bytes: some Sequence<UInt8>, at offset: Int) {
      for (index, byte) in bytes.enumerated() { block[offset + index] = byte }
    }
    put(path.prefix(100), at: 0)
    put(octal(UInt64(mode), digits: 7), at: 100)
    put(octal(0, digits: 7), at: 108)
    put(octal(0, digits: 7), at: 116)
    put(octal(size, digits: 11), at: 124)
    put(octal(time, digits: 11), at: 136)
    put("        ".utf8, at: 148)
    block[156] = flag
    put(target.prefix(100), at: 157)
    put("ustar\u{0}00".utf8, at: 257)
    let sum = block.reduce(UInt64(0)) { $0 + UInt64($1) }
    put(octal(sum, digits: 6), at: 148)
    block[154] = 0
    block[155] = UInt8(ascii: " ")
    return block
  }

  private static func octal(_ value: UInt64, digits: Int) -> [UInt8] {
    (0..<digits).map { UInt8(ascii: "0") + UInt8(value >> (3 * UInt64(digits - 1 - $0)) & 7) }
  }

  private static func decimal(_ value: UInt64) -> [UInt8] { [UInt8](String(value).utf8) }

  /// Seconds with a fraction of nine digits; negative times count the fraction downwards.
  private static func time(_ entry: TarEntry) -> [UInt8] {
    var seconds = entry.modified
    var nanoseconds = entry.modifiedNanoseconds
    let negative = seconds < 0
    if negative, nanoseconds > 0 {
      seconds += 1
      nanoseconds = 1_000_000_000 - nanoseconds
    }
    var text = (negative ? "-" : "") + String(seconds.magnitude)
    if nanoseconds > 0 {
      let digits = String(nanoseconds)
      text += "." + String(repeating: "0", count: 9 - digits.utf8.count) + digits
    }
    return [UInt8](text.utf8)
  }

  /// `LENGTH key=value\n`, where the length counts itself.
  private static func record(_ key: String, _ value: [UInt8]) -> [UInt8] {
    let rest = key.utf8.count + value.count + 3
    var length = rest + 1
    while String(length).utf8.count + rest != length { length += 1 }
    return [UInt8]("\(length) \(key)=".utf8) + value + [UInt8(ascii: "\n")]
  }
}
