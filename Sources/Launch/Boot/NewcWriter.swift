/// Writes a cpio archive in the `newc` format, which the kernel unpacks as its first file system
/// (`Documentation/driver-api/early-userspace/buffer-format.rst`). Same entries, same bytes:
/// owners are 0, times are 0, inode numbers count up.
package struct NewcWriter: Sendable {
  private var bytes: [UInt8] = []
  private var inode: UInt32 = 0

  package init() {}

  /// Parents come first. `path` has no leading slash.
  package mutating func addDirectory(_ path: String, mode: UInt32 = 0o755) {
    add(path, mode: 0o040000 | mode, links: 2, content: [])
  }

  package mutating func addFile(_ path: String, mode: UInt32, content: [UInt8]) {
    add(path, mode: 0o100000 | mode, links: 1, content: content)
  }

  /// The archive, with its trailer, padded to 512 bytes.
  package consuming func finish() -> [UInt8] {
    inode = 0
    add("TRAILER!!!", mode: 0, links: 1, content: [], isTrailer: true)
    pad(to: 512)
    return bytes
  }

  private mutating func add(
    _ path: String, mode: UInt32, links: UInt32, content: [UInt8], isTrailer: Bool = false
  ) {
    if !isTrailer { inode += 1 }
    let name = [UInt8](path.utf8)
    precondition(!name.isEmpty && !name.contains(0) && content.count < Int(UInt32.max))
    // c_ino, c_mode, c_uid, c_gid, c_nlink, c_mtime, c_filesize, c_maj, c_min, c_rmaj, c_rmin,
    // c_namesize, c_chksum
    let fields: [UInt32] = [
      inode, mode, 0, 0, links, 0, UInt32(content.count), 0, 0, 0, 0, UInt32(name.count + 1), 0,
    ]
    bytes += "070701".utf8
    for field in fields { appendHexadecimal(field) }
    bytes += name + [0]
    pad(to: 4)
    bytes += content
    pad(to: 4)
  }

  private mutating func appendHexadecimal(_ value: UInt32) {
    let digits = [UInt8]("0123456789abcdef".utf8)
    for shift in stride(from: 28, through: 0, by: -4) {
      bytes.append(digits[Int(value >> UInt32(shift) & 0xF)])
    }
  }

  private mutating func pad(to alignment: Int) {
    let rest = bytes.count % alignment
    if rest > 0 { bytes += [UInt8](repeating: 0, count: alignment - rest) }
  }
}
