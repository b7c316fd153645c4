package import Vocabulary

/// Things by kind and reason, as people want to read of them: one by its name, many by their
/// number.
package struct Tally: Sendable {
  package struct Line: Sendable, Hashable {
    package var what: String
    package var why: String
    package var bytes: ByteCount
    fileprivate var count = 1
  }

  /// In the order of the first of each.
  package private(set) var lines: [Line] = []
  private var places: [[String]: Int] = [:]

  package init() {}

  /// - Parameters:
  ///   - name: a kind and a name, which may hold digests.
  ///   - alone: on a line of its own.
  package mutating func add(
    _ name: String, why: String, _ bytes: ByteCount, alone: Bool = false
  ) {
    let kind = String(name.prefix { $0 != " " })
    let (what, why) = (Self.shortened(name), Self.shortened(why))
    // A file is named by its path, which has no kind before it.
    if !alone, kind != name, let place = places[[kind, why]] {
      lines[place].bytes += bytes
      lines[place].count += 1
      lines[place].what = "\(lines[place].count) \(kind)s"
      return
    }
    places[[kind, why]] = lines.count
    lines.append(Line(what: what, why: why, bytes: bytes))
  }

  /// With twelve digits of each digest, as all listings show them.
  static func shortened(_ text: String) -> String {
    var rest = text[...]
    var short = ""
    while let digest = rest.firstRange(of: "sha256:") {
      short += rest[..<digest.lowerBound] + rest[digest.upperBound...].prefix(12)
      rest = rest[digest.upperBound...].dropFirst(64)
    }
    return short + rest
  }
}
