import Host

/// A tar file as somebody else may have made it: any name, any kind, any owner
/// (POSIX.1-2008, pax, "ustar Interchange Format").
struct ForeignTar {
  private(set) var bytes: [UInt8] = []

  /// - Parameter kind: `0` file, `1` hard link, `2` symbolic link, `3` and `4` devices,
  ///   `5` directory, `6` FIFO.
  func adding(
    _ name: String, kind: Character = "0", link: String = "", text: String = "", mode: Int = 0o644,
    modified: Int = 1_500_000_000
  ) -> ForeignTar {
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
    put(octal(text.utf8.count, 11), at: 124)
    put(octal(modified, 11), at: 136)
    put("        ", at: 148)
    put(String(kind), at: 156)
    put(link, at: 157)
    put("ustar\u{0}00", at: 257)
    put("maker", at: 265)
    put(octal(1, 7), at: 329)
    put(octal(3, 7), at: 337)
    put(octal(header.reduce(0) { $0 + Int($1) }, 6), at: 148)
    var all = self
    all.bytes += header + Array(text.utf8)
    all.bytes += [UInt8](repeating: 0, count: (512 - text.utf8.count % 512) % 512)
    return all
  }

  /// - Parameter filter: a program that compresses its input; `cat` for none.
  func write(to path: String, through filter: String = "cat") throws {
    let whole = bytes + [UInt8](repeating: 0, count: 1024)
    let packed = try Processes.runChecked(Command(filter, []), input: whole)
    try Files.write(path, packed.output)
  }
}
