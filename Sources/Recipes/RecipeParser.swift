internal import Vocabulary

/// Text → `Recipe`.
package enum RecipeParser {
  /// What `format` must say.
  package static let format: Int64 = 1
  /// A recipe has at most so many bytes.
  package static let textLimit = 1 << 20
  /// A recipe has at most so many steps: overlayfs can't take more layers than a few hundred.
  static let stepLimit = 100

  static let topLevelKeys = [
    "format", "summary", "from", "tool", "with", "step", "env", "machine", "network", "agent",
    "seal",
    "check",
  ]

  /// Either the recipe or everything that is wrong with it.
  ///
  /// - Parameters:
  ///   - path: The file as mistakes name it.
  ///   - name: What the recipe is called; without it, the last part of `path` without `.toml`.
  package static func parse(text: String, path: String, name: String? = nil)
    throws(RecipeErrors) -> Recipe
  {
    let table = try TOMLDocument.parse(text, path: path, limit: textLimit)
    let mistakes = MistakeCollector(path: path)
    let name = name ?? Self.name(of: path)
    if !Names.isRecipe(name) {
      mistakes.add(
        .beginning, "\"\(Names.printable(name))\" is not a name for a recipe",
        hint: "a name has lower-case letters, digits and hyphens, 63 at most")
    }
    let root = TableReader(table, at: .beginning, "at the top level", mistakes)
    root.allow(topLevelKeys)
    readFormat(root)
    let origin = readOrigin(root, name: name)
    let summary = root.string("summary", "one line of at most 200 characters") {
      $0.unicodeScalars.count <= 200 && Names.isPrintable($0)
    }
    let isTool = root.boolean("tool") ?? false
    let recipe = Recipe(
      name: name, path: path, text: text, summary: summary,
      origin: origin ?? .debian(suite: ""),
      originPlace: table["from"]?.place ?? .beginning,
      steps: root.readers("step", "in [[step]]", limit: stepLimit).compactMap(readStep),
      isTool: isTool, tools: readTools(root, name: name, isTool: isTool),
      environment: readEnvironment(root), machine: readMachine(root), network: readNetwork(root),
      agent: readAgent(root), sealAllowances: readSealAllowances(root),
      check: root.string("check", limit: 65536))
    try mistakes.finish()
    return recipe
  }

  /// The last part of a path without `.toml`.
  package static func name(of path: String) -> String {
    let file = path.split(separator: "/").last.map(String.init) ?? path
    return file.hasSuffix(".toml") ? String(file.dropLast(".toml".count)) : file
  }

  private static func readFormat(_ root: TableReader) {
    guard let node = root.table["format"] else {
      root.missing("format", hint: "begin the file with \"format = \(format)\"")
      return
    }
    guard case .integer(let number) = node.value, number == format else {
      root.refuse(
        node, "this version of hutch reads recipes of format \(format) only",
        hint: "write \"format = \(format)\"")
      return
    }
  }

  /// A VM has at most so many tools: each is a device of its own.
  package static let toolLimit = 16

  private static func readTools(
    _ root: TableReader, name: String, isTool: Bool
  ) -> [String] {
    let tools = root.strings("with", "the name of another recipe") {
      Names.isRecipe($0) && $0 != name
    }
    if let node = root.table["with"], let tools, tools.count > toolLimit {
      root.refuse(node, "\"with\" has \(tools.count) tools, more than the \(toolLimit) allowed")
    }
    if let node = root.table["with"], tools?.isEmpty == false, isTool {
      root.refuse(node, "a tool can't have tools", hint: "remove \"with\" or \"tool\"")
    }
    return tools ?? []
  }

  private static func readOrigin(_ root: TableReader, name: String) -> RecipeOrigin? {
    guard let node = root.table["from"] else {
      root.missing("from", hint: "for example from = \"base\" or from = \"debian:trixie\"")
      return nil
    }
    guard let text = root.string("from") else { return nil }
    if text.hasPrefix("oci:") {
      do throws(OCIReference.Refusal) {
        return .image(try OCIReference(parsing: String(text.dropFirst("oci:".count))))
      } catch {
        root.refuse(node, "\"\(Names.printable(text))\" \(error.reason)", hint: error.hint)
        return nil
      }
    }
    if text.hasPrefix("debian:") {
      let suite = String(text.dropFirst("debian:".count))
      if Names.isSuite(suite) { return .debian(suite: suite) }
      root.refuse(
        node, "\"\(Names.printable(suite))\" is not the name of a Debian suite",
        hint: "for example \"debian:trixie\"")
      return nil
    }
    if Names.isRecipe(text) { return .recipe(text) }
    root.refuse(
      node,
      "\"from\" must be a recipe's name, \"debian:SUITE\" or \"oci:REFERENCE\", "
        + "not \"\(Names.printable(text))\"")
    return nil
  }
}
