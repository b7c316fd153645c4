internal import CArchive
package import Vocabulary

/// A wheel is a zip archive ("Binary distribution format", PyPA specifications).
package enum WheelArchive {
  /// Zip can say no earlier date, and builders that want none at all write it or this one.
  private static let noDate: Int64 = 1_580_688_000  // 2020-02-03

  /// The newest time of its members; `nil` if they have none that means anything. Times in a zip
  /// archive have no time zone: it is right to a day.
  package static func date(of path: String) -> SourceDate? {
    guard let reader = unsafe archive_read_new() else { return nil }
    defer { _ = unsafe archive_read_free(reader) }
    unsafe archive_read_support_format_zip_seekable(reader)
    guard unsafe archive_read_open_filename(reader, path, 65536) == ARCHIVE_OK else { return nil }
    var newest: Int64 = 0
    var entry: OpaquePointer?
    // What tells of more members than any wheel has is asked no further.
    for _ in 0..<200_000 {
      guard unsafe archive_read_next_header(reader, &entry) == ARCHIVE_OK else { break }
      newest = max(newest, Int64(unsafe archive_entry_mtime(entry)))
    }
    return newest > noDate ? SourceDate(newest) : nil
  }
}
