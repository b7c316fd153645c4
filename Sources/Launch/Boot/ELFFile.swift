/// The little that is asked of a 64-bit little-endian ELF file (System V ABI, "Object Files").
struct ELFFile {
  private let bytes: [UInt8]

  /// `nil` unless it is such a file for x86-64.
  init?(_ bytes: [UInt8]) {
    let magic: [UInt8] = [0x7F, 0x45, 0x4C, 0x46, 2, 1, 1]
    guard bytes.count >= 64, bytes.starts(with: magic), bytes[18] == 62, bytes[19] == 0 else {
      return nil
    }
    self.bytes = bytes
  }

  private func integer(_ offset: Int, _ size: Int) -> Int? {
    guard offset >= 0, offset <= bytes.count - size else { return nil }
    var value: UInt64 = 0
    for index in 0..<size { value |= UInt64(bytes[offset + index]) << UInt64(8 * index) }
    return Int(exactly: value)
  }

  /// Offset and size in the file of the section header `index`'s contents.
  private func range(_ index: Int, _ table: Int, _ entry: Int) -> Range<Int>? {
    let header = table + index * entry
    guard let offset = integer(header + 24, 8), let size = integer(header + 32, 8),
      offset <= bytes.count, size <= bytes.count - offset
    else { return nil }
    return offset..<(offset + size)
  }

  func section(_ name: String) -> ArraySlice<UInt8>? {
    guard let table = integer(40, 8), table <= bytes.count, let entry = integer(58, 2),
      entry == 64, let count = integer(60, 2), let namesIndex = integer(62, 2),
      namesIndex < count, let names = range(namesIndex, table, entry)
    else { return nil }
    for index in 0..<count {
      guard let start = integer(table + index * entry, 4), start < names.count else { continue }
      let text = bytes[names].dropFirst(start).prefix(while: { $0 != 0 })
      guard text.elementsEqual(name.utf8), let range = range(index, table, entry) else { continue }
      return bytes[range]
    }
    return nil
  }
}
