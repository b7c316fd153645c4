internal import Vocabulary

/// Dates as mail and `Release` files have them: `Sat, 21 Nov 2026 09:15:44 UTC`
/// (RFC 5322, section 3.3).
enum MailDate {
  private static let months = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
  ]

  /// In UTC.
  static func text(_ date: SourceDate) -> String {
    // 2026-11-21T09:15:44Z; the first of January 1970 was a Thursday.
    let words = date.rfc3339.split(whereSeparator: { "-TZ".contains($0) })
    let weekdays = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"]
    let day = ((date.seconds / 86_400) % 7 + 7) % 7
    let month = months[(Int(words[1]) ?? 1) - 1]
    return "\(weekdays[Int(day)]), \(words[2]) \(month) \(words[0]) \(words[3]) UTC"
  }

  /// Seconds since 1970-01-01T00:00:00Z; `nil` for other spellings and zones but UTC.
  static func seconds(_ text: String) -> Int64? {
    let words = text.split(whereSeparator: { " ,".contains($0) })
    guard words.count == 6, let day = Int64(words[1]), (1...31).contains(day),
      let month = months.firstIndex(of: String(words[2])), let year = Int64(words[3]),
      (1970...9999).contains(year), ["UTC", "GMT", "+0000"].contains(words[5])
    else { return nil }
    let time = words[4].split(separator: ":").map { Int64($0) }
    guard time.count == 3, let hour = time[0], let minute = time[1], let second = time[2],
      (0...23).contains(hour), (0...59).contains(minute), (0...60).contains(second)
    else { return nil }
    // Days from a civil date, after Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms".
    let shiftedYear = month < 2 ? year - 1 : year
    let era = shiftedYear / 400
    let yearOfEra = shiftedYear - era * 400
    let monthFromMarch = Int64((month + 10) % 12)
    let dayOfYear = (153 * monthFromMarch + 2) / 5 + day - 1
    let days =
      era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
    return days * 86_400 + hour * 3600 + minute * 60 + second
  }
}
