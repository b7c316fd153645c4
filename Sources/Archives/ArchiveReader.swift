internal import CArchive
internal import Glibc
internal import Host
internal import Vocabulary

/// One archive under libarchive, fed by a closure. libarchive holds a pointer to this object as
/// long as it lives, and no longer: what is unsafe in here stays in here.
@safe
final class ArchiveReader {
  static let blockSize = 1 << 18

  enum Form {
    case archive
    /// One compressed file: a single entry.
    case stream
  }

  private let name: String
  private let limits: ArchiveLimits
  /// Bytes that may come out: the smaller of both limits.
  private let most: Int64
  private let isRatio: Bool
  private let next: () throws -> [UInt8]
  private let handle: OpaquePointer
  /// Must stay where it is until libarchive asks for more, hence not an array.
  private let block = UnsafeMutableRawBufferPointer.allocate(
    byteCount: ArchiveReader.blockSize, alignment: 16)
  private var failure: (any Error)?
  private var produced: Int64 = 0
  private var checked: Int64 = 0
  private var last: String?

  init(
    named name: String, size: Int64, limits: ArchiveLimits, form: Form = .archive,
    next: @escaping () throws -> [UInt8]
  ) throws {
    self.name = name
    self.limits = limits
    self.next = next
    let (product, overflow) = size.multipliedReportingOverflow(by: Int64(limits.ratio))
    let byRatio = max(ArchiveLimits.ratioAllowance, overflow ? .max : product)
    most = min(limits.size.bytes, byRatio)
    isRatio = byRatio < limits.size.bytes
    guard let handle = unsafe archive_read_new() else {
      throw ArchivesError.unreadable(archive: name, entry: nil, reason: "out of memory")
    }
    unsafe self.handle = handle
    // Filters by name: "all" would include those that start programs.
    unsafe archive_read_support_filter_gzip(handle)
    unsafe archive_read_support_filter_bzip2(handle)
    unsafe archive_read_support_filter_xz(handle)
    unsafe archive_read_support_filter_lzma(handle)
    unsafe archive_read_support_filter_lz4(handle)
    unsafe archive_read_support_filter_zstd(handle)
    switch form {
    case .archive:
      unsafe archive_read_support_format_tar(handle)
      unsafe archive_read_support_format_ar(handle)
    case .stream: unsafe archive_read_support_format_raw(handle)
    }
    let opened = unsafe archive_read_open(
      handle, Unmanaged.passUnretained(self).toOpaque(), nil,
      { _, context, buffer in
        guard let context = unsafe context, let buffer = unsafe buffer else { return -1 }
        let reader = unsafe Unmanaged<ArchiveReader>.fromOpaque(context).takeUnretainedValue()
        return unsafe reader.feed(buffer)
      }, nil)
    if opened != ARCHIVE_OK { throw error }
  }

  deinit {
    unsafe archive_read_free(handle)
    unsafe block.deallocate()
  }

  /// The block stays valid until the next call, as libarchive asks.
  private func feed(_ buffer: UnsafeMutablePointer<UnsafeRawPointer?>) -> Int {
    do {
      let bytes = try next()
      let count = min(bytes.count, Self.blockSize)
      unsafe block.copyBytes(from: bytes.prefix(count))
      unsafe buffer.pointee = UnsafeRawPointer(block.baseAddress)
      return count
    } catch {
      failure = error
      return -1
    }
  }

  /// What the source threw, otherwise what libarchive says.
  private var error: any Error {
    if let failure { return failure }
    let text = unsafe archive_error_string(handle).map { unsafe String(cString: $0) }
    return ArchivesError.unreadable(archive: name, entry: last, reason: text ?? "unknown format")
  }

  func forEachEntry(_ body: (ArchiveEntry, ArchiveData) throws -> Bool) throws {
    var number = 0
    while true {
      try Interrupt.check()
      var raw: OpaquePointer?
      let result = unsafe archive_read_next_header(handle, &raw)
      if result == ARCHIVE_EOF { return }
      // A warning is about character sets: names come as raw bytes then, which is what we want.
      guard result == ARCHIVE_OK || result == ARCHIVE_WARN, let raw = unsafe raw else {
        throw error
      }
      number += 1
      if number > limits.entries {
        throw ArchivesError.tooManyEntries(archive: name, limit: limits.entries)
      }
      guard let entry = unsafe ArchiveEntry(raw) else {
        throw ArchivesError.badName(archive: name, number: number)
      }
      last = entry.printableName
      let data = ArchiveData(archive: name, entry: entry) { try self.read(upTo: $0) }
      defer { data.close() }
      guard try body(entry, data) else { return }
      // Stepped over by reading, so that limits and damage count here too.
      while try !read(upTo: Self.blockSize).isEmpty {}
    }
  }

  /// Holes of sparse entries come as zeroes.
  private func read(upTo count: Int) throws -> [UInt8] {
    var got = 0
    let bytes = unsafe [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
      got = unsafe archive_read_data(handle, buffer.baseAddress, count)
      filled = max(0, got)
    }
    if got < 0 { throw error }
    produced += Int64(got)
    if produced > most {
      throw isRatio
        ? ArchivesError.bomb(archive: name, ratio: limits.ratio)
        : ArchivesError.tooLarge(archive: name, limit: limits.size)
    }
    if produced - checked > 4 << 20 {
      checked = produced
      try Interrupt.check()
    }
    return bytes
  }
}

extension ArchiveEntry {
  /// `nil` if libarchive has no name for it, or one with nothing in it.
  fileprivate init?(_ raw: OpaquePointer) {
    func bytes(_ text: UnsafePointer<CChar>?) -> [UInt8]? {
      guard let text = unsafe text else { return nil }
      return unsafe Array(UnsafeRawBufferPointer(start: text, count: strlen(text)))
    }
    guard let name = unsafe bytes(archive_entry_pathname(raw)), !name.isEmpty else { return nil }
    let device = unsafe (
      major: UInt32(truncatingIfNeeded: archive_entry_rdevmajor(raw)),
      minor: UInt32(truncatingIfNeeded: archive_entry_rdevminor(raw))
    )
    let kind: Kind
    if let target = unsafe bytes(archive_entry_hardlink(raw)) {
      kind = .hardLink(target: target)
    } else {
      switch unsafe archive_entry_filetype(raw) {
      case S_IFDIR: kind = .directory
      case S_IFLNK: kind = .symlink(target: unsafe bytes(archive_entry_symlink(raw)) ?? [])
      case S_IFIFO: kind = .fifo
      case S_IFCHR: kind = .characterDevice(major: device.major, minor: device.minor)
      case S_IFBLK: kind = .blockDevice(major: device.major, minor: device.minor)
      case S_IFSOCK: kind = .socket
      default: kind = .file
      }
    }
    self.init(
      name: name, kind: kind, mode: UInt32(unsafe archive_entry_perm(raw)) & 0o7777,
      uid: UInt32(truncatingIfNeeded: unsafe archive_entry_uid(raw)),
      gid: UInt32(truncatingIfNeeded: unsafe archive_entry_gid(raw)),
      size: unsafe archive_entry_size(raw), modified: Int64(unsafe archive_entry_mtime(raw)),
      attributes: unsafe Self.attributes(of: raw))
  }

  private static func attributes(of raw: OpaquePointer) -> [Attribute] {
    var found: [Attribute] = []
    unsafe archive_entry_xattr_reset(raw)
    var name: UnsafePointer<CChar>?
    var value: UnsafeRawPointer?
    var size = 0
    while unsafe archive_entry_xattr_next(raw, &name, &value, &size) == ARCHIVE_OK {
      guard let name = unsafe name else { continue }
      found.append(
        Attribute(
          name: unsafe Array(UnsafeRawBufferPointer(start: name, count: strlen(name))),
          value: unsafe Array(UnsafeRawBufferPointer(start: value, count: size))))
    }
    return found.sorted { $0.name.lexicographicallyPrecedes($1.name) }
  }
}
