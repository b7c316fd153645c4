package import Host

/// What a guest sees of a disk, for reading: bytes at places, whatever files they come from.
package protocol DiskContents: AnyObject {
  /// In bytes.
  var size: Int64 { get }
  /// How many overlays lie over each other here; a raw file is none.
  var overlays: Int { get }
  /// Exactly `count` bytes; zeroes past the end. `offset` and `count` are not negative.
  func read(at offset: Int64, count: Int) throws(DisksError) -> [UInt8]
}

/// A disk as a plain file. Where the file has holes there are zeroes.
package final class RawImage: DiskContents {
  package let size: Int64
  private let file: OwnedDescriptor

  package init(_ file: consuming OwnedDescriptor) throws(DisksError) {
    do throws(HostError) {
      size = try file.status().size
    } catch {
      throw .host(error)
    }
    self.file = file
  }

  package var overlays: Int { 0 }

  package func read(at offset: Int64, count: Int) throws(DisksError) -> [UInt8] {
    try file.readFilled(at: offset, count: count)
  }
}

extension OwnedDescriptor {
  /// Exactly `count` bytes; zeroes where the file has ended.
  func readFilled(at offset: Int64, count: Int) throws(DisksError) -> [UInt8] {
    var bytes: [UInt8]
    do throws(HostError) {
      bytes = try pread(at: offset, count: count)
    } catch {
      throw .host(error)
    }
    if bytes.count < count { bytes += [UInt8](repeating: 0, count: count - bytes.count) }
    return bytes
  }
}
