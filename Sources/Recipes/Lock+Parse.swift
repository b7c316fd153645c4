internal import Vocabulary

extension Lock {
  /// Either the lock or everything that is wrong with it. Strict: a lock is written by Hutch alone,
  /// so what Hutch would not have written is damage.
  ///
  /// - Parameter path: The file as mistakes name it.
  package static func parse(_ text: String, path: String) throws(RecipeErrors) -> Lock {
    let table = try TOMLDocument.parse(text, path: path, limit: textLimit)
    let mistakes = MistakeCollector(path: path)
    let root = TableReader(table, at: .beginning, "at the top level", mistakes)
    root.require(
      ["format", "architecture", "recipe"], optional: ["archive", "step", "pin", "kernel"])
    if let node = table["format"] {
      if case .integer(format) = node.value {
      } else {
        throw RecipeErrors(
          path: path, place: node.place,
          message: "this version of hutch reads locks of format \(format) only",
          hint: "remove the file and lock again, or use a newer hutch")
      }
    }
    let architecture = root.parsed("architecture", "amd64 or arm64") { Architecture(rawValue: $0) }
    let lock = Lock(
      architecture: architecture ?? .amd64,
      recipes: root.readers("recipe", "in [[recipe]]").compactMap(readRecipe),
      archives: root.readers("archive", "in [[archive]]").compactMap(readArchive),
      steps: root.readers("step", "in [[step]]", limit: 5000).compactMap(readStep),
      pins: root.readers("pin", "in [[pin]]", limit: 5000).compactMap(readPin),
      kernel: root.reader("kernel", "in [kernel]").flatMap(readKernel))
    lock.checkRecipes(root)
    try mistakes.finish()
    return lock
  }

  private func checkRecipes(_ root: TableReader) {
    let names = recipes.map(\.name)
    if let node = root.table["pin"] {
      if Set(pins.map(\.key)).count != pins.count {
        root.refuse(node, "the lock pins two layers for one step")
      }
      for pin in pins where !names.contains(pin.id.recipe) {
        root.refuse(
          node, "a pin is for a recipe \"\(pin.id.recipe)\" that the lock does not hold")
      }
    }
    if Set(names).count != names.count, let node = root.table["recipe"] {
      root.refuse(node, "the lock holds a recipe twice")
    }
    for (step, reader) in zip(steps, root.readers("step", "in [[step]]", limit: 5000))
    where !names.contains(step.id.recipe) {
      reader.mistakes.add(
        reader.place, "the step is of a recipe \"\(step.id.recipe)\" that the lock does not hold")
    }
  }

  private static func readRecipe(_ table: TableReader) -> LockedRecipe? {
    table.require(["name", "sha256"], optional: ["text"])
    let name = table.string("name", "a recipe's name", accept: Names.isRecipe)
    let digest = table.digest("sha256")
    let text = table.string("text", limit: RecipeParser.textLimit)
    guard let name, let digest else { return nil }
    if let text, let node = table.table["text"], Digest.of(text) != digest {
      table.refuse(node, "the text of recipe \"\(name)\" does not have the digest given for it")
    }
    return LockedRecipe(name: name, digest: digest, text: text)
  }

  private static func readArchive(_ table: TableReader) -> LockedArchive? {
    table.require(["suite", "components", "date", "inrelease", "signers"])
    let suite = table.string("suite", "the name of a suite", accept: Names.isSuite)
    let components = table.strings("components", "a component's name", accept: Names.isSuite)
    let signers = table.strings("signers", "a fingerprint in upper-case hex") { text in
      40...64 ~= text.utf8.count && text.utf8.allSatisfy { "0123456789ABCDEF".utf8.contains($0) }
    }
    guard let suite, let components, let signers, let date = table.date("date"),
      let inRelease = table.digest("inrelease")
    else { return nil }
    return LockedArchive(
      suite: suite, components: components, date: date, inRelease: inRelease, signers: signers)
  }

  private static func readStep(_ table: TableReader) -> LockedStep? {
    let kinds = StepAsk.packageKinds + StepAsk.fileKinds
    let kind = table.string("kind", kinds.map { "\"\($0)\"" }.joined(separator: " or ")) {
      kinds.contains($0)
    }
    // Without a kind every key is one that some kind has.
    let takesFiles = kind.map(StepAsk.fileKinds.contains)
    table.require(
      ["recipe", "step", "kind", "names", "options", "ask"]
        + (takesFiles.map { $0 ? ["files"] : ["date", "packages"] } ?? [])
        + (kind == "oci" ? ["environment"] : []),
      optional: takesFiles == nil
        ? ["date", "packages", "files", "environment"] : kind == "oci" ? ["date"] : [])
    let recipe = table.string("recipe", "a recipe's name", accept: Names.isRecipe)
    let ordinal = table.integer("step", in: 0...Int64(RecipeParser.stepLimit))
    let names = table.strings("names", "a name") { isName($0, of: kind) }
    let options = table.strings("options", "an option") { text in
      text.utf8.allSatisfy { 0x21...0x7E ~= $0 }
    }
    let packages = table.packages("packages")
    let files = table.files("files", of: kind)
    let date = table.date("date")
    let environment = table.variables("environment")
    guard let recipe, let ordinal, let kind, let names, let options,
      packages != nil || files != nil,
      let digest = table.digest("ask")
    else { return nil }
    let ask = StepAsk(kind: kind, names: names, options: options)
    if let node = table.table["ask"], digest != ask.digest {
      table.refuse(node, "\"ask\" is not the digest of kind, options and names")
    }
    return LockedStep(
      id: StepID(recipe: recipe, ordinal: Int(ordinal)), ask: ask, date: date,
      packages: packages ?? [], files: files ?? [], environment: environment)
  }

  private static func readPin(_ table: TableReader) -> LockedPin? {
    table.require(["recipe", "step", "key", "layer"])
    let recipe = table.string("recipe", "a recipe's name", accept: Names.isRecipe)
    let ordinal = table.integer("step", in: 1...Int64(RecipeParser.stepLimit))
    let key = table.digest("key")
    let layer = table.digest("layer")
    guard let recipe, let ordinal, let key, let layer else { return nil }
    return LockedPin(
      id: StepID(recipe: recipe, ordinal: Int(ordinal)), key: StepKey(key), layer: DiffID(layer))
  }

  private static func isName(_ text: String, of kind: String?) -> Bool {
    switch kind {
    case "fetch", "oci": Digest(hex: text) != nil
    case "npm": NpmName.isRequest(text)
    case "pip": PipRequirement.isUsable(text)
    default: Names.isDebianPackage(text)
    }
  }

  private static func readKernel(_ table: TableReader) -> LockedKernel? {
    table.require(["date", "packages"])
    guard let date = table.date("date"), let packages = table.packages("packages") else {
      return nil
    }
    return LockedKernel(date: date, packages: packages)
  }
}

extension TableReader {
  fileprivate func require(_ keys: [String], optional: [String] = []) {
    allow(keys + optional)
    for key in keys where table[key] == nil { missing(key) }
  }

  fileprivate func digest(_ key: String) -> Digest? {
    parsed(key, "64 lower-case hex digits") { Digest(hex: $0) }
  }

  /// Up to the year 2242: a tar header's eleven octal digits.
  fileprivate func date(_ key: String) -> SourceDate? {
    integer(key, in: 0...0o77_777_777_777).map(SourceDate.init)
  }

  /// `NAME=VALUE`, each name once.
  fileprivate func variables(_ key: String) -> [String: String] {
    var variables: [String: String] = [:]
    for (text, node) in strings(key) ?? [] {
      guard let variable = ImageVariable(text) else {
        refuse(node, "\"\(Names.printable(text))\" in \"\(key)\" is not a variable")
        continue
      }
      if variables.updateValue(variable.value, forKey: variable.name) != nil {
        refuse(node, "\"\(variable.name)\" stands twice in \"\(key)\"")
      }
    }
    return variables
  }

  /// The packages that are as they must be; the others are reported.
  fileprivate func packages(_ key: String) -> [LockedPackage]? {
    guard table[key] != nil else { return nil }
    var seen: Set<[String]> = []
    return readers(key, "in \"\(key)\"", limit: 20_000).compactMap { entry in
      guard let package = entry.package() else { return nil }
      if !seen.insert([package.name, package.architecture]).inserted {
        entry.mistakes.add(entry.place, "package \"\(package.name)\" stands twice in one list")
      }
      return package
    }
  }

  /// The files that are as they must be; the others are reported.
  fileprivate func files(_ key: String, of kind: String?) -> [LockedFile]? {
    guard table[key] != nil else { return nil }
    var seen: Set<String> = []
    return readers(key, "in \"\(key)\"", limit: 20_000).compactMap { entry in
      guard let file = entry.file(of: kind) else { return nil }
      if !seen.insert(file.name).inserted {
        entry.mistakes.add(entry.place, "file \"\(file.name)\" stands twice in one list")
      }
      return file
    }
  }

  private func file(of kind: String?) -> LockedFile? {
    let isNpm = kind == "npm"
    let isBlob = kind == "oci"
    let keys = isNpm ? ["package", "version", "asked", "integrity"] : isBlob ? ["type"] : []
    require(["name"] + keys + ["size", "sha256"], optional: isBlob ? ["diff"] : [])
    let name = string("name", "the name of a file", accept: Names.isFile)
    let size = integer("size", in: 0...(1 << 40))
    let npm = isNpm ? npm() : nil
    let blob = isBlob ? blob() : nil
    guard let name, let size, let digest = digest("sha256"), isNpm == (npm != nil),
      isBlob == (blob != nil)
    else { return nil }
    return LockedFile(name: name, size: ByteCount(size), digest: digest, npm: npm, blob: blob)
  }

  private func blob() -> LockedBlob? {
    let type = string("type", "a media type", accept: ImageBlobs.isMediaType)
    guard let type else { return nil }
    return LockedBlob(mediaType: type, diff: digest("diff"))
  }

  private func npm() -> LockedNpm? {
    let package = string("package", "the name of a package of npm's", accept: NpmName.isPackage)
    let version = string("version", "the version of a package", accept: NpmName.isVersion)
    let isAsked = boolean("asked")
    let integrity = parsed("integrity", "\"sha512-\" and a digest in Base64") { Integrity($0) }
    guard let package, let version, let isAsked, let integrity else { return nil }
    return LockedNpm(
      package: package, version: version, isAsked: isAsked, integrity: integrity)
  }

  private func package() -> LockedPackage? {
    require(["name", "version", "architecture", "path", "size", "sha256"])
    let name = string("name", "a Debian package's name", accept: Names.isDebianPackage)
    let version = string("version", "a Debian version", accept: Names.isDebianVersion)
    let architecture = string("architecture", "amd64, arm64 or all") {
      $0 == "all" || Architecture(rawValue: $0) != nil
    }
    let path = string("path", "a path below an archive's root") {
      Names.isPlainRelativePath($0) && $0.hasSuffix(".deb") && !$0.contains(":")
    }
    let size = integer("size", in: 1...(1 << 40))
    guard let name, let version, let architecture, let path, let size,
      let digest = digest("sha256")
    else { return nil }
    return LockedPackage(
      name: name, version: version, architecture: architecture, path: path, size: ByteCount(size),
      digest: digest)
  }
}
