import Host
import TestSupport
import Testing
import Vocabulary

extension EndToEnd {
  @Suite struct BuildTests {
    private let place = Place.current

    @Test func `a build from nothing gives an image whose ID is the digest of its configuration`()
      throws
    {
      #expect(place.store.firstBuilds.map { $0["steps_run"] } == [.integer(3), .integer(3)])
      for build in place.store.firstBuilds {
        let name = try #require(build["name"]?.string)
        let image = try #require(build["image"]?.string)
        // As any reader of an OCI layout goes about it.
        let config = try place.judge(
          "skopeo", "inspect", "--config", "--raw", "oci:\(place.store.path):\(name)")
        #expect(Digest.of(Array(config.utf8)).description == image)
      }
    }

    @Test func `every blob has the digest that is its name`() throws {
      let folder = place.store.path + "/blobs/sha256"
      let sums = try place.judge("sh", "-c", "cd '\(folder)' && sha256sum *")
      let lines = sums.split(separator: "\n")
      #expect(lines.count > 10)
      for line in lines { #expect(line.prefix(64) == line.suffix(64)) }
      let writable = try place.judge("find", folder, "-type", "f", "-perm", "/222")
      #expect(writable.isEmpty)
    }

    @Test func `a build with nothing changed runs no step`() throws {
      let again = try place.build("python")
      #expect(again["steps_run"] == .integer(0))
      #expect(again["steps_cached"] == .integer(6))
      #expect(again["image"] == place.store.firstBuilds[1]["image"])
    }

    @Test(.asRoot) func `a build with nothing changed needs no other program`() throws {
      // Nothing to execute is left but the program itself.
      try Files.makeDirectories(place.directory + "/empty")
      let script = """
        for folder in /usr/sbin /usr/local/bin /usr/local/sbin /usr/bin; do
          mount --bind '\(place.directory)/empty' $folder
        done
        exec "$0" "$@"
        """
      let again = try place.program.run(["build", "python", "--format", "json"], after: script)
      #expect(try again.items("builds").first?["steps_run"] == .integer(0))
    }

    @Test func `a comment in the recipe changes nothing`() throws {
      let recipe = try place.recipe("commented", steps: ["echo one > /one"])
      let first = try place.build(recipe)
      try place.write("commented.toml", "# Why it is so.\n" + place.read("commented.toml"))
      let second = try place.build(recipe)
      #expect(second["steps_run"] == .integer(0))
      #expect(second["image"] == first["image"])
    }

    @Test
    func `a changed step runs again with those after it and no other, and --explain says why`()
      throws
    {
      let recipe = try place.recipe("three", steps: ["echo 1 > /a", "echo 2 > /b", "echo 3 > /c"])
      let first = try place.build(recipe)
      try place.recipe("three", steps: ["echo 1 > /a", "echo two > /b", "echo 3 > /c"])
      let explained = try place.hutch("build", recipe, "--explain")
      let lines = explained.text.split(separator: "\n")
      #expect(lines.filter { $0.hasPrefix("run ") }.count == 2)
      #expect(lines.filter { $0.hasPrefix("cached ") }.count == 4)
      #expect(lines.contains { $0.hasPrefix("  run.script: was ") })
      #expect(lines.count == 7, "only the field that differs is named: \(explained.text)")
      let second = try place.build(recipe)
      #expect(second["steps_run"] == .integer(2))
      #expect(second["steps_cached"] == .integer(4))
      #expect(second["image"] != first["image"])
      // Back again: everything is known.
      try place.recipe("three", steps: ["echo 1 > /a", "echo 2 > /b", "echo 3 > /c"])
      let third = try place.build(recipe)
      #expect(third["steps_run"] == .integer(0))
      #expect(third["image"] == first["image"])
    }

    @Test func `of two builds of one recipe at once one does the work`() throws {
      // Run twice, it would be two different layers.
      let recipe = try place.recipe(
        "once", steps: ["sleep 1; cat /proc/sys/kernel/random/uuid > /once"])
      let builds = try (0..<2).map { _ in try place.start("build", recipe, "--format", "json") }
      let said = try builds.map { try $0.finish() }
      let images = try said.map { try $0.items("builds").first?["image"]?.string }
      #expect(images[0] != nil)
      #expect(images[0] == images[1])
      #expect(said.contains { $0.error.contains("waiting for ") })
    }
  }
}
