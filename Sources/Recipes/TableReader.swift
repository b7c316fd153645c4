/// Reads one table, gathering what is wrong with it instead of stopping at the first mistake.
/// Every getter returns `nil` for a key that is missing or whose value was refused.
struct TableReader {
  let table: [String: TOMLNode]
  let place: TextPlace
  /// As a sentence names it: `in [machine]`.
  let location: String
  let mistakes: MistakeCollector

  init(
    _ table: [String: TOMLNode], at place: TextPlace, _ location: String,
    _ mistakes: MistakeCollector
  ) {
    self.table = table
    self.place = place
    self.location = location
    self.mistakes = mistakes
  }

  /// Reports every other key, each with the nearest known one.
  func allow(_ known: [String]) {
    for (key, node) in table where !known.contains(key) {
      mistakes.add(
        node.keyPlace, "unknown key \"\(Names.printable(key))\" \(location)",
        hint: NearestKey.hint(for: key, among: known))
    }
  }

  func missing(_ key: String, hint: String? = nil) {
    mistakes.add(place, "missing key \"\(key)\" \(location)", hint: hint)
  }

  func refuse(_ node: TOMLNode, _ message: String, hint: String? = nil) {
    mistakes.add(node.place, message, hint: hint)
  }

  private func refuseType(_ key: String, _ node: TOMLNode, _ wanted: String) {
    refuse(node, "\"\(Names.printable(key))\" must be \(wanted), not \(node.typeName)")
  }

  func string(_ key: String, limit: Int = 4096) -> String? {
    table[key].flatMap { string($0, key, limit: limit) }
  }

  private func string(_ node: TOMLNode, _ key: String, limit: Int) -> String? {
    guard case .string(let text) = node.value else {
      refuseType(key, node, "a string")
      return nil
    }
    guard text.utf8.count <= limit else {
      refuse(
        node,
        "\"\(Names.printable(key))\" has \(text.utf8.count) bytes, more than the \(limit) allowed")
      return nil
    }
    return text
  }

  /// A string that `accept` takes; `wanted` completes the sentence `… must be`.
  func string(_ key: String, _ wanted: String, accept: (String) -> Bool) -> String? {
    parsed(key, wanted) { accept($0) ? $0 : nil }
  }

  /// What `parse` makes of a string; `wanted` completes the sentence `… must be`.
  func parsed<Result>(_ key: String, _ wanted: String, parse: (String) -> Result?) -> Result? {
    guard let node = table[key], let text = string(key) else { return nil }
    guard let result = parse(text) else {
      refuse(node, "\"\(key)\" must be \(wanted), not \"\(Names.printable(text))\"")
      return nil
    }
    return result
  }

  func boolean(_ key: String) -> Bool? {
    guard let node = table[key] else { return nil }
    guard case .boolean(let flag) = node.value else {
      refuseType(key, node, "true or false")
      return nil
    }
    return flag
  }

  func integer(_ key: String, in range: ClosedRange<Int64>) -> Int64? {
    guard let node = table[key] else { return nil }
    guard case .integer(let number) = node.value else {
      refuseType(key, node, "an integer")
      return nil
    }
    guard range.contains(number) else {
      refuse(
        node,
        "\"\(key)\" must be from \(range.lowerBound) to \(range.upperBound), not \(number)")
      return nil
    }
    return number
  }

  /// The elements that are strings, with their places; the others are reported.
  func strings(_ key: String, limit: Int = 1000) -> [(text: String, node: TOMLNode)]? {
    guard let node = table[key] else { return nil }
    guard case .array(let elements) = node.value else {
      refuseType(key, node, "an array of strings")
      return nil
    }
    guard elements.count <= limit else {
      refuse(node, "\"\(key)\" has \(elements.count) entries, more than the \(limit) allowed")
      return nil
    }
    return elements.compactMap { element in
      guard case .string = element.value else {
        refuse(element, "\"\(key)\" may hold strings only, not \(element.typeName)")
        return nil
      }
      return string(element, key, limit: 4096).map { ($0, element) }
    }
  }

  /// Strings that `accept` takes, each once, in the order in which they stand.
  func strings(_ key: String, _ wanted: String, accept: (String) -> Bool) -> [String]? {
    guard let entries = strings(key) else { return nil }
    var result: [String] = []
    for (text, node) in entries {
      if !accept(text) {
        refuse(node, "\"\(Names.printable(text))\" in \"\(key)\" is not \(wanted)")
      } else if result.contains(text) {
        refuse(node, "\"\(text)\" stands twice in \"\(key)\"", hint: "remove one of them")
      } else {
        result.append(text)
      }
    }
    return result
  }

  func reader(_ key: String, _ location: String) -> TableReader? {
    guard let node = table[key] else { return nil }
    guard case .table(let inner) = node.value else {
      refuseType(key, node, "a table")
      return nil
    }
    return TableReader(inner, at: node.keyPlace, location, mistakes)
  }

  /// One reader per `[[key]]`; none if there is no such key.
  func readers(_ key: String, _ location: String, limit: Int = 1000) -> [TableReader] {
    guard let node = table[key] else { return [] }
    guard case .array(let elements) = node.value else {
      refuseType(key, node, "an array of tables")
      return []
    }
    guard elements.count <= limit else {
      refuse(node, "\"\(key)\" has \(elements.count) entries, more than the \(limit) allowed")
      return []
    }
    return elements.compactMap { element in
      guard case .table(let inner) = element.value else {
        refuseType(key, element, "a table")
        return nil
      }
      return TableReader(inner, at: element.keyPlace, location, mistakes)
    }
  }
}
