package import Vocabulary

/// The data of the entry that is being looked at. Good only during the call that hands it out;
/// afterwards it reads as empty.
package final class ArchiveData {
  /// Archive and entry, for errors.
  let name: String
  /// As announced.
  let size: Int64
  private let entry: String
  private let archive: String
  private var source: ((Int) throws -> [UInt8])?

  init(archive: String, entry: ArchiveEntry, source: @escaping (Int) throws -> [UInt8]) {
    self.archive = archive
    self.entry = entry.printableName
    name = "\(archive): \(entry.printableName)"
    size = entry.size
    self.source = source
  }

  /// At most `count` bytes, in order; none at the end.
  package func read(upTo count: Int) throws -> [UInt8] { try source?(count) ?? [] }

  /// Everything that is left; `.entryTooLarge` past `limit`.
  package func readAll(limit: ByteCount) throws -> [UInt8] {
    var all: [UInt8] = []
    while true {
      let part = try read(upTo: 1 << 18)
      if part.isEmpty { return all }
      guard Int64(all.count + part.count) <= limit.bytes else {
        throw ArchivesError.entryTooLarge(archive: archive, entry: entry, limit: limit)
      }
      all += part
    }
  }

  func close() { source = nil }
}
