internal import Recipes

/// Which Debian an image says it is (os-release(5)).
package enum DebianRelease {
  /// `VERSION_CODENAME` of a system whose `ID` is `debian`.
  package static func suite(of text: String) throws(InputsError) -> String {
    var values: [Substring: Substring] = [:]
    for line in text.split(whereSeparator: \.isNewline) {
      guard let equals = line.firstIndex(of: "=") else { continue }
      var value = line[line.index(after: equals)...]
      for quote in ["\"", "'"] where value.count >= 2 && value.hasPrefix(quote) {
        if value.hasSuffix(quote) { value = value.dropFirst().dropLast() }
      }
      values[line[..<equals]] = value
    }
    guard values["ID"] == "debian" else {
      let id = values["ID"].map { Names.printable(String($0)) } ?? "none"
      throw .notDebian(reason: "the ID in its os-release is \"\(id)\"")
    }
    guard let suite = values["VERSION_CODENAME"].map(String.init), Names.isSuite(suite) else {
      throw .notDebian(reason: "its os-release names no VERSION_CODENAME")
    }
    return suite
  }
}
