/// A number of bytes. Printed for people in powers of 1024, in JSON always as the integer.
package struct ByteCount: Hashable, Sendable, Comparable, CustomStringConvertible {
  package var bytes: Int64
  package init(_ bytes: Int64) { self.bytes = bytes }
  package init(_ bytes: Int) { self.bytes = Int64(bytes) }

  package static func kibibytes(_ count: Int64) -> ByteCount { ByteCount(count << 10) }
  package static func mebibytes(_ count: Int64) -> ByteCount { ByteCount(count << 20) }
  package static func gibibytes(_ count: Int64) -> ByteCount { ByteCount(count << 30) }
  package static let zero = ByteCount(0 as Int64)

  /// Accepts what people write for a size: `4G`, `512M`, `64K`, `1T`, `4GiB`, `4096`. All powers
  /// of 1024. `nil` for anything else, for negative numbers and for what 63 bits cannot hold.
  package init?(_ text: some StringProtocol) {
    let digits = text.prefix(while: { $0.isASCII && $0.isNumber })
    guard let number = Int64(digits) else { return nil }
    var unit = String(text.dropFirst(digits.count)).uppercased()
    if unit.hasSuffix("IB") { unit.removeLast(2) } else if unit.hasSuffix("B") { unit.removeLast() }
    let shifts = ["": 0, "K": 10, "M": 20, "G": 30, "T": 40]
    guard let shift = shifts[unit] else { return nil }
    let (product, overflow) = number.multipliedReportingOverflow(by: Int64(1) << Int64(shift))
    guard !overflow else { return nil }
    bytes = product
  }

  package static func < (left: ByteCount, right: ByteCount) -> Bool { left.bytes < right.bytes }
  package static func + (left: ByteCount, right: ByteCount) -> ByteCount {
    ByteCount(left.bytes + right.bytes)
  }
  package static func += (left: inout ByteCount, right: ByteCount) { left = left + right }

  /// As `init(_:)` takes it, exactly: `40G`, `1536M`, `1000`.
  package var asArgument: String {
    for (unit, shift) in [("T", 40), ("G", 30), ("M", 20), ("K", 10)] where bytes > 0 {
      if bytes & ((1 << Int64(shift)) - 1) == 0 { return "\(bytes >> Int64(shift))\(unit)" }
    }
    return "\(bytes)"
  }

  /// Three significant digits and a unit: `34 B`, `1.50 KiB`, `180 MiB`.
  package var description: String {
    var value = Double(bytes)
    var unit = "B"
    for next in ["KiB", "MiB", "GiB", "TiB"] where value.magnitude >= 1024 {
      value /= 1024
      unit = next
    }
    if unit == "B" { return "\(bytes) B" }
    let digits = value.magnitude < 10 ? 2 : value.magnitude < 100 ? 1 : 0
    return Self.fixed(value, digits: digits) + " " + unit
  }

  private static func fixed(_ value: Double, digits: Int) -> String {
    let scale = [1.0, 10.0, 100.0][digits]
    let scaled = Int64((value.magnitude * scale).rounded())
    let sign = value < 0 ? "-" : ""
    guard digits > 0 else { return "\(sign)\(scaled)" }
    let fraction = String(scaled % Int64(scale))
    let padding = String(repeating: "0", count: digits - fraction.count)
    return "\(sign)\(scaled / Int64(scale)).\(padding)\(fraction)"
  }
}

/// How long ago: whole seconds. Written with a unit: `90s`, `30m`, `12h`, `30d`, `8w`.
package struct TimeSpan: Hashable, Sendable, CustomStringConvertible {
  package let seconds: Int64
  package init(seconds: Int64) { self.seconds = seconds }

  /// `nil` without a unit, for negative numbers and for what is longer than a thousand years.
  package init?(_ text: some StringProtocol) {
    let digits = text.prefix(while: { $0.isASCII && $0.isNumber })
    guard let number = Int64(digits), number <= 1_000_000_000,
      let unit = Self.units.first(where: { $0.name == text.dropFirst(digits.count) }),
      number * unit.seconds <= 366_000 * 86_400
    else { return nil }
    seconds = number * unit.seconds
  }

  /// Completes the sentence `… must be`.
  package static let wanted = "an age such as \"12h\", \"30d\" or \"8w\""

  private static let units: [(name: String, seconds: Int64)] = [
    ("w", 604_800), ("d", 86_400), ("h", 3600), ("m", 60), ("s", 1),
  ]

  /// In the largest unit that it is a whole number of.
  package var description: String {
    let unit = Self.units.first { seconds % $0.seconds == 0 } ?? ("s", 1)
    return seconds == 0 ? "0s" : "\(seconds / unit.seconds)\(unit.name)"
  }
}

/// The date of a step: its `SOURCE_DATE_EPOCH` and the newest modification time that a file of
/// its layer may have. Whole seconds since 1970-01-01T00:00:00Z.
package struct SourceDate: Hashable, Sendable, Comparable, CustomStringConvertible {
  package let seconds: Int64
  package init(_ seconds: Int64) { self.seconds = seconds }

  /// The date of a step that has no dated input: 2020-01-01T00:00:00Z. A constant, so that it
  /// says nothing about when or where the step ran.
  package static let constant = SourceDate(1_577_836_800)

  package static func < (left: SourceDate, right: SourceDate) -> Bool {
    left.seconds < right.seconds
  }
  package var description: String { String(seconds) }

  /// RFC 3339 in UTC, whole seconds: `2026-03-01T12:00:00Z`.
  package var rfc3339: String {
    let (days, rest) = Self.floorDivide(seconds, 86_400)
    // Civil date from days, after Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms".
    let shifted = days + 719_468
    let era = Self.floorDivide(shifted, 146_097).0
    let dayOfEra = shifted - era * 146_097
    let yearOfEra =
      (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let monthIndex = (5 * dayOfYear + 2) / 153
    let day = dayOfYear - (153 * monthIndex + 2) / 5 + 1
    let month = monthIndex < 10 ? monthIndex + 3 : monthIndex - 9
    let year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
    func two(_ value: Int64) -> String { value < 10 ? "0\(value)" : "\(value)" }
    let yearText = String(repeating: "0", count: max(0, 4 - "\(year)".count)) + "\(year)"
    return "\(yearText)-\(two(month))-\(two(day))"
      + "T\(two(rest / 3600)):\(two(rest / 60 % 60)):\(two(rest % 60))Z"
  }

  private static func floorDivide(_ value: Int64, _ divisor: Int64) -> (Int64, Int64) {
    let quotient = value >= 0 ? value / divisor : -((-value + divisor - 1) / divisor)
    return (quotient, value - quotient * divisor)
  }
}

/// The processor an image is for, by Debian's names; OCI calls both the same.
package enum Architecture: String, Sendable, CaseIterable {
  case amd64
  case arm64
}
