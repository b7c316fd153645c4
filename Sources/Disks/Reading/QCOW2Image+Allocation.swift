/// A part of a disk that an overlay has of its own.
package struct AllocatedRange: Sendable, Hashable {
  /// Bytes of the disk.
  package var range: Range<Int64>
  /// Marked as zeroes, without data.
  package var isZero: Bool
}

extension QCOW2Image {
  /// The first part of `range` that this overlay itself has, whatever lies below has there: data or
  /// zeroes, as long as possible. `nil` if all of it comes from below.
  package func firstAllocated(in range: Range<Int64>) throws(DisksError) -> AllocatedRange? {
    let end = min(range.upperBound, size)
    var place = range.lowerBound
    var found: AllocatedRange?
    while place < end {
      let (origin, count) = try stretch(at: place, limit: end - place)
      if origin == .backing {
        if let found { return found }
      } else if let known = found {
        guard known.isZero == (origin == .zero) else { return known }
        found?.range = known.range.lowerBound..<place + count
      } else {
        found = AllocatedRange(range: place..<place + count, isZero: origin == .zero)
      }
      place += count
    }
    return found
  }

  /// All that this overlay itself has, ascending.
  package func forEachAllocated(
    _ body: (AllocatedRange) throws(DisksError) -> Void
  ) throws(DisksError) {
    var place: Int64 = 0
    while let next = try firstAllocated(in: place..<max(place, size)) {
      try body(next)
      place = next.range.upperBound
    }
  }
}
