/// The hash by which large directories are sorted: half of MD4, names as unsigned bytes (ext4
/// documentation, "Hash Tree Directories"; Linux, `fs/ext4/hash.c`).
struct DirectoryHash {
  /// `s_hash_seed`: four words.
  let seed: [UInt32]

  init(seed: [UInt8]) {
    self.seed = (0..<4).map { word in
      seed[word * 4..<word * 4 + 4].reversed().reduce(0) { $0 << 8 | UInt32($1) }
    }
  }

  /// The lowest bit is always 0: the tree uses it to mark that a block goes on with the last
  /// hash of the one before.
  func callAsFunction(_ name: [UInt8]) -> UInt32 {
    var state = seed
    var rest = name[...]
    while !rest.isEmpty {
      Self.transform(&state, Self.words(rest))
      rest = rest.dropFirst(32)
    }
    let hash = state[1] & ~1
    // The largest one means "the end".
    return hash == 0xFFFF_FFFE ? 0xFFFF_FFFC : hash
  }

  /// 32 bytes as eight words, filled up with the length.
  private static func words(_ name: ArraySlice<UInt8>) -> [UInt32] {
    let length = UInt32(name.count)
    var pad = length | length << 8
    pad |= pad << 16
    var words: [UInt32] = []
    var value = pad
    for (index, byte) in name.prefix(32).enumerated() {
      value = UInt32(byte) &+ value << 8
      if index % 4 == 3 {
        words.append(value)
        value = pad
      }
    }
    if words.count < 8 { words.append(value) }
    while words.count < 8 { words.append(pad) }
    return words
  }

  private static func transform(_ state: inout [UInt32], _ input: [UInt32]) {
    var (a, b, c, d) = (state[0], state[1], state[2], state[3])
    func turn(_ value: UInt32, _ bits: UInt32) -> UInt32 { value << bits | value >> (32 - bits) }
    func round(
      _ order: [Int], _ shifts: [UInt32], _ constant: UInt32,
      _ mix: (UInt32, UInt32, UInt32) -> UInt32
    ) {
      for (index, word) in order.enumerated() {
        let sum = a &+ mix(b, c, d) &+ input[word] &+ constant
        (a, b, c, d) = (d, turn(sum, shifts[index % 4]), b, c)
      }
    }
    round([0, 1, 2, 3, 4, 5, 6, 7], [3, 7, 11, 19], 0) { $2 ^ ($0 & ($1 ^ $2)) }
    round([1, 3, 5, 7, 0, 2, 4, 6], [3, 5, 9, 13], 0x5A82_7999) { ($0 & $1) &+ (($0 ^ $1) & $2) }
    round([3, 7, 2, 6, 1, 5, 0, 4], [3, 9, 11, 15], 0x6ED9_EBA1) { $0 ^ $1 ^ $2 }
    state[0] &+= a
    state[1] &+= b
    state[2] &+= c
    state[3] &+= d
  }
}
