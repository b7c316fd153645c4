internal import Vocabulary

extension RecipeParser {
  static let kinds = ["apt", "copy", "fetch", "npm", "pip", "run"]
  /// Which kinds an option says something to.
  static let options: [(name: String, kinds: [String])] = [
    ("network", ["run"]),
    ("secrets", ["run"]),
    ("timeout", ["apt", "run", "pip", "npm"]),
    ("user", ["run"]),
    ("prefix", ["npm"]),
    ("scripts", ["npm"]),
    ("venv", ["pip"]),
    ("recommends", ["apt"]),
    ("upgrade", ["apt", "pip", "npm"]),
  ]

  static func readStep(_ step: TableReader) -> RecipeStep? {
    let known = kinds + options.map(\.name)
    step.allow(known)
    let present = kinds.filter { step.table[$0] != nil }
    guard let kind = present.first else {
      // A misspelt kind has been reported already.
      if step.table.keys.allSatisfy(known.contains) {
        step.mistakes.add(
          step.place, "a step must have one of the keys \(kinds.joined(separator: ", "))")
      }
      return nil
    }
    guard present.count == 1 else {
      step.mistakes.add(
        step.place, "a step does one thing, and this one has \(present.joined(separator: " and "))",
        hint: "write one [[step]] for each")
      return nil
    }
    for option in options where !option.kinds.contains(kind) {
      guard let node = step.table[option.name] else { continue }
      step.mistakes.add(
        node.keyPlace, "\"\(option.name)\" says nothing to a step with \"\(kind)\"",
        hint: "it is for \(option.kinds.joined(separator: ", "))")
    }
    let options = readOptions(step)
    guard let action = readAction(kind, step) else { return nil }
    return RecipeStep(action: action, options: options, place: step.place)
  }

  private static func readAction(_ kind: String, _ step: TableReader) -> StepAction? {
    switch kind {
    case "apt": readPackages(step).map(StepAction.apt)
    case "copy": readCopy(step).map(StepAction.copy)
    case "fetch": readFetch(step).map(StepAction.fetch)
    case "npm": readNpm(step).map(StepAction.npm)
    case "pip": readPip(step).map(StepAction.pip)
    default: readScript(step).map(StepAction.run)
    }
  }

  private static func readOptions(_ step: TableReader) -> StepOptions {
    StepOptions(
      network: step.boolean("network") ?? false,
      secrets: step.strings("secrets", "a name for a secret", accept: Names.isSecret) ?? [],
      timeoutSeconds: readTimeout(step),
      user: step.string("user", "the name of a user", accept: Names.isUser))
  }

  private static func readTimeout(_ step: TableReader) -> Int64? {
    if case .integer? = step.table["timeout"]?.value {
      return step.integer("timeout", in: 1...86400)
    }
    return step.parsed("timeout", "a time up to 24h, such as \"90s\", \"10m\" or \"2h\"") { text in
      let units: [Substring: Int64] = ["s": 1, "m": 60, "h": 3600]
      guard let unit = units[text.suffix(1)],
        let number = Int64(text.dropLast()), 1...86400 ~= number, number * unit <= 86400
      else { return nil }
      return number * unit
    }
  }

  private static func readScript(_ step: TableReader) -> RunRequest? {
    guard let node = step.table["run"], let script = step.string("run", limit: 256 << 10) else {
      return nil
    }
    if script.utf8.allSatisfy({ $0 == 0x20 || $0 == 0x0A || $0 == 0x09 }) {
      step.refuse(node, "\"run\" has nothing to run", hint: "remove the step")
    }
    return RunRequest(script: script)
  }
}
