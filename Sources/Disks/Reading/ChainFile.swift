package import Host

/// One file of a disk's chain, opened by whoever knows that it belongs there. No header of any
/// file makes the readers open another.
package final class ChainFile {
  let file: OwnedDescriptor
  /// For errors only.
  package let path: String
  /// What the header of the file above must call it.
  package let name: String
  package let format: BackingFormat

  package init(
    _ file: consuming OwnedDescriptor, path: String, name: String, format: BackingFormat
  ) {
    self.file = file
    self.path = path
    self.name = name
    self.format = format
  }

  /// Of a qcow2 file.
  package func header() throws(DisksError) -> QCOW2Header {
    try QCOW2Header.read(from: file, path: path)
  }

  func size() throws(DisksError) -> Int64 {
    do {
      return try file.status().size
    } catch {
      throw .host(error)
    }
  }

  /// What lies past the end of the file reads as zeroes.
  func read(at offset: Int64, count: Int) throws(DisksError) -> [UInt8] {
    do {
      let bytes = try file.pread(at: offset, count: count)
      if bytes.count == count { return bytes }
      return bytes + [UInt8](repeating: 0, count: count - bytes.count)
    } catch {
      throw .host(error)
    }
  }
}
