package import Layers
package import Vocabulary

/// A file of a layer that holds what looks like a secret. Never the secret itself.
package struct SealFinding: Sendable, Hashable {
  package var path: GuestPath
  /// The rule's name.
  package var rule: String
  /// What such a file holds.
  package var reason: String
  /// Of the file's contents; `nil` for what is only another name of a file.
  package var digest: Digest?

  package init(path: GuestPath, rule: String, reason: String, digest: Digest? = nil) {
    self.path = path
    self.rule = rule
    self.reason = reason
    self.digest = digest
  }

  /// Whether it is a secret that the step was given, which no reason makes public.
  package var isHandedIn: Bool { rule == SealCheck.handedInRule }
}

/// Looks for secrets in a layer while it is packed. Which of the findings are public all the same
/// is for somebody else to say.
package final class SealCheck {
  /// Of larger files only the place counts: keys and tokens stand in small ones, and most bytes of
  /// an image are in large ones. `LayerPacker` hands out no more.
  package static let contentLimit = LayerPacker.wholeFileLimit

  static let handedInRule = "secret-of-the-step"

  package private(set) var findings: [SealFinding] = []
  private let secrets: Int
  private let search: MarkerSearch

  private static let rules = SealRules.all
  /// Of each marker, in the order of the search: the rule that it belongs to.
  private static let markers = rules.enumerated().flatMap { index, rule -> [(Int, [UInt8])] in
    guard case .text(let texts) = rule.trigger else { return [] }
    return texts.map { (index, Array($0.utf8)) }
  }

  private struct Place: Sendable {
    let rule: Int
    let isAnchored: Bool
    let pattern: PathPattern

    func matches(_ parts: [ArraySlice<UInt8>]) -> Bool {
      if isAnchored { return pattern.matches(parts) }
      return parts.count >= pattern.depth && pattern.matches(Array(parts.suffix(pattern.depth)))
    }
  }

  /// By their last part: most files have a name that no rule asks for.
  private static let places: (named: [[UInt8]: [Place]], others: [(last: PathPattern, Place)]) = {
    var named: [[UInt8]: [Place]] = [:]
    var others: [(PathPattern, Place)] = []
    for (index, rule) in rules.enumerated() {
      guard case .place(let text) = rule.trigger else { continue }
      let place = Place(
        rule: index, isAnchored: text.hasPrefix("/"), pattern: PathPattern(text))
      let last = text.split(separator: "/").last.map(String.init) ?? text
      if last.contains("*") {
        others.append((PathPattern(last), place))
      } else {
        named[Array(last.utf8), default: []].append(place)
      }
    }
    return (named, others)
  }()

  /// - Parameter secrets: what the step was given. Those of a few bytes are not looked for: they
  ///   stand anywhere.
  package init(secrets: [[UInt8]] = []) {
    // Where it is read by a shell, the line end is gone.
    let given = secrets.map { secret in
      Array(secret[..<((secret.lastIndex { $0 != 0x0A && $0 != 0x0D } ?? -1) + 1)])
    }.filter { $0.count >= Self.shortestSecret }
    self.secrets = given.count
    search = MarkerSearch(given + Self.markers.map(\.1))
  }

  package static let shortestSecret = 8

  /// `contents` is `nil` for large files.
  package func look(at entry: LayerEntry, contents: [UInt8]?, digest: Digest?) {
    switch entry.kind {
    case .file, .hardLink: break
    default: return
    }
    guard let (rule, reason) = finding(entry.path, contents) else { return }
    findings.append(
      SealFinding(path: entry.path, rule: rule, reason: reason, digest: digest))
  }

  private func finding(
    _ path: GuestPath, _ contents: [UInt8]?
  ) -> (rule: String, reason: String)? {
    var found: Int?
    if let contents, !contents.isEmpty {
      var isHandedIn = false
      _ = search.firstHit(in: contents) { marker, range in
        if marker < secrets {
          isHandedIn = true
          return true
        }
        let rule = Self.markers[marker - secrets].0
        if found == nil, Self.rules[rule].isSecret(contents, range) { found = rule }
        // On, for one that was handed in: that weighs more.
        return found != nil && secrets == 0
      }
      if isHandedIn { return (Self.handedInRule, "a secret that the step was given") }
    }
    found = found ?? Self.rule(of: path, contents)
    return found.map { (Self.rules[$0].name, Self.rules[$0].reason) }
  }

  private static func rule(of path: GuestPath, _ contents: [UInt8]?) -> Int? {
    let name = path.name
    var candidates = places.named[Array(name)] ?? []
    for (last, place) in places.others where last.matches([name]) { candidates.append(place) }
    if candidates.isEmpty { return nil }
    let parts = path.parts
    // What is too large to look into, or another name of a file, is taken for what its place says.
    return candidates.first { place in
      place.matches(parts) && (contents.map { rules[place.rule].isSecret($0, 0..<0) } ?? true)
    }?.rule
  }
}
