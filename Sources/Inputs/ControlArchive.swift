internal import CArchive

/// The small tar in a `.deb`, in whatever compression it has, read by libarchive.
enum ControlArchive {
  private static let fileLimit = 1 << 20

  /// The contents of one file at the top; `nil` if it is not there, too large or damaged.
  static func file(_ name: String, in bytes: [UInt8]) -> [UInt8]? {
    guard let reader = unsafe archive_read_new() else { return nil }
    defer { _ = unsafe archive_read_free(reader) }
    unsafe archive_read_support_filter_all(reader)
    unsafe archive_read_support_format_tar(reader)
    return unsafe bytes.withUnsafeBytes { buffer in
      guard
        unsafe archive_read_open_memory(reader, buffer.baseAddress, buffer.count) == ARCHIVE_OK
      else { return nil }
      var entry: OpaquePointer?
      while unsafe archive_read_next_header(reader, &entry) == ARCHIVE_OK {
        guard let path = unsafe archive_entry_pathname(entry) else { continue }
        let found = unsafe String(cString: path)
        if found == name || found == "./" + name { return unsafe contents(reader) }
      }
      return nil
    }
  }

  private static func contents(_ reader: OpaquePointer) -> [UInt8]? {
    var bytes: [UInt8] = []
    var part = [UInt8](repeating: 0, count: 65536)
    while true {
      let count = unsafe part.withUnsafeMutableBytes {
        unsafe archive_read_data(reader, $0.baseAddress, $0.count)
      }
      if count == 0 { return bytes }
      guard count > 0, bytes.count + count <= fileLimit else { return nil }
      bytes += part[0..<count]
    }
  }
}
