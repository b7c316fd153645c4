extension SourceDate {
  /// Exactly what `rfc3339` gives; `nil` for every other spelling.
  package init?(rfc3339 text: String) {
    let bytes = Array(text.utf8)
    guard bytes.count == 20 else { return nil }
    func number(_ range: Range<Int>) -> Int64? {
      Int64(String(decoding: bytes[range], as: UTF8.self))
    }
    guard let year = number(0..<4), let month = number(5..<7), let day = number(8..<10),
      let hour = number(11..<13), let minute = number(14..<16), let second = number(17..<19),
      1...12 ~= month, 0...9999 ~= year
    else { return nil }
    // Days from a civil date, after Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms".
    let shifted = month <= 2 ? year - 1 : year
    let era = (shifted >= 0 ? shifted : shifted - 399) / 400
    let yearOfEra = shifted - era * 400
    let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
    let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
    let days = era * 146_097 + dayOfEra - 719_468
    self.init(days * 86_400 + hour * 3600 + minute * 60 + second)
    guard rfc3339 == text else { return nil }
  }

  /// Any time of RFC 3339, down to whole seconds in UTC: fractions and offsets as other tools
  /// write them. `nil` for what is no time.
  package init?(anyRFC3339 text: String) {
    let bytes = Array(text.utf8)
    guard 20...40 ~= bytes.count else { return nil }
    let zone = bytes[19...].drop { $0 == UInt8(ascii: ".") || 0x30...0x39 ~= $0 }
    guard
      let local = SourceDate(rfc3339: String(decoding: bytes[..<19], as: UTF8.self) + "Z"),
      let offset = Self.offset(String(decoding: zone, as: UTF8.self))
    else { return nil }
    self.init(local.seconds - offset)
  }

  /// Seconds east of UTC: `Z`, `+02:00`.
  private static func offset(_ text: String) -> Int64? {
    if text == "Z" { return 0 }
    let bytes = Array(text.utf8)
    guard bytes.count == 6, let sign = ["+": Int64(1), "-": -1][text.prefix(1)],
      let hours = Int64(String(decoding: bytes[1..<3], as: UTF8.self)),
      let minutes = Int64(String(decoding: bytes[4..<6], as: UTF8.self)),
      0...23 ~= hours, 0...59 ~= minutes, bytes[3] == UInt8(ascii: ":")
    else { return nil }
    return sign * (hours * 3600 + minutes * 60)
  }
}
