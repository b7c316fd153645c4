internal import Vocabulary

/// `apt`, `npm` and `pip`: steps that install packages by name.
extension RecipeParser {
  static func readPackages(_ step: TableReader) -> AptRequest? {
    let packages = readNames(
      "apt", step, accept: Names.isDebianPackage, same: { $0 }, called: "a Debian package"
    ) { text in
      text.contains("=")
        ? "name the package only: versions stand in the lock"
        : "names have lower-case letters, digits, \"+\", \"-\" and \".\""
    }
    guard let packages else { return nil }
    return AptRequest(
      packages: packages, recommends: step.boolean("recommends") ?? false,
      upgrade: step.boolean("upgrade") ?? false)
  }

  static func readPip(_ step: TableReader) -> PipRequest? {
    let packages = readNames(
      "pip", step, accept: PipRequirement.isUsable, same: PipRequirement.package(of:),
      called: "a Python package"
    ) { _ in "for example \"ruff\", \"uvicorn[standard]\" or \"django>=5,<6\", without spaces" }
    let venv = readPrefix("venv", step, default: PipRequest.defaultVenv)
    guard let packages, let venv else { return nil }
    return PipRequest(
      packages: packages, venv: venv, upgrade: step.boolean("upgrade") ?? false)
  }

  static func readNpm(_ step: TableReader) -> NpmRequest? {
    let packages = readNames(
      "npm", step, accept: NpmName.isRequest, same: NpmName.package(of:),
      called: "a package of npm's"
    ) { text in
      text.contains(":") || text.dropFirst().contains("/") && !text.hasPrefix("@")
        ? "packages come from a registry only; for a file by its address there is `fetch`"
        : "for example \"typescript\", \"@scope/tool\" or \"left-pad@^1.3\", without spaces"
    }
    let prefix = readPrefix("prefix", step, default: NpmRequest.defaultPrefix)
    guard let packages, let prefix else { return nil }
    return NpmRequest(
      packages: packages, prefix: prefix, scripts: step.boolean("scripts") ?? false,
      upgrade: step.boolean("upgrade") ?? false)
  }

  /// A directory that programs are installed in: it becomes a part of their first lines, which
  /// know no quoting.
  private static func readPrefix(
    _ key: String, _ step: TableReader, default standard: String
  ) -> GuestPath? {
    guard let node = step.table[key] else { return GuestPath(standard) }
    guard let place = readPlace(key, step) else { return nil }
    if !Names.isPlainRelativePath(String(place.description.dropFirst())) {
      step.refuse(node, "\"\(key)\" may hold printable ASCII without spaces only")
      return nil
    }
    return place
  }

  /// - Parameters:
  ///   - same: the one spelling of what must not stand twice.
  ///   - hint: for a name that is refused.
  private static func readNames(
    _ key: String, _ step: TableReader, accept: (String) -> Bool, same: (String) -> String,
    called: String, hint: (String) -> String
  ) -> [String]? {
    guard let entries = step.strings(key) else { return nil }
    var packages: [String] = []
    var seen: Set<String> = []
    for (text, node) in entries {
      let shown = Names.printable(text)
      if !accept(text) {
        step.refuse(node, "\"\(shown)\" is not the name of \(called)", hint: hint(text))
      } else if !seen.insert(same(text)).inserted {
        step.refuse(node, "\"\(shown)\" stands twice in \"\(key)\"", hint: "remove one of them")
      } else {
        packages.append(text)
      }
    }
    if entries.isEmpty, let node = step.table[key] {
      step.refuse(node, "\"\(key)\" names no package", hint: "remove the step")
    }
    return packages
  }
}
