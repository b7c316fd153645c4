import Host
import Testing
import Vocabulary

extension EndToEnd {
  /// All inputs of a build in one file, for machines and days without a mirror.
  @Suite struct BundleTests {
    private let place = Place.current

    /// A bundle of a recipe with one small package over `base`.
    private func export() throws -> String {
      let recipe = try place.recipe("carried", #"[[step]]"# + "\n" + #"apt = ["hello"]"#)
      let made = try place.hutch("export", recipe, "--inputs", "-o", "inputs.tar")
      #expect(made.status == 0, "\(made.error)")
      return "\(place.directory)/inputs.tar"
    }

    @Test func `a bundle is the same each time, and any tar reads it`() throws {
      let path = try export()
      #expect(
        try place.hutch("export", "./carried.toml", "--inputs", "-o", "again.tar").status == 0)
      try place.judge("cmp", "inputs.tar", "again.tar")
      let names = try place.judge("tar", "-tf", path).split(separator: "\n")
      #expect(names.prefix(2) == ["hutch.lock", "hutch.toml"])
      #expect(names.count > 150)
      #expect(try place.judge("tar", "-xOf", path, "hutch.lock") == place.read("carried.lock"))
      try place.judge("tar", "-xf", path, "inputs")
      try place.judge("sh", "-c", "cd inputs/sha256 && sha256sum * | awk '$1 != $2 { exit 1 }'")
    }

    @Test func `a file that is there is not written over`() throws {
      let path = try export()
      let again = try place.hutch("export", "./carried.toml", "--inputs", "-o", "inputs.tar")
      #expect(again.status == 4)
      #expect(again.error.contains("\"inputs.tar\" exists already\nhint: "))
      #expect(Files.status(path)?.size ?? 0 > 1 << 20)
    }

    @Test func `should fail: a bundle that is cut off, changed, or something else`() throws {
      let whole = try Files.read(try export(), limit: 1 << 30)
      let store = place.directory + "/other"
      var changed = whole
      changed[whole.count / 2] ^= 1
      for (name, bytes) in [
        ("cut", Array(whole.prefix(whole.count / 2))), ("changed", changed),
        ("longer", whole + whole.prefix(512)), ("empty", []), ("text", Array("hello\n".utf8)),
      ] {
        try Files.write("\(place.directory)/\(name)", bytes, durable: false)
        let refused = try place.hutch("import", name, "--store", store)
        #expect(refused.status != 0, "\(name)")
        #expect(refused.error.contains("hutch: "), "\(name): \(refused.error)")
        #expect(try Files.list(store + "/inputs/sha256").isEmpty, "\(name)")
        #expect(
          try Files.list(store + "/ingest").filter { $0 != "CACHEDIR.TAG" }.isEmpty, "\(name)")
      }
      let taken = try place.hutch("import", "inputs.tar", "--store", store, "--format", "json")
      let bundle = try #require(try taken.items("bundles").first)
      #expect(
        bundle["inputs"] == .integer(Int64(try Files.list(store + "/inputs/sha256").count)))
      // Its rows are there too: a collector without grace takes all of it.
      #expect(try place.hutch("gc", "--now", "--store", store).status == 0)
      #expect(try Files.list(store + "/inputs/sha256").isEmpty)
    }
  }
}
