import Host
import TestSupport
import Testing
import Vocabulary

extension EndToEnd {
  /// JavaScript packages, from a registry on this machine.
  @Suite(.with("perl", "tar")) struct NpmStepTests {
    private let place = Place.current
    private let registry: NodeRegistry

    init() throws { registry = try NodeRegistry(Place.current) }

    private func recipe(
      _ name: String, from parent: String = "node", _ steps: String...
    ) throws -> String {
      try place.recipe(name, from: parent, steps.map { "[[step]]\n\($0)\n" }.joined())
    }

    @Test func `what npm needs is locked, and built the same again with no registry`() throws {
      try registry.add("words", "1.5.0")
      try registry.add("words", "2.0.0")
      try registry.add(
        "greeter", "1.0.0", needs: ["words": "^1"],
        fields: ", \"optionalDependencies\": {\"not-there\": \"1\"}")
      try registry.add(
        "@scope/tool", "1.2.3", needs: ["words": "2.x", "hello": "npm:greeter@1"],
        habit: "elsewhere")
      let check = """
        run = '''
        test "$(greeter)" = "greeter 1.0.0, words 1.5.0"
        test "$(tool)" = "@scope/tool 1.2.3, hello 1.0.0, words 2.0.0"
        test "$(readlink /usr/local/bin/tool)" = ../lib/node_modules/@scope/tool/cli.js
        cd /usr/local/lib/node_modules
        test "$(echo *)" = "@scope greeter"
        test "$(ls -A /root)" = "$(ls -A /root | grep -v npm)"
        test -z "$(find /usr/local /var/tmp -name .package-lock.json -o -name '*_cacache')"
        '''
        """
      let path = try recipe("npms", "npm = [\"greeter\", \"@scope/tool@^1.2\"]", check)
      let first = try #require(try registry.build(path).items("builds").first)
      #expect(first["steps_run"] == .integer(2))
      let lock = try place.read("npms.lock")
      #expect(!lock.contains("127.0.0.1"))
      let entries = [
        ("greeter", "1.0.0", true), ("@scope/tool", "1.2.3", true), ("words", "1.5.0", false),
        ("words", "2.0.0", false),
      ]
      for (name, version, isAsked) in entries {
        let digest = try registry.digest(name, version).hex
        let line = lock.split(separator: "\n").filter { $0.contains("sha256 = \"\(digest)\" },") }
        #expect(
          line.count == 1
            && line[0].contains(
              "package = \"\(name)\", version = \"\(version)\", asked = \(isAsked), integrity")
        )
      }
      // Another environment is another key for each step: all are run again, from the store alone.
      let layers = try place.layers(of: "npms")
      let asked = registry.server.requests.count
      try place.write(
        "npms.toml", place.read("npms.toml") + "\n[env]\nNPM_CONFIG_PREFIX = \"/opt\"\n")
      let again = try #require(try registry.build(path, "--locked").items("builds").first)
      #expect(again["steps_run"] == .integer(2))
      #expect(try place.layers(of: "npms") == layers)
      #expect(registry.server.requests.count == asked, "\(registry.server.requests)")
      #expect(try place.store.leftovers().isEmpty)
    }

    @Test func `a tarball that is not what was locked is refused by name`() throws {
      try registry.add("words", "1.0.0")
      let path = try recipe("changed", "npm = [\"words\"]")
      _ = try #require(try registry.build(path).items("builds").first)
      func loseInput() throws {
        let again = try place.read("changed.toml").replacing("[[step]]", with: "# again\n[[step]]")
        try place.write("changed.toml", again + "timeout = 60\n")
        _ = try place.hutch("untag", "changed")
        #expect(try place.hutch("gc", "--now").status == 0)
      }
      try loseInput()
      let tarball = "\(place.directory)/served/\(registry.tarball("words", "1.0.0"))"
      let bytes = try Files.read(tarball, limit: 1 << 20)
      try registry.add("words", "1.0.0", files: ["else": "something\n"])
      let differs = try registry.program.run(["build", path, "--locked"])
      #expect(differs.status == 6, "\(differs.error)")
      #expect(
        differs.error.contains(
          "step 1 of \"changed\": \"words-1.0.0.tgz\" is not what was locked: what came has the sha256"
        ),
        "\(differs.error)")
      try Files.remove(tarball)
      let gone = try registry.program.run(["build", path, "--locked"])
      #expect(gone.status == 7, "\(gone.error)")
      #expect(gone.error.contains("no source has \"words-1.0.0.tgz\" any more: 404"))
      try Files.write(tarball, bytes)
      let lying = try registry.program.run(["build", path, "--locked"])
      #expect(lying.status == 6, "\(lying.error)")
      #expect(lying.error.contains("what the registry sent is not what it says of itself"))
      #expect(try place.store.leftovers().isEmpty)
    }

    @Test func `what can't be resolved is told by name, and nothing is locked`() throws {
      var other = IntegrityStream()
      other.update([1])
      try registry.add("lied-about", "1.0.0", integrity: other.finish())
      try registry.add("words", "1.0.0", needs: ["outside": "git+https://example.invalid/x.git"])
      try registry.add("plain", "1.0.0")
      let address = registry.server.url(registry.tarball("plain", "1.0.0"))
      try registry.add("tarred", "1.0.0", needs: ["plain": address])
      try registry.add("lonely", "1.0.0")
      try Files.remove("\(place.directory)/served/\(registry.tarball("lonely", "1.0.0"))")
      let cases: [(String, String, Int32, String)] = [
        ("node", "nobody-has-it", 5, "npm can't resolve \"nobody-has-it\": 404 Not Found"),
        ("node", "lonely@9", 5, "npm can't resolve \"lonely@9\": notarget No matching version"),
        ("node", "lonely", 5, "npm can't resolve \"lonely\": 404 Not Found"),
        ("node", "lied-about", 6, "what the registry sent is not what it says of itself: sha512-"),
        ("node", "words", 5, "npm can't resolve \"words\": "),
        ("node", "tarred", 5, "\"tarred\" needs \"plain from \(address)\", which is not"),
        ("base", "lonely", 5, "there is no \"npm\" in the image at this step\nhint: put an apt"),
      ]
      for (parent, name, status, told) in cases {
        let said = try registry.program.run(
          ["build", try recipe("unresolved", from: parent, "npm = [\"\(name)\"]")])
        #expect(said.status == status, "\(name): \(said.error)")
        #expect(said.error.contains(told), "\(name): \(said.error)")
        #expect(!Files.exists(place.directory + "/unresolved.lock"))
      }
      #expect(try place.store.leftovers().isEmpty)
    }

    @Test func `install scripts run only where the recipe says so, and have no network`() throws {
      let script = """
        , "scripts": {"postinstall": "echo ran > made; mkdir -p node_modules/.cache; \
        test ! -e /proc/sys/net/ipv4/conf/eth0; id -u > user"}
        """
      try registry.add("builds", "1.0.0", fields: script)
      let place = "/usr/local/lib/node_modules/builds"
      let path = try recipe(
        "scripts", "npm = [\"builds\"]", "run = \"test ! -e \(place)/made\"",
        "npm = [\"builds\"]\nprefix = \"/opt/js\"\nscripts = true",
        """
        run = '''
        cd /opt/js/lib/node_modules/builds
        test "$(cat made user | tr '\\n' ' ')" = "ran 0 "
        test ! -e node_modules/.cache
        test "$(/opt/js/bin/builds)" = "builds 1.0.0"
        '''
        """)
      let built = try registry.build(path).items("builds").first
      // The first two were run already, for the lock.
      #expect(built?["steps_run"] == .integer(2))
    }

    @Test func `a later step keeps the packages of the parents unless it may upgrade`() throws {
      try registry.add("words", "1.0.0")
      try registry.add("words", "2.0.0")
      try registry.add("other", "1.0.0", needs: ["words": "2"])
      let steps = ["npm = [\"words@1\"]", "npm = [\"words@2\", \"other\"]"]
      let path = try recipe("keeps", steps[0], steps[1])
      let said = try registry.program.run(["build", path])
      #expect(said.status == 5, "\(said.error)")
      #expect(
        said.error.contains(
          """
          step 2 of "keeps": npm can't resolve "other words@2": the parents have words 1.0.0
          hint: the parents' packages are kept; set `upgrade = true`
          """), "\(said.error)")
      let upgrading = try recipe(
        "keeps", steps[0], steps[1] + "\nupgrade = true",
        "run = '[ \"$(words)\" = \"words 2.0.0\" ]; [ \"$(other)\" = \"other 1.0.0, words 2.0.0\" ]'"
      )
      let built = try registry.build(upgrading).items("builds").first
      #expect(built?["steps_run"] == .integer(2))
      // With nothing in its way it takes what is there.
      let third = try recipe(
        "takes", steps[0], "npm = [\"words\", \"other\"]",
        "run = '[ \"$(words)\" = \"words 1.0.0\" ]'")
      _ = try #require(try registry.build(third).items("builds").first)
    }

    @Test func `what npm logs in with is used, and is nowhere afterwards`() throws {
      // A key that everybody can have is none.
      let key = "-----BEGIN " + "PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIAAAAAAAAAAAAAAAAAAAAAAA\n"
      try registry.add(
        "inner", "1.0.0", files: ["test/key.pem": key + "-----END PRIVATE KEY-----\n"],
        habit: "private")
      let npmrc = """
        registry = \(registry.server.url("private/"))
        //127.0.0.1:\(registry.server.port)/:_authToken="${THE_TOKEN}"

        """
      var program = registry.program(with: npmrc)
      program.environment["THE_TOKEN"] = "let-me-not"
      let path = try recipe("inside", "npm = [\"inner\"]")
      let refused = try program.run(["build", path, "--progress", "plain"])
      #expect(refused.status == 5, "\(refused.error)")
      #expect(refused.error.contains("401") && !refused.error.contains("let-me-not"))
      program.environment["THE_TOKEN"] = "let-me-in"
      let built = try program.run(["build", path, "--progress", "plain"])
      #expect(built.status == 0, "\(built.error)")
      #expect(!built.error.contains("let-me-in"))
      let found = try Processes.run(
        Command(
          "grep", ["-rlF", "let-me-in", place.store.path, place.directory + "/inside.lock"]))
      #expect(found.text.isEmpty)
    }
  }
}
