/// Something that is read as a disk is: bytes at places, nothing else.
package protocol BlockSource: AnyObject {
  /// In bytes.
  var size: Int64 { get }
  /// What it is called where something is wrong with it: the path of its topmost file.
  var name: String { get }
  /// Exactly `count` bytes; `.outsideOfDisk` where there are not so many.
  func read(at offset: Int64, count: Int) throws(DisksError) -> [UInt8]
}

extension BlockSource {
  /// That a range lies within.
  func require(_ offset: Int64, _ count: Int) throws(DisksError) {
    guard offset >= 0, count >= 0, offset <= size, Int64(count) <= size - offset else {
      throw .outsideOfDisk(path: name, offset: offset, count: count)
    }
  }
}
