import Host
import TestSupport
import Testing
import Vocabulary

extension EndToEnd {
  /// Python packages, from an index on this machine.
  @Suite(.with("perl", "bsdtar", "tar")) struct PipStepTests {
    private let place = Place.current
    private let index: PythonIndex

    init() throws { index = try PythonIndex(Place.current) }

    private func recipe(
      _ name: String, from parent: String = "python", _ steps: String...
    ) throws -> String {
      try place.recipe(name, from: parent, steps.map { "[[step]]\n\($0)\n" }.joined())
    }

    @Test func `what pip needs is locked, and built the same again with no index`() throws {
      try index.add("greeter", "1.0", needs: ["words>=1"])
      try index.add("words", "1.5")
      try index.add("words", "0.9")
      let check = """
        run = '''
        cd /opt/python
        test "$(bin/greeter)" = "greeter 1.0"
        test "$(bin/words)" = "words 1.5"
        # PEP 552: a hash that is checked.
        for file in lib/python3*/site-packages/*/__pycache__/*.pyc; do
          test "$(od -An -tu1 -j4 -N1 "$file" | tr -d ' ')" = 3
        done
        test ! -e /root/.cache
        '''
        """
      let path = try recipe("pips", "pip = [\"Greeter>=1\"]", check)
      let first = try #require(try index.build(path).items("builds").first)
      #expect(first["steps_run"] == .integer(2))
      let lock = try place.read("pips.lock")
      #expect(!lock.contains("127.0.0.1"))
      for (name, version) in [("greeter", "1.0"), ("words", "1.5")] {
        let digest = try index.wheel(name, version).hex
        #expect(lock.contains("{ name = \"\(name)-\(version)-py3-none-any.whl\", size = "))
        #expect(lock.contains("sha256 = \"\(digest)\" },"))
      }
      // Another environment is another key for each step: all are run again, from the store alone.
      let layers = try place.layers(of: "pips")
      let asked = index.server.requests.count
      try place.write("pips.toml", place.read("pips.toml") + "\n[env]\nAGAIN = \"1\"\n")
      let again = try #require(try index.build(path, "--locked").items("builds").first)
      #expect(again["steps_run"] == .integer(2))
      #expect(try place.layers(of: "pips") == layers)
      #expect(index.server.requests.count == asked, "\(index.server.requests)")
    }

    @Test func `a wheel that is not what was locked is refused by name`() throws {
      try index.add("words", "1.0")
      let path = try recipe("tampered", "pip = [\"words\"]")
      _ = try #require(try index.build(path).items("builds").first)
      let digest = try index.wheel("words", "1.0")
      try Files.remove("\(place.store.path)/inputs/sha256/\(digest.hex)")
      try index.add("words", "1.0", module: "def main():\n    print('something else')\n")
      try place.write("tampered.toml", place.read("tampered.toml") + "\n[env]\nAGAIN = \"1\"\n")
      let said = try index.program.run(["build", path, "--locked"])
      #expect(said.status == 6, "\(said.error)")
      #expect(
        said.error.contains(
          "step 1 of \"tampered\": \"words-1.0-py3-none-any.whl\" is not what was locked"),
        "\(said.error)")
      #expect(try place.store.leftovers().isEmpty)
    }

    @Test func `a later step keeps the packages of the parents unless it may upgrade`() throws {
      try index.add("words", "1.0")
      try index.add("words", "2.0")
      try index.add("greeter", "1.0", needs: ["words>=2"])
      let steps = ["pip = [\"words==1.0\"]", "pip = [\"greeter\"]"]
      let path = try recipe("keeps", steps[0], steps[1])
      let said = try index.program.run(["build", path])
      #expect(said.status == 5, "\(said.error)")
      #expect(said.error.contains("step 2 of \"keeps\": pip can't resolve \"greeter\""))
      #expect(said.error.contains("hint: the parents' packages are kept; set `upgrade = true`"))
      #expect(!Files.exists(place.directory + "/keeps.lock"))
      let upgrading = try recipe(
        "keeps", steps[0], steps[1] + "\nupgrade = true",
        "run = '''test \"$(/opt/python/bin/words)\" = 'words 2.0' '''")
      let built = try index.build(upgrading).items("builds").first
      #expect(built?["steps_run"] == .integer(2))
      // With nothing in its way it takes what is there.
      try index.add("other", "1.0", needs: ["words"])
      let third = try recipe("takes", steps[0], "pip = [\"other\"]")
      _ = try #require(try index.build(third).items("builds").first)
      let lock = try place.read("takes.lock")
      #expect(lock.ranges(of: "name = \"words-1.0-py3-none-any.whl\"").count == 1)
      #expect(!lock.contains("words-2.0"))
    }

    @Test func `what can't be resolved is told by name, and no source is ever built`() throws {
      try index.add("greeter", "1.0", needs: ["onlysource"])
      try index.addSource("onlysource", "1.0")
      let sources = try index.program.run(["build", try recipe("sources", "pip = [\"greeter\"]")])
      #expect(sources.status == 5, "\(sources.error)")
      #expect(
        sources.error.contains("there are only source distributions of \"onlysource\""),
        "\(sources.error)")
      #expect(!sources.error.contains("was built"))
      let none = try index.program.run(["build", try recipe("none", "pip = [\"nobody-has-it\"]")])
      #expect(none.status == 5)
      #expect(
        none.error.contains("pip can't resolve \"nobody-has-it\": ")
          && none.error.contains("No matching distribution found for nobody-has-it"))
      let bare = try index.program.run(
        ["build", try recipe("bare", from: "base", "pip = [\"greeter\"]")])
      #expect(bare.status == 5)
      #expect(
        bare.error.contains("there is no \"python3\" in the image at this step\nhint: put an apt"),
        "\(bare.error)")
      #expect(try place.store.leftovers().isEmpty)
    }
  }
}
