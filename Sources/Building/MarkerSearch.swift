/// Finds any of some fixed byte strings in a text, all at once, reading about every third byte
/// (Wu and Manber, "A Fast Algorithm for Multi-Pattern Searching", 1994): every file of every layer
/// goes through here.
struct MarkerSearch: Sendable {
  private let markers: [[UInt8]]
  /// By the two bytes that end the window: how far it may move without missing a marker's end.
  private let shifts: [UInt8]
  /// Markers by the last two bytes.
  private let endings: [UInt16: [Int]]

  /// Only the last so many bytes of a marker steer the search; the rest is compared.
  private static let window = 4
  /// Shorter ones can't be looked for.
  static let shortest = 3

  init(_ markers: [[UInt8]]) {
    var shifts = [UInt8](repeating: UInt8(Self.window - 1), count: 1 << 16)
    var endings: [UInt16: [Int]] = [:]
    func limit(_ pair: UInt16, to distance: Int) {
      shifts[Int(pair)] = min(shifts[Int(pair)], UInt8(distance))
    }
    for (index, marker) in markers.enumerated() {
      precondition(marker.count >= Self.shortest, "too short to be looked for")
      let last = marker.count - 1
      endings[Self.pair(marker[last - 1], marker[last]), default: []].append(index)
      for distance in 0..<(Self.window - 1) {
        let second = marker[last - distance]
        if distance < last {
          limit(Self.pair(marker[last - distance - 1], second), to: distance)
        } else {
          // A marker that is shorter than the window: anything may stand before it.
          for first in 0...UInt8.max { limit(Self.pair(first, second), to: distance) }
        }
      }
    }
    self.markers = markers
    self.shifts = shifts
    self.endings = endings
  }

  /// Calls `body` with the number of a marker and where it stands until that answers `true`.
  func firstHit(
    in text: [UInt8], where body: (_ marker: Int, _ range: Range<Int>) -> Bool
  ) -> Bool {
    unsafe text.withUnsafeBytes { bytes in
      unsafe shifts.withUnsafeBufferPointer { shifts in
        var end = Self.shortest - 1
        // `end` is below the count and at least 2, and a pair is an index of the table.
        while end < bytes.count {
          let pair = unsafe UInt16(
            littleEndian: bytes.loadUnaligned(fromByteOffset: end - 1, as: UInt16.self))
          let shift = unsafe Int(shifts[Int(pair)])
          if shift > 0 {
            end += shift
            continue
          }
          for marker in endings[pair] ?? [] {
            let start = end + 1 - markers[marker].count
            guard start >= 0, unsafe bytes[start...end].elementsEqual(markers[marker]) else {
              continue
            }
            if body(marker, start..<(end + 1)) { return true }
          }
          end += 1
        }
        return false
      }
    }
  }

  private static func pair(_ first: UInt8, _ second: UInt8) -> UInt16 {
    UInt16(first) | UInt16(second) << 8
  }
}
