import Host
import TestSupport
import Testing
import Vocabulary

extension EndToEnd {
  /// What must not get into an image, and what need not.
  @Suite struct SealTests {
    private let place = Place.current

    /// A private key that no other run has.
    private func key() throws -> String {
      let bytes = Randomness.bytes(96)
      let body = Hex.encode(bytes) + "ABCDEFGHIJKLMNOP"
      return "-----BEGIN PRIVATE " + "KEY-----\n\(body)\n-----END PRIVATE " + "KEY-----\n"
    }

    @Test func `a step that leaves a private key is refused, and the store is as it was`() throws {
      try place.write("key.pem", try key())
      let step = "[[step]]\ncopy = { from = \"key.pem\", to = \"/opt/key.pem\" }\n"
      let recipe = try place.recipe("leaves-key", step)
      // The lock takes nothing new, but is written.
      _ = try place.hutch("build", recipe)
      let before = try place.store.contents()
      let said = try place.hutch("build", recipe)
      #expect(said.status == 5)
      #expect(
        said.error.hasSuffix(
          """
          hutch: step 1 of "leaves-key": what looks like a secret is in its layer, which was not kept
            "/opt/key.pem": a private key (private-key)
          hint: remove it at the end of the step; if it is no secret, say so in the recipe: \
          [[seal.allow]] with path = "/opt/key.pem" and a reason

          """), "\(said.error)")
      #expect(try place.store.contents() == before)
      #expect(try place.store.leftovers().isEmpty)
      #expect(try !place.hutch("images").text.contains("leaves-key"))

      // Allowed, it passes; when that is taken back, it does not, although the step once ran.
      let allowed = step + "[[seal.allow]]\npath = \"/opt/key.pem\"\nreason = \"of a test\"\n"
      try place.recipe("leaves-key", allowed)
      #expect(try place.build(recipe)["steps_run"] == .integer(1))
      #expect(try place.build(recipe)["steps_run"] == .integer(0))
      try place.recipe("leaves-key", step)
      #expect(try place.hutch("build", recipe).status == 5)
    }

    @Test func `what a parent's step leaves is not for a child to allow`() throws {
      try place.recipe("careless", steps: ["echo ls > /opt/.zsh_history"])
      let recipe = try place.recipe(
        "child", from: "careless",
        "[[seal.allow]]\npath = \"/opt/.zsh_history\"\nreason = \"not mine\"")
      let said = try place.hutch("build", recipe)
      #expect(said.status == 5)
      #expect(said.error.contains("step 1 of \"careless\""))
      #expect(said.error.contains("\"/opt/.zsh_history\": what somebody typed"))
    }

    @Test func `a file that a locked package holds is public, and no other is`() throws {
      // Python's own tests come with keys of their own.
      let packages = "[[step]]\napt = [\"libpython3.13-testsuite\"]\n"
      let recipe = try place.recipe("public-keys", packages)
      #expect(try place.build(recipe)["steps_run"] == .integer(1))
      let keys = "find /usr/lib/python3* -path '*test/*' -name 'keycert.pem' | head -n 1"
      // Copied up with another mode it is still the package's.
      let touched = packages + "[[step]]\nrun = '''\nchmod 600 \"$(\(keys))\"\n'''\n"
      try place.recipe("public-keys", touched)
      #expect(try place.build(recipe)["steps_run"] == .integer(1))
      let moved = packages + "[[step]]\nrun = '''\ncp \"$(\(keys))\" /opt/moved.pem\n'''\n"
      try place.recipe("public-keys", moved)
      let said = try place.hutch("build", recipe)
      #expect(said.status == 5)
      #expect(said.error.contains("\"/opt/moved.pem\": a private key (private-key)"))
    }

    @Test func `a secret is in its step and nowhere afterwards`() throws {
      let value = "sesame-" + Hex.encode(Randomness.bytes(12))
      try place.write("token", value + "\n")
      let recipe = try place.recipe(
        "uses-secret",
        """
        [[step]]
        secrets = ["npm-token"]
        user = "agent"
        run = '''
        id -un
        stat -c '%a %U' /run/secrets/npm-token
        wc -c < /run/secrets/npm-token > /home/agent/size
        cat /run/secrets/npm-token
        '''
        [[step]]
        run = "test ! -e /run/secrets"
        """)
      let before = try place.store.contents()
      let missing = try place.hutch("build", recipe)
      #expect(missing.status == 5)
      #expect(
        missing.error.hasSuffix(
          """
          hutch: step 1 of "uses-secret" needs the secret "npm-token"
          hint: `hutch build uses-secret --secret npm-token=FILE`

          """), "\(missing.error)")
      #expect(try place.store.contents() == before)

      let built = try place.hutch(
        "build", recipe, "--secret", "npm-token=\(place.directory)/token", "--progress", "plain")
      #expect(built.status == 0, "\(built.error)")
      #expect(built.error.contains("400 agent"))
      #expect(built.error.contains("(a secret)"))
      #expect(!built.error.contains(value) && !built.text.contains(value))
      // Names are part of the key, values are not; what is cached needs none.
      #expect(try place.build(recipe)["steps_run"] == .integer(0))
      let everywhere = try Processes.run(
        // A disk is as large as can be, and made of what is looked through here.
        Command("grep", ["-rlaF", "--exclude-dir=disks", value, place.store.path])
      ).text
      #expect(everywhere.isEmpty, "\(everywhere)")
      // Compressed layers don't show it, their trees would.
      #expect(try place.store.leftovers().isEmpty)
    }

    @Test func `a failing step's last words are told without its secret`() throws {
      let value = "sesame-" + Hex.encode(Randomness.bytes(12))
      let recipe = try place.recipe(
        "tells",
        "[[step]]\nsecrets = [\"word\"]\nrun = 'cat /run/secrets/word; echo; exit 3'")
      var program = place.program
      program.environment["THE_WORD"] = value
      let said = try program.run(["build", recipe, "--secret", "word=env:THE_WORD"])
      #expect(said.status == 1)
      #expect(said.error.contains("ended with status 3\n  (a secret)"), "\(said.error)")
      #expect(!said.error.contains(value))
      // And one that keeps it is refused, whatever the recipe allows.
      try place.recipe(
        "tells",
        """
        [[step]]
        secrets = ["word"]
        run = 'cat /run/secrets/word > /opt/word'
        [[seal.allow]]
        path = "/opt"
        reason = "no reason is good enough"
        """)
      let kept = try program.run(["build", recipe, "--secret", "word=env:THE_WORD"])
      #expect(kept.status == 5)
      #expect(kept.error.contains("\"/opt/word\": a secret that the step was given"))
      #expect(!kept.error.contains(value))
    }

    @Test(arguments: [
      ("npm-token", "it must be NAME=FILE"), ("../x=file", "it must be NAME=FILE"),
      ("a=env:NO_SUCH_VARIABLE", "the variable of \"a\" is not in the environment"),
    ])
    func `a value for a secret that can't be used is told, and not shown`(
      text: String, says: String
    ) throws {
      let said = try place.hutch("build", "base", "--secret", text)
      #expect(said.status == 5)
      #expect(said.error.contains(says), "\(said.error)")
      #expect(!said.error.contains("../x"))
    }
  }
}
