internal import Vocabulary

extension Lock {
  /// The one text of these values: `parse` gives them back, and rendering that gives the same
  /// bytes. One input a line, so that a diff reads well.
  package func render() -> String {
    var out = "# Made by hutch, which also keeps it up to date; not to be edited.\n"
    out += "format = \(Self.format)\n"
    out += "architecture = \"\(architecture.rawValue)\"\n"
    for recipe in recipes { out += Self.render(recipe) }
    for archive in archives { out += Self.render(archive) }
    for step in steps { out += Self.render(step) }
    for pin in pins { out += Self.render(pin) }
    if let kernel {
      out += "\n[kernel]\ndate = \(kernel.date)\n" + Self.render(kernel.packages)
    }
    return out
  }

  private static func render(_ recipe: LockedRecipe) -> String {
    var out = "\n[[recipe]]\nname = \(quote(recipe.name))\nsha256 = \"\(recipe.digest.hex)\"\n"
    if let text = recipe.text { out += "text = \(TOMLEscapes.quoteLines(text))\n" }
    return out
  }

  private static func render(_ archive: LockedArchive) -> String {
    """

    [[archive]]
    suite = \(quote(archive.suite))
    components = \(list(archive.components))
    date = \(archive.date)  # \(archive.date.rfc3339)
    inrelease = "\(archive.inRelease.hex)"
    signers = \(list(archive.signers))

    """
  }

  private static func render(_ step: LockedStep) -> String {
    """

    [[step]]
    recipe = \(quote(step.id.recipe))
    step = \(step.id.ordinal)
    kind = \(quote(step.ask.kind))
    names = \(list(step.ask.names))
    options = \(list(step.ask.options))
    ask = "\(step.ask.digest.hex)"

    """ + (step.date.map { "date = \($0)  # \($0.rfc3339)\n" } ?? "")
      + (step.ask.kind == "oci" ? "environment = \(list(variables(step)))\n" : "")
      + (step.ask.takesPackages ? render(step.packages) : render(step.files))
  }

  /// In one order on every machine.
  private static func variables(_ step: LockedStep) -> [String] {
    step.environment.map { "\($0.key)=\($0.value)" }
      .sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
  }

  private static func render(_ pin: LockedPin) -> String {
    """

    [[pin]]
    recipe = \(quote(pin.id.recipe))
    step = \(pin.id.ordinal)
    key = "\(pin.key.digest.hex)"
    layer = "\(pin.layer.digest.hex)"

    """
  }

  private static func render(_ files: [LockedFile]) -> String {
    var out = "files = [\n"
    for file in files {
      out += "  { name = \(quote(file.name)), "
      if let npm = file.npm {
        out += "package = \(quote(npm.package)), version = \(quote(npm.version)), "
        out += "asked = \(npm.isAsked), integrity = \"\(npm.integrity)\", "
      }
      if let blob = file.blob {
        out += "type = \(quote(blob.mediaType)), "
        if let diff = blob.diff { out += "diff = \"\(diff.hex)\", " }
      }
      out += "size = \(file.size.bytes), "
      out += "sha256 = \"\(file.digest.hex)\" },\n"
    }
    return out + "]\n"
  }

  private static func render(_ packages: [LockedPackage]) -> String {
    var out = "packages = [\n"
    for package in packages {
      out += "  { name = \(quote(package.name)), version = \(quote(package.version)), "
      out += "architecture = \(quote(package.architecture)), path = \(quote(package.path)), "
      out += "size = \(package.size.bytes), sha256 = \"\(package.digest.hex)\" },\n"
    }
    return out + "]\n"
  }

  private static func list(_ texts: [String]) -> String {
    "[" + texts.map(quote).joined(separator: ", ") + "]"
  }

  private static func quote(_ text: String) -> String { TOMLEscapes.quote(text) }
}
