/// A tar file as somebody else may have made it: any name, any kind, any order
/// (POSIX.1-2008, pax, "ustar Interchange Format").
struct OddTar: Sendable {
  private(set) var bytes: [UInt8] = []

  init() {}

  init(bytes: some Sequence<UInt8>) { self.bytes = Array(bytes) }

  var whole: [UInt8] { bytes + [UInt8](repeating: 0, count: 1024) }

  /// - Parameter kind: `0` file, `1` hard link, `2` symbolic link, `3` and `4` devices,
  ///   `5` directory, `6` FIFO.
  func adding(
    _ name: String, kind: Character = "0", link: String = "x", text: String = "",
    mode: Int = 0o644, modified: Int = 1_500_000_000, device: (Int, Int) = (1, 3)
  ) -> OddTar {
    adding(
      name, kind: kind, link: kind == "1" || kind == "2" ? link : "", data: Array(text.utf8),
      mode: mode, modified: modified, device: device)
  }

  func adding(
    _ name: String, kind: Character = "0", link: String = "", data: [UInt8],
    mode: Int = 0o644, modified: Int = 1_500_000_000, device: (Int, Int) = (1, 3)
  ) -> OddTar {
    var header = [UInt8](repeating: 0, count: 512)
    func put(_ text: String, at offset: Int) {
      for (index, byte) in text.utf8.enumerated() { header[offset + index] = byte }
    }
    func octal(_ number: Int, _ digits: Int) -> String {
      let text = String(number, radix: 8)
      return String(repeating: "0", count: digits - text.count) + text
    }
    put(name, at: 0)
    put(octal(mode, 7), at: 100)
    put(octal(1000, 7), at: 108)
    put(octal(1000, 7), at: 116)
    put(octal(data.count, 11), at: 124)
    put(octal(modified, 11), at: 136)
    put("        ", at: 148)
    put(String(kind), at: 156)
    put(link, at: 157)
    put("ustar\u{0}00", at: 257)
    put("maker", at: 265)
    put(octal(device.0, 7), at: 329)
    put(octal(device.1, 7), at: 337)
    put(octal(header.reduce(0) { $0 + Int($1) }, 6), at: 148)
    var all = self
    all.bytes += header + data
    all.bytes += [UInt8](repeating: 0, count: (512 - data.count % 512) % 512)
    return all
  }
}
