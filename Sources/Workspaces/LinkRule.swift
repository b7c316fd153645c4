/// Where a symbolic link from a guest may lead.
enum LinkRule {
  enum Verdict: Equatable {
    /// The path in the workspace that the link names, as far as its text tells.
    case inside([UInt8])
    case leadsOut
  }

  /// A link stays inside if it is relative and climbs only at its beginning, no further than to
  /// the top.
  ///
  /// A `..` behind a name could climb from wherever a link of that name leads to, which its text
  /// does not tell; the directories that a link itself lies in are no links, so at its beginning
  /// each `..` is one step up.
  static func judge(link path: [UInt8], target: [UInt8]) -> Verdict {
    guard target.first != Paths.slash else { return .leadsOut }
    var place = path.split(separator: Paths.slash).dropLast().map { [UInt8]($0) }
    var hasDescended = false
    for part in target.split(separator: Paths.slash) {
      if part.elementsEqual(".".utf8) { continue }
      if part.elementsEqual("..".utf8) {
        guard !hasDescended, !place.isEmpty else { return .leadsOut }
        place.removeLast()
      } else {
        hasDescended = true
        place.append([UInt8](part))
      }
    }
    return .inside([UInt8](place.joined(separator: [Paths.slash])))
  }
}
