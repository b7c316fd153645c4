internal import Vocabulary

extension RecipeParser {
  static func readEnvironment(_ root: TableReader) -> [String: String] {
    guard let table = root.reader("env", "in [env]") else { return [:] }
    if table.table.count > 200 {
      table.mistakes.add(table.place, "[env] has more than 200 variables")
      return [:]
    }
    var result: [String: String] = [:]
    for (key, node) in table.table {
      if !Names.isVariable(key) {
        table.mistakes.add(
          node.keyPlace, "\"\(Names.printable(key))\" is not a name for a variable",
          hint: "names have letters, digits and \"_\", and no digit first")
      }
      result[key] = table.string(key, "text without control characters") { text in
        text.unicodeScalars.allSatisfy { !Names.isControl($0) || $0 == "\t" }
      }
    }
    return result
  }

  static func readMachine(_ root: TableReader) -> MachineSettings {
    guard let table = root.reader("machine", "in [machine]") else { return MachineSettings() }
    table.allow(["cpus", "memory", "disk", "disk_limit", "user", "init"])
    return MachineSettings(
      cpus: table.integer("cpus", in: 1...256).map(Int.init),
      memory: size("memory", table, from: .mebibytes(64), to: .gibibytes(4096)),
      disk: size("disk", table, from: .gibibytes(1), to: .gibibytes(16384)),
      diskLimit: size("disk_limit", table, from: .mebibytes(64), to: .gibibytes(16384)),
      user: table.string("user", "the name of a user", accept: Names.isUser),
      initSystem: choice("init", table))
  }

  private static func size(
    _ key: String, _ table: TableReader, from least: ByteCount, to most: ByteCount
  ) -> ByteCount? {
    table.parsed(key, "a size from \(least) to \(most), such as \"4G\"") { text in
      guard let size = ByteCount(text), least <= size, size <= most else { return nil }
      return size
    }
  }

  private static func choice<Value: RawRepresentable & CaseIterable>(
    _ key: String, _ table: TableReader
  ) -> Value? where Value.RawValue == String {
    let names = Value.allCases.map { "\"\($0.rawValue)\"" }.joined(separator: ", ")
    return table.parsed(key, "one of \(names)") { Value(rawValue: $0) }
  }

  static func readNetwork(_ root: TableReader) -> NetworkSettings? {
    guard let table = root.reader("network", "in [network]") else { return nil }
    table.allow(["mode", "allow"])
    let mode: NetworkSettings.Mode? = choice("mode", table)
    let allow = table.strings(
      "allow", "a host such as \"*.example.org:443\", nor @apt, @pip or @npm",
      accept: Names.isNetworkTarget)
    return NetworkSettings(mode: mode ?? .allow, allow: (allow ?? []).sorted())
  }

  static func readAgent(_ root: TableReader) -> AgentSettings? {
    guard let table = root.reader("agent", "in [agent]") else { return nil }
    table.allow(["command", "login", "credentials"])
    let command = words("command", table, such: "[\"claude\"]")
    let login = words("login", table, such: "[\"codex\", \"login\"]")
    return AgentSettings(
      command: command, login: login, credentials: readCredentials(table))
  }

  private static func words(_ key: String, _ table: TableReader, such: String) -> [String] {
    let words = (table.strings(key) ?? []).map(\.text)
    if let node = table.table[key], words.first?.isEmpty ?? true {
      table.refuse(
        node, "\"\(key)\" must be a command and its arguments", hint: "for example \(such)")
    }
    return words
  }

  /// An agent has at most so many files of tokens.
  static let credentialLimit = 16

  private static func readCredentials(_ table: TableReader) -> [String] {
    let paths =
      table.strings(
        "credentials", "a path below the user's home, relative and without \"..\"",
        accept: Names.isPlainRelativePath) ?? []
    if let node = table.table["credentials"], paths.count > credentialLimit {
      table.refuse(
        node,
        "\"credentials\" has \(paths.count) files, more than the \(credentialLimit) allowed")
    }
    for (path, node) in table.strings("credentials") ?? [] where paths.contains(path) {
      let isDirectory = paths.contains { $0.hasPrefix(path + "/") }
      guard let refusal = isDirectory ? "is a directory" : CredentialFile.refusal(of: path) else {
        continue
      }
      table.refuse(
        node, "\"\(path)\" in \"credentials\" \(refusal)",
        hint: "name the files that hold tokens, and nothing else")
    }
    return paths
  }

  static func readSealAllowances(_ root: TableReader) -> [SealAllowance] {
    guard let seal = root.reader("seal", "in [seal]") else { return [] }
    seal.allow(["allow"])
    return seal.readers("allow", "in [[seal.allow]]").compactMap { entry in
      entry.allow(["path", "reason"])
      for key in ["path", "reason"] where entry.table[key] == nil { entry.missing(key) }
      let path = entry.parsed("path", "an absolute path without \"..\", and not all of the image") {
        text -> GuestPath? in
        guard text.hasPrefix("/"), let path = GuestPath(text), !path.isRoot else { return nil }
        return path
      }
      let reason = entry.string("reason", "a sentence") { !$0.isEmpty && Names.isPrintable($0) }
      guard let path, let reason else { return nil }
      return SealAllowance(path: path, reason: reason)
    }
  }
}
