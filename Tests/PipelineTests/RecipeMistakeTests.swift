import Host
import Testing
import Vocabulary

extension EndToEnd {
  /// Recipes that can't be built: each says what is wrong, where, and what to do, and the store
  /// is afterwards as it was.
  @Suite struct RecipeMistakeTests {
    private let place = Place.current

    private func refused(
      _ recipe: String, status: Int32, _ parts: String...,
      location: SourceLocation = #_sourceLocation
    ) throws {
      let before = try place.store.contents()
      let tags = try place.hutch("images", "--format", "json").text
      let said = try place.hutch("build", recipe)
      #expect(said.status == status, "\(said.error)", sourceLocation: location)
      #expect(said.output.isEmpty, sourceLocation: location)
      for part in parts {
        #expect(said.error.contains(part), "\(said.error)", sourceLocation: location)
      }
      #expect(try place.store.contents() == before, sourceLocation: location)
      #expect(try place.store.leftovers().isEmpty, sourceLocation: location)
      #expect(try place.hutch("images", "--format", "json").text == tags, sourceLocation: location)
    }

    @Test func `an unknown key has its place and the nearest known key`() throws {
      let recipe = try place.recipe("keys", "sumary = \"x\"\n[[step]]\nrun = \"true\"\ntiemout = 3")
      try refused(
        recipe, status: 5, "hutch: 2 mistakes in \"./keys.toml\"",
        "./keys.toml:3:1: unknown key \"sumary\" at the top level; did you mean \"summary\"?",
        "./keys.toml:6:1: unknown key \"tiemout\" in [[step]]; did you mean \"timeout\"?")
    }

    @Test func `recipes that begin with each other are shown as the circle that they are`() throws {
      try place.recipe("hen", from: "egg", "")
      try place.recipe("egg", from: "hen", "")
      try refused("./hen.toml", status: 5, "hen -> egg -> hen", "\nhint: ")
    }

    @Test func `a parent that is not there is told with where it was looked for`() throws {
      let recipe = try place.recipe("child", from: "nobody", "")
      try refused(recipe, status: 3, "there is no recipe \"nobody\", looked for in ", "\nhint: ")
    }

    @Test func `a package that does not exist is named`() throws {
      let recipe = try place.recipe("packages", "[[step]]\napt = [\"no-such-package\"]")
      try refused(recipe, status: 5, "there is no package \"no-such-package\"")
      #expect(!Files.exists(place.directory + "/packages.lock"))
    }

    @Test func `a file to be copied that is not there is named`() throws {
      let recipe = try place.recipe(
        "copies", "[[step]]\ncopy = { from = \"nowhere.txt\", to = \"/x\" }")
      try refused(recipe, status: 3, "nowhere.txt")
    }

    @Test func `a step that fails shows its last words and how to look inside`() throws {
      let recipe = try place.recipe(
        "fails", steps: ["echo fine > /fine", "echo 'first line'\necho 'last words' >&2\nexit 9"])
      let said = try place.hutch("build", recipe)
      #expect(said.status == 1)
      #expect(
        said.error.hasSuffix(
          """
          hutch: step 2 of "fails": "run echo 'first line' …" ended with status 9
            first line
            last words
          hint: look inside with `hutch build --shell-on-failure RECIPE`; nothing of the step was kept

          """), "\(said.error)")
      #expect(try place.store.leftovers().isEmpty)
      #expect(try !place.hutch("images").text.contains("fails"))
      // The step before it need not run again.
      try place.recipe("fails", steps: ["echo fine > /fine", "echo fixed"])
      #expect(try place.build(recipe)["steps_run"] == .integer(1))
    }

    @Test func `a step that takes too long is ended`() throws {
      let recipe = try place.recipe("slow", "[[step]]\nrun = \"sleep 60\"\ntimeout = 1")
      let said = try place.hutch("build", recipe)
      #expect(said.status == 1)
      #expect(said.error.contains("\"run sleep 60\" did not end within 1 s\nhint: "))
      #expect(try place.store.leftovers().isEmpty)
      #expect(try place.store.users().isEmpty)
    }

    @Test func `what a step does reaches neither the network nor the machine`() throws {
      let recipe = try place.recipe(
        "curious",
        steps: [
          """
          { ls /sys/class/net 2>/dev/null || echo none; hostname; id -u; pwd
            mount -t tmpfs none /mnt 2>/dev/null && echo mounted
            ls / | tr '\\n' ' '; env | sort | cut -d= -f1 | tr '\\n' ' '; } > /seen
          exit 4
          """
        ])
      _ = try place.hutch("build", recipe)
      try place.recipe("curious", steps: ["getent hosts example.org && exit 1; exit 0"])
      #expect(try place.build(recipe)["steps_run"] == .integer(1))
    }
  }
}
