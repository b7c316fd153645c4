internal import CArchive

/// Reading archives with libarchive. Formats and filters are named, so that no helper program is
/// ever started and nothing unexpected is accepted.
enum Unpacking {
  /// Calls `visit` for each regular file of an `ar` (with `tar` false) or a compressed tar;
  /// its closure argument reads the contents. Ends when `visit` returns false.
  static func files(
    in bytes: [UInt8], tar: Bool, path: String,
    _ visit: (_ name: String, _ read: (_ limit: Int) throws -> [UInt8]) throws -> Bool
  ) throws {
    try bytes.withUnsafeBytes { buffer in
      let archive = unsafe try open(path: path) { archive in
        if tar {
          unsafe archive_read_support_format_tar(archive)
          unsafe addFilters(archive)
        } else {
          unsafe archive_read_support_format_ar(archive)
        }
        return unsafe archive_read_open_memory(archive, buffer.baseAddress, buffer.count)
      }
      defer { unsafe archive_read_free(archive) }
      while true {
        var entry: OpaquePointer?
        let result = unsafe archive_read_next_header(archive, &entry)
        if result == ARCHIVE_EOF { return }
        unsafe try check(result, archive, path)
        guard let name = unsafe archive_entry_pathname(entry) else { continue }
        // AE_IFREG; ar members have no type but this one.
        guard unsafe archive_entry_filetype(entry) == 0o100000 else { continue }
        let goOn = try visit(unsafe String(cString: name)) { limit in
          unsafe try readAll(archive, limit: limit, path: path)
        }
        if !goOn { return }
      }
    }
  }

  /// One compressed stream: zstd, xz or gzip.
  static func decompress(_ bytes: [UInt8], limit: Int, path: String) throws -> [UInt8] {
    try bytes.withUnsafeBytes { buffer in
      let archive = unsafe try open(path: path) { archive in
        unsafe archive_read_support_format_raw(archive)
        unsafe addFilters(archive)
        return unsafe archive_read_open_memory(archive, buffer.baseAddress, buffer.count)
      }
      defer { unsafe archive_read_free(archive) }
      var entry: OpaquePointer?
      unsafe try check(archive_read_next_header(archive, &entry), archive, path)
      return unsafe try readAll(archive, limit: limit, path: path)
    }
  }

  private static func addFilters(_ archive: OpaquePointer?) {
    unsafe archive_read_support_filter_zstd(archive)
    unsafe archive_read_support_filter_xz(archive)
    unsafe archive_read_support_filter_gzip(archive)
  }

  private static func open(
    path: String, _ setUp: (OpaquePointer?) -> Int32
  ) throws -> OpaquePointer? {
    let archive = unsafe archive_read_new()
    let result = unsafe setUp(archive)
    do {
      unsafe try check(result, archive, path)
    } catch {
      unsafe archive_read_free(archive)
      throw error
    }
    return unsafe archive
  }

  private static func check(_ result: Int32, _ archive: OpaquePointer?, _ path: String) throws {
    // Warnings are about names and times, which do not matter here.
    if result >= ARCHIVE_WARN { return }
    let text = unsafe archive_error_string(archive)
    throw LaunchError.kernelPackage(
      path: path, reason: unsafe text.map { unsafe String(cString: $0) } ?? "damaged archive")
  }

  private static func readAll(
    _ archive: OpaquePointer?, limit: Int, path: String
  ) throws -> [UInt8] {
    var all: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 1 << 18)
    while true {
      let count = unsafe archive_read_data(archive, &buffer, buffer.count)
      if count == 0 { return all }
      if count < 0 { unsafe try check(Int32(count), archive, path) }
      all += buffer.prefix(max(0, count))
      guard all.count <= limit else {
        throw LaunchError.kernelPackage(
          path: path, reason: "a file in it is larger than \(limit) bytes")
      }
    }
  }
}
