package import Vocabulary

/// What a person wants of Hutch on this machine, beyond a single command.
package struct Settings: Sendable, Hashable {
  /// What `hutch gc` is to reach when it is not told otherwise.
  package struct Collection: Sendable, Hashable {
    package var budget: ByteCount?
    package var minFree: ByteCount?
    package var olderThan: TimeSpan?
    package var keep: Int?

    package init() {}
  }

  package var collection = Collection()
  /// Builds and clones leave so much free on the store's file system.
  package var floor: ByteCount = .zero

  package init() {}

  /// Its file, if `environment`'s configuration directory has one.
  package static func path(in configDirectory: String) -> String {
    configDirectory + "/config.toml"
  }

  package static let format: Int64 = 1
  static let textLimit = 1 << 16

  /// Either the settings or everything that is wrong with them.
  package static func parse(text: String, path: String) throws(RecipeErrors) -> Settings {
    let table = try TOMLDocument.parse(text, path: path, limit: textLimit)
    let mistakes = MistakeCollector(path: path)
    let root = TableReader(table, at: .beginning, "at the top level", mistakes)
    root.allow(["format", "gc", "store"])
    readFormat(root)
    var settings = Settings()
    if let gc = root.reader("gc", "in [gc]") {
      gc.allow(["budget", "min_free", "older_than", "keep"])
      settings.collection.budget = size("budget", gc)
      settings.collection.minFree = size("min_free", gc)
      settings.collection.olderThan = gc.parsed("older_than", TimeSpan.wanted) { TimeSpan($0) }
      settings.collection.keep = gc.integer("keep", in: 1...1000).map(Int.init)
    }
    if let store = root.reader("store", "in [store]") {
      store.allow(["floor"])
      settings.floor = size("floor", store) ?? .zero
    }
    try mistakes.finish()
    return settings
  }

  private static func readFormat(_ root: TableReader) {
    guard let node = root.table["format"] else {
      root.missing("format", hint: "begin the file with \"format = \(format)\"")
      return
    }
    guard case .integer(let number) = node.value, number == format else {
      root.refuse(
        node, "this version of hutch reads settings of format \(format) only",
        hint: "write \"format = \(format)\"")
      return
    }
  }

  private static func size(_ key: String, _ table: TableReader) -> ByteCount? {
    table.parsed(key, "a size such as \"40G\"") { ByteCount($0) }
  }
}
