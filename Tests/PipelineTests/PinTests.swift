import Host
import Testing
import Vocabulary

extension EndToEnd {
  /// Steps with network, which could give another layer each time. The ones here do, without it.
  @Suite struct PinTests {
    private let place = Place.current

    private func recipe(_ name: String, _ more: String = "") throws -> String {
      try place.recipe(
        name, "[[step]]\nrun = \"date +%N > /stamp\"\nnetwork = true\n\(more)")
    }

    private func lastLayer(of image: String) throws -> String {
      try #require(try place.layers(of: image).last)
    }

    /// As if the lock had come from somebody else, whose layers are not here.
    private func forget(_ image: String) throws {
      _ = try place.hutch("untag", image)
      #expect(try place.hutch("gc", "--now").status == 0)
    }

    @Test func `a step with network is shown as impure everywhere, and its layer is pinned`() throws
    {
      let path = try recipe("impure")
      let first = try place.build(path)
      #expect(first["impure"] == .bool(true))
      let layer = try lastLayer(of: "impure")
      let lock = try place.read("impure.lock")
      #expect(lock.contains("[[pin]]\nrecipe = \"impure\"\nstep = 1\nkey = \""))
      #expect(lock.contains("\nlayer = \"\(layer.dropFirst("sha256:".count))\"\n"))
      let images = try place.hutch("images", "--format", "json").items("images")
      #expect(images.filter { $0["impure"] == .bool(true) }.count == 1)
      let layers = try place.hutch("layers", "impure", "--format", "json").items("layers")
      #expect(layers.map { $0["impure"]?.bool } == [false, false, false, true])
      for listing in [
        ["images"], ["layers", "impure"], ["build", path], ["build", path, "--explain"],
      ] {
        let lines = try place.program.run(listing).text.split(separator: "\n")
        #expect(lines.filter { $0.contains("(impure)") }.count == 1, "\(listing)")
      }
      let again = try place.build(path, "--locked")
      #expect(again["steps_run"] == .integer(0))
      #expect(again["image"] == first["image"])
      #expect(try place.read("impure.lock") == lock)
    }

    @Test func `another layer than the pinned one is an error until it is accepted`() throws {
      let path = try recipe("moves")
      _ = try place.build(path)
      let pinned = try lastLayer(of: "moves")
      let lock = try place.read("moves.lock")
      try forget("moves")
      let before = try place.store.contents()
      for options in [[], ["--locked"]] {
        let said = try place.program.run(["build", path] + options)
        #expect(said.status == 6, "\(said.error)")
        #expect(
          said.error.contains("step 1 of \"moves\" has the network and made the layer sha256:"))
        #expect(said.error.contains(", but the lock pins \(pinned)\nhint: "))
      }
      #expect(try place.read("moves.lock") == lock)
      #expect(try place.store.difference(from: before) == [])
      let accepted = try place.build(path, "--repin")
      #expect(accepted["steps_run"] == .integer(1))
      #expect(try place.read("moves.lock") != lock)
      #expect(try place.build(path, "--locked")["steps_run"] == .integer(0))
      // Whoever has the old lock and still the old layer gets the old image, else an error.
      let other = try lastLayer(of: "moves")
      _ = try place.build(path, "--repin")
      #expect(try lastLayer(of: "moves") != other)
      try place.write("moves.lock", lock)
      #expect(try place.program.run(["build", path]).status == 6)
    }

    @Test func `a store that has the pinned layer takes it, whatever was made since`() throws {
      let path = try recipe("keeps-both")
      _ = try place.build(path)
      let lock = try place.read("keeps-both.lock")
      let layer = try lastLayer(of: "keeps-both")
      _ = try place.hutch("tag", "keeps-both", "kept")
      _ = try place.build(path, "--repin")
      #expect(try lastLayer(of: "keeps-both") != layer)
      try place.write("keeps-both.lock", lock)
      #expect(try place.build(path, "--locked")["steps_run"] == .integer(0))
      #expect(try lastLayer(of: "keeps-both") == layer)
      let layers = try place.hutch("layers", "keeps-both", "--format", "json").items("layers")
      #expect(layers.last?["impure"] == .bool(true))
    }

    @Test func `a lock is completed with no more steps than it takes`() throws {
      let path = try recipe("locks", "[[step]]\nrun = \"echo 1 > /file\"\n")
      let item = try #require(
        try place.hutch("lock", path, "--format", "json").items("locks").first)
      #expect(item["pins"] == .integer(1))
      #expect(item["path"] == .string("./locks.lock"))
      let lock = try place.read("locks.lock")
      #expect(
        try place.hutch("images", "--format", "json").items("images").allSatisfy { image in
          image["tags"]?.array?.contains(.string("locks")) == false
        })
      // What was run for the lock is kept for an hour.
      #expect(try place.build(path, "--locked")["steps_run"] == .integer(1))
      #expect(try place.hutch("lock", "--locked", path).status == 0)
      #expect(try place.read("locks.lock") == lock)
      // About a step that is another now the pin says nothing.
      _ = try place.recipe("locks", "[[step]]\nrun = \"date > /other\"\nnetwork = true\n")
      let stale = try place.hutch("lock", "--locked", path)
      #expect(stale.status == 5, "\(stale.error)")
      #expect(
        stale.error.contains(
          "step locks 1 has the network, and no layer is pinned for it as it is now"))
      #expect(try place.hutch("build", "--locked", path).status == 5)
      _ = try place.build(path)
      #expect(try place.hutch("lock", "--locked", path).status == 0)
      #expect(try place.hutch("lock", "--locked", "--repin", path).status == 2)
    }
  }
}
