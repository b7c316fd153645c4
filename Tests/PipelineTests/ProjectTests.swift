import Host
import Testing
import Vocabulary

extension EndToEnd {
  /// From a directory with somebody's project in it to a VM for it, and what is wrong in recipes.
  @Suite struct ProjectTests {
    private let place = Place.current

    @Test func `a project gets a recipe, and a VM of it`() throws {
      try place.write("My Project/pyproject.toml", "[project]\nname = \"x\"\n")
      let said = try place.hutch("init", "My Project")
      #expect(said.text == "wrote \"My Project/hutch.toml\": python (pyproject.toml)\n")
      #expect(try place.read("My Project/hutch.toml").contains("from = \"python\"\n"))
      #expect(try place.hutch("recipe", "lint", "./My Project").status == 0)
      let ran = try place.hutch(
        "run", "./My Project", "--keep", "--", "python3", "-c", "print(6 * 7)")
      #expect(ran.text == "42\n")
      let vm = try place.hutch("vms", "--format", "json").items("vms").first
      #expect(vm?["name"]?.string?.hasPrefix("my-project-") == true)

      let again = try place.hutch("init", "My Project")
      #expect(again.status == 4)
      #expect(again.error.contains("exists already\nhint: edit it, or replace it with --force"))
      #expect(try place.hutch("init", "My Project", "--force", "--with", "claude").status == 0)
      #expect(try place.read("My Project/hutch.toml").contains("with = [\"claude\"]"))
      #expect(try place.hutch("init", "nowhere").status == 5)
    }

    @Test func `what is no plain file shows nothing, and nothing is written over a link`() throws {
      try Files.makeDirectories(place.directory + "/odd/Cargo.toml")
      try place.judge("mkfifo", "odd/go.mod")
      try place.judge("ln", "-s", "/etc/passwd", "odd/package.json")
      let shown = try place.hutch("init", "odd", "--dry-run", "--format", "json").items("projects")
      #expect(shown.first?["found"] == .array([]))
      #expect(!Files.exists(place.directory + "/odd/hutch.toml"))
      try place.judge("ln", "-s", "/nowhere", "odd/hutch.toml")
      #expect(try place.hutch("init", "odd").status == 4)
    }

    @Test func `all mistakes of recipes are told without building, with their places`() throws {
      let good = try place.recipe("good", "[[step]]\nrun = \"true\"\nnetwork = true")
      let bad = try place.recipe("bad", "sumary = \"x\"\n[[step]]\nrun = 3")
      let lost = try place.recipe("lost", from: "nobody", "")
      let copy = try place.recipe("copy", "[[step]]\ncopy = { from = \"not-there\", to = \"/x\" }")
      let before = try place.store.contents()
      let fine = try place.hutch("recipe", "lint", good, copy, "--format", "json")
      #expect(fine.status == 0)
      let remarks = try fine.items("remarks")
      #expect(remarks.map { $0["kind"] } == [.string("remark"), .string("remark")])
      #expect(remarks.first?["place"]?.string == "./good.toml:3:1")
      #expect(remarks.last?["message"]?.string?.contains("not-there") == true)
      let refused = try place.hutch("recipe", "lint", good, bad, lost)
      #expect(refused.status == 5)
      #expect(refused.text.contains("./bad.toml:3:1"))
      #expect(refused.text.contains("did you mean \"summary\"?"))
      #expect(refused.text.contains("there is no recipe \"nobody\""))
      #expect(try place.store.contents() == before)
    }

    @Test func `a name says where it leads`() throws {
      let found = try place.hutch("recipe", "which", "python", "--format", "json")
        .items("recipes")
      #expect(found.first?["path"]?.string?.hasSuffix("/python.toml") == true)
      #expect(found.first?["locked"] == .bool(true))
      let missing = try place.hutch("recipe", "which", "nobody")
      #expect(missing.status == 3)
      #expect(missing.error.contains("there is no recipe \"nobody\"; looked in "))
      let listed = try place.hutch("recipe", "ls", "--format", "json").items("recipes")
      let names = listed.compactMap { $0["name"]?.string }
      #expect(names.contains("base") && names.contains("claude") && names == names.sorted())
      #expect(listed.first { $0["name"]?.string == "claude" }?["tool"] == .bool(true))
    }
  }
}
