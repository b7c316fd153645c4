import Host
import TestSupport
import Testing
import Vocabulary

extension EndToEnd {
  /// Damage to a store, found, told and made good.
  @Suite struct VerifyTests {
    private let place = Place.current

    private struct Answer {
      var status: Int32
      var root: JSON
      var items: [JSON] { root["items"]?.array ?? [] }

      func item(_ path: String) -> JSON? { items.first { $0["path"]?.string == path } }
    }

    private func verify(_ options: String...) throws -> Answer {
      let said = try place.program.run(
        ["verify", "--format", "json"] + options, milliseconds: 400_000)
      return Answer(status: said.status, root: try JSON(parsing: said.output))
    }

    private func expectWhole(location: SourceLocation = #_sourceLocation) throws {
      let answer = try verify()
      #expect(answer.status == 0, "\(answer.root)", sourceLocation: location)
      #expect(answer.root["whole"] == .bool(true), sourceLocation: location)
      #expect(answer.items.isEmpty, "\(answer.items)", sourceLocation: location)
    }

    private func path(_ file: String) -> String { "\(place.store.path)/\(file)" }

    /// One bit in the middle; size and times stay.
    private func flip(_ file: String) throws {
      let status = try #require(Files.status(path(file)))
      try Files.setMode(path(file), 0o644)
      let handle = try OwnedDescriptor.open(path(file), .readWrite)
      let byte = try handle.pread(at: status.size / 2, count: 1)
      try handle.pwriteAll([byte[0] ^ 1], at: status.size / 2)
      try Files.setMode(path(file), 0o444)
    }

    private func query(_ sql: String) throws -> [String] {
      try place.judge("sqlite3", path("catalog.sqlite"), sql).split(separator: "\n")
        .map(String.init)
    }

    /// Blobs of the image's own layers, the lowest first, without those of `base`.
    private func blobs(of image: String, from parent: String = "base") throws -> [String] {
      let (own, below) = (try place.layers(of: image), try place.layers(of: parent))
      return try own.dropFirst(below.count).flatMap { layer in
        try query(
          """
          SELECT path FROM file JOIN object ON object.id = file.object
          WHERE kind = 'layer' AND key = '\(layer)'
          """)
      }
    }

    private func file(_ kind: String, of image: String) throws -> String {
      let found = try query(
        """
        SELECT path FROM file JOIN object ON object.id = file.object
        JOIN edge ON edge.needed = object.id JOIN tag ON tag.image = edge.holder
        WHERE kind = '\(kind)' AND edge.role = '\(kind)' AND tag.name = '\(image)'
        """)
      return try #require(found.first)
    }

    private func table(of layer: String) throws -> String {
      try #require(
        try query(
          """
          SELECT path FROM file JOIN object ON object.id = file.object
          WHERE kind = 'toc' AND key = '\(layer)'
          """
        ).first)
    }

    private func quarantined() throws -> [String] {
      try place.judge("find", path("quarantine"), "-type", "f").split(separator: "\n")
        .map { Files.name(of: String($0)) }
    }

    private func forget() { try? Files.removeTree(path("quarantine")) }

    @Test func `each kind of damage is named with whom it touches, and nothing is changed`() throws
    {
      guard present("damage is named", "sqlite3") else { return }
      let recipe = try place.recipe("hurt", steps: ["echo 1 > /one", "seq 90000 > /two"])
      _ = try place.build(recipe)
      _ = try place.hutch("clone", "hurt", "hurt-vm", "--cpus", "1")
      try expectWhole()
      let layers = try blobs(of: "hurt")
      #expect(layers.count == 2)
      let (config, manifest) = (try file("config", of: "hurt"), try file("manifest", of: "hurt"))
      let table = try table(of: try #require(try place.layers(of: "hurt").last))
      let disk = try #require(
        try query(
          """
          SELECT path FROM file JOIN vm ON vm.disk = file.object WHERE vm.name = 'hurt-vm'
          """
        ).first)
      let kept = "\(place.directory)/kept"
      try Files.makeDirectories(kept)
      for file in layers + [config, manifest, table, disk] {
        _ = try place.judge("cp", "--sparse=always", "-p", path(file), kept)
      }
      let rows = "SELECT kind, key, state, last_used_at FROM object ORDER BY id"
      let (before, contents) = (try query(rows), try place.store.contents())
      try flip(layers[1])
      try Files.remove(path(layers[0]))
      try flip(config)
      try flip(manifest)
      try flip(table)
      try Files.setMode(path(disk), 0o644)
      try place.judge("truncate", "-s", "4096", path(disk))
      try Files.write(path("inputs/sha256/stray"), [1], durable: false)

      let quick = try verify("--quick")
      #expect(quick.status == 10)
      #expect(quick.item(layers[0])?["damage"] == .string("missing"))
      #expect(quick.item(disk)?["damage"] == .string("wrong size"))
      #expect(quick.items.count == 2)
      let damaged = try place.store.contents()
      let full = try verify()
      #expect(full.status == 10)
      #expect(full.root["whole"] == .bool(false))
      #expect(full.root["unknown"] == .array([.string("inputs/sha256/stray")]))
      for (path, damage) in [
        (layers[0], "missing"), (layers[1], "wrong digest"), (config, "wrong digest"),
        (manifest, "wrong digest"), (table, "wrong digest"), (disk, "wrong size"),
      ] {
        let item = try #require(full.item(path))
        #expect(item["damage"] == .string(damage), "\(item)")
        #expect(item["images"] == .array([.string("hurt")]), "\(item)")
        let vms: [JSON] = path == table ? [] : [.string("hurt-vm")]
        #expect(item["vms"] == .array(vms), "\(item)")
      }
      #expect(full.items.count == 6)
      let text = try place.hutch("verify")
      #expect(text.status == 10)
      #expect(text.text.contains("images: hurt\n"), "\(text.text)")
      #expect(text.text.contains("unknown file: inputs/sha256/stray\n"), "\(text.text)")
      #expect(try query(rows) == before)
      #expect(try place.store.contents() == damaged)
      for file in layers + [config, manifest, table, disk] {
        try Files.remove(path(file))
        _ = try place.judge(
          "cp", "--sparse=always", "-p", "\(kept)/\(Files.name(of: file))", path(file))
      }
      try Files.remove(path("inputs/sha256/stray"))
      #expect(try place.store.contents() == contents)
      try expectWhole()
    }

    @Test func `damaged blobs are set aside and had again with the same digests`() throws {
      guard present("damage is repaired", "sqlite3") else { return }
      defer { forget() }
      let recipe = try place.recipe("mended", steps: ["echo 1 > /one", "seq 90000 > /two"])
      let image = try place.build(recipe)["image"]
      _ = try place.hutch("clone", "mended", "mended-vm", "--cpus", "1")
      let contents = try place.store.contents()
      let layers = try blobs(of: "mended")
      let tables = try place.layers(of: "mended").suffix(2).map(table)
      let (config, manifest) = (
        try file("config", of: "mended"), try file("manifest", of: "mended")
      )
      // Each alone, then all of them.
      let all = layers + tables + [config, manifest]
      for files in all.map({ [$0] }) + [all] {
        for file in files { try flip(file) }
        let repaired = try verify("--repair")
        #expect(repaired.status == 0, "\(files): \(repaired.root)")
        #expect(repaired.items.count == files.count)
        #expect(repaired.items.allSatisfy { $0["outcome"] == .string("repaired") })
        #expect(Set(try quarantined()).isSuperset(of: files.map(Files.name)))
        try expectWhole()
      }
      let again = try place.build(recipe)
      #expect(again["image"] == image)
      #expect(again["steps_run"] == .integer(0))
      #expect(try place.store.contents() == contents)
      #expect(try place.hutch("start", "mended-vm").status == 0)
      #expect(
        try place.hutch("exec", "mended-vm", "--", "tail", "-n", "1", "/two").text == "90000\n")
      #expect(try place.hutch("stop", "mended-vm").status == 0)
      let total = try place.hutch("df", "--format", "json")
      #expect(try JSON(parsing: total.output)["parts"]?["quarantine_bytes"] != nil)
    }

    @Test func `what has no recipe at hand waits for the next build of it`() throws {
      guard present("damage waits", "sqlite3") else { return }
      defer { forget() }
      let recipe = try place.recipe("later", steps: ["echo 1 > /one", "echo 2 > /two"])
      let image = try place.build(recipe)["image"]
      let layers = try blobs(of: "later")
      try flip(layers[0])
      try flip(try file("config", of: "later"))
      let aside = place.directory + "/later.kept"
      try Files.rename(place.directory + "/later.toml", to: aside, replacing: true)
      let left = try verify("--repair")
      #expect(left.status == 10)
      #expect(left.items.count == 2)
      for item in left.items {
        #expect(item["outcome"] == .string("left"))
        #expect(item["images"] == .array([.string("later")]))
        #expect(item["command"]?.string?.hasPrefix("hutch build ") == true, "\(item)")
      }
      #expect(!Files.exists(path(layers[0])))
      // Not forgotten: a second look says so again.
      let second = try verify()
      #expect(second.status == 10)
      #expect(second.items.map { $0["damage"] } == [.string("set aside"), .string("set aside")])
      try Files.rename(aside, to: place.directory + "/later.toml", replacing: true)
      let again = try place.build(recipe)
      #expect(again["image"] == image)
      #expect(again["steps_run"] == .integer(2))
      #expect(try blobs(of: "later") == layers)
      try expectWhole()
    }

    @Test func `a damaged input is fetched again, and a damaged disk made again`() throws {
      guard present("inputs and disks are repaired", "sqlite3") else { return }
      defer { forget() }
      let input = try #require(
        try query(
          """
          SELECT path FROM file JOIN object ON object.id = file.object
          JOIN soft_edge ON soft_edge.wanted = object.id JOIN tag ON tag.image = soft_edge.holder
          WHERE kind = 'input' AND soft_edge.role = 'input' AND tag.name = 'base'
          ORDER BY object.size LIMIT 1
          """
        ).first)
      try flip(input)
      let found = try verify()
      #expect(found.status == 10)
      #expect(
        found.item(input)?["images"]?.array?.contains(.string("base")) == true, "\(found.root)")
      #expect(found.item(input)?["vms"] == .array([]))
      let repaired = try verify("--repair")
      #expect(repaired.status == 0, "\(repaired.root)")
      #expect(Files.exists(path(input)))
      try expectWhole()

      _ = try place.hutch("clone", "base", "on-disk", "--cpus", "1")
      let row = """
        SELECT path, object.digest FROM file JOIN object ON object.id = file.object
        JOIN vm ON vm.disk = object.id WHERE vm.name = 'on-disk'
        """
      let before = try query(row)
      let disk = String(try #require(before.first).prefix { $0 != "|" })
      try Files.setMode(path(disk), 0o644)
      try place.judge("truncate", "-s", "4096", path(disk))
      let mended = try verify("--repair")
      #expect(mended.status == 0, "\(mended.root)")
      #expect(mended.item(disk)?["vms"] == .array([.string("on-disk")]))
      #expect(mended.item(disk)?["outcome"] == .string("repaired"))
      #expect(try query(row) == before)
      #expect(try place.hutch("start", "on-disk").status == 0)
      #expect(try place.hutch("stop", "on-disk").status == 0)
      try expectWhole()
    }

    @Test func `two verifications, a repair and a collection get on with each other`() throws {
      guard present("verifications side by side", "sqlite3") else { return }
      defer { forget() }
      let recipe = try place.recipe("shared", steps: ["seq 90000 > /file"])
      let image = try place.build(recipe)["image"]
      _ = try place.hutch("untag", "shared")
      _ = try place.build(try place.recipe("other", steps: ["seq 80000 > /file"]))
      let both = try [
        place.start("verify"), place.start("verify"), place.start("gc", "--now"),
      ]
      for running in both {
        let said = try running.finish(milliseconds: 300_000)
        #expect(said.status == 0, "\(said.text)\(said.error)")
      }
      #expect(try place.build(recipe)["image"] == image)
      try flip(try #require(try blobs(of: "shared").first))
      let repairs = try [place.start("verify", "--repair"), place.start("verify", "--repair")]
      for running in repairs {
        let said = try running.finish(milliseconds: 300_000)
        #expect(said.status == 0, "\(said.text)\(said.error)")
      }
      try expectWhole()
      #expect(try place.store.leftovers().isEmpty)
    }

    @Test func `an index that others changed is written anew`() throws {
      let index = try Files.read(path("index.json"), limit: 1 << 20)
      try Files.write(path("index.json"), Array("{}".utf8), durable: false)
      let found = try verify("--quick")
      #expect(found.status == 10)
      #expect(found.items.map { $0["subject"] } == [.string("index.json")])
      #expect(try verify("--quick", "--repair").status == 0)
      #expect(try Files.read(path("index.json"), limit: 1 << 20) == index)
      #expect(try verify("--quick").status == 0)
    }
  }
}
