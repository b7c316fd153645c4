import Host
import TestSupport
import Testing
import Vocabulary

extension EndToEnd {
  /// What has become newer, from an index and a registry on this machine.
  @Suite(.with("perl", "bsdtar", "tar")) struct UpdateTests {
    private let place = Place.current

    private func versions(_ lock: String, of names: String...) throws -> [String] {
      let text = try place.read(lock)
      return try names.map { name in
        let line = try #require(text.split(separator: "\n").first { $0.contains("\"\(name)-") })
        let rest = try #require(line.split(separator: "\"").first { $0.hasPrefix("\(name)-") })
        return String(rest.dropFirst(name.count + 1).prefix { $0.isNumber || $0 == "." })
      }
    }

    @Test func `newer wheels are listed, and locked when they are asked for, by name`() throws {
      let index = try PythonIndex(place)
      try index.add("words", "1.0")
      try index.add("greeter", "1.0", needs: ["words"])
      let path = try place.recipe(
        "news", from: "python", "[[step]]\npip = [\"Greeter\"]\n")
      let first = try index.program.run(["outdated", path])
      #expect(first.status == 3, "\(first.error)")
      #expect(first.error.contains("the recipe \"news\" has no lock"))
      _ = try #require(try index.build(path).items("builds").first)
      func outdated() throws -> [String] {
        try index.program.run(["outdated", path, "--format", "json"]).items("outdated")
          .filter { $0["kind"]?.string == "pip" }
          .map { row in
            ["package", "locked", "available"].map { row[$0]?.string ?? "?" }
              .joined(separator: " ")
          }
      }
      #expect(try outdated().isEmpty)

      try index.add("words", "1.1")
      try index.add("greeter", "2.0", needs: ["words"])
      #expect(try outdated() == ["greeter 1.0 2.0", "words 1.0 1.1"])
      let before = try place.read("news.lock")
      func update(_ words: String...) throws -> [String] {
        try index.program.run(["update", "-r", path, "--format", "json"] + words).items("updates")
          .filter { $0["kind"]?.string == "pip" }
          .map { row in
            ["package", "before", "after"].map { row[$0]?.string ?? "?" }.joined(separator: " ")
          }
      }
      #expect(try update("--dry-run", "Words") == ["words 1.0 1.1"])
      #expect(try place.read("news.lock") == before)
      #expect(try update("words") == ["words 1.0 1.1"])
      #expect(try versions("news.lock", of: "greeter", "words") == ["1.0", "1.1"])
      let unknown = try index.program.run(["update", "-r", path, "greter"])
      #expect(unknown.status == 3, "\(unknown.error)")
      #expect(unknown.error.contains("did you mean \"greeter\"?"), "\(unknown.error)")
      #expect(try update() == ["greeter 1.0 2.0"])
      #expect(try outdated().isEmpty)
      // Only the step with the packages is run.
      let built = try #require(try index.build(path, "--locked").items("builds").first)
      #expect(built["steps_run"] == .integer(1))
    }

    @Test func `a tool of a project is updated by its name, and nothing of the project is`() throws
    {
      let index = try PythonIndex(place)
      try index.add("helper", "1.0")
      try place.write(
        "settings/hutch/recipes/helper.toml",
        """
        format = 1
        from = "python"
        tool = true
        [[step]]
        pip = ["helper"]
        venv = "/opt/helper"

        """)
      var program = index.program
      program.environment["XDG_CONFIG_HOME"] = place.directory + "/settings"
      try place.write("work/hutch.toml", "format = 1\nfrom = \"python\"\nwith = [\"helper\"]\n")
      let project = place.directory + "/work"
      let built = try program.run(["build", project])
      #expect(built.status == 0, "\(built.error)")
      let lock = try place.read("work/hutch.lock")
      try index.add("helper", "1.1")
      let changes = try program.run(["update", "-r", project, "helper", "--format", "json"])
        .items("updates")
      #expect(changes.count == 1, "\(changes)")
      #expect(changes.first?["name"]?.string == "helper")
      #expect(changes.first?["after"]?.string == "1.1")
      #expect(try place.read("work/hutch.lock") == lock)
      #expect(try place.read("work/helper.lock").contains("helper-1.1-"))
    }

    @Test func `newer packages of a registry are listed and locked`() throws {
      let registry = try NodeRegistry(place)
      try registry.add("words", "1.0.0")
      let path = try place.recipe("nodes", from: "node", "[[step]]\nnpm = [\"words@^1\"]\n")
      _ = try #require(try registry.build(path).items("builds").first)
      try registry.add("words", "1.4.0")
      try registry.add("words", "2.0.0")
      let rows = try registry.program.run(["outdated", path, "--format", "json"]).items("outdated")
        .filter { $0["kind"]?.string == "npm" }
      #expect(rows.map { $0["available"]?.string } == ["1.4.0"])
      let changes = try registry.program.run(
        ["update", "-r", path, "words", "--format", "json"]
      ).items("updates")
      #expect(changes.map { $0["after"]?.string } == ["1.4.0"])
    }
  }
}
