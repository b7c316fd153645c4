import Testing
import Vocabulary

extension EndToEnd {
  @Suite struct ListingTests {
    private let place = Place.current

    @Test func `every listing is an object with a kind and items`() throws {
      _ = try place.hutch("clone", "base", "listed")
      let verbs: [(words: [String], kind: String, members: [String])] = [
        (["images"], "images", ["image", "tags", "layers", "size_bytes", "recorded_at"]),
        (["layers"], "layers", ["layer", "made_by", "state", "size_bytes"]),
        (["layers", "python"], "layers", ["layer", "made_by", "state", "size_bytes"]),
        (["vms"], "vms", ["name", "state", "image", "disk_bytes", "created_at"]),
        (["clone", "base"], "vms", ["name", "state", "image"]),
        (["build", "python"], "builds", ["name", "image", "steps_run", "steps_cached"]),
        (["fetch", "python"], "fetches", ["name", "inputs", "bytes", "fetched"]),
        (["gc", "--now", "--dry-run"], "gc", ["subject", "reason", "allocated_bytes", "goes"]),
        (
          ["df"], "usage",
          ["kind", "name", "allocated_bytes", "exclusive_bytes", "frees_bytes", "garbage"]
        ),
        (["gc", "--history"], "events", ["at", "action", "subject", "reason", "bytes"]),
        (["doctor"], "findings", ["check", "state", "detail", "hint"]),
      ]
      for verb in verbs {
        let items = try place.program.run(verb.words + ["--format", "json"]).items(verb.kind)
        #expect(!items.isEmpty, "\(verb.words)")
        for item in items {
          for member in verb.members { #expect(item[member] != nil, "\(verb.words): \(member)") }
        }
      }
    }

    @Test func `what frees a VM and its image is told before and true after`() throws {
      _ = try place.build(try place.recipe("freed", steps: ["head -c 3000000 /dev/zero > /big"]))
      _ = try place.hutch("clone", "freed", "freed-vm")
      _ = try place.hutch("gc", "--now")
      for (kind, removal) in [("vm", ["rm", "freed-vm"]), ("image", ["untag", "freed"])] {
        let usage = try place.hutch("df", "--format", "json").items("usage")
        let item = try #require(
          usage.first { item in
            kind == "vm"
              ? item["name"]?.string == "freed-vm"
              : item["kind"]?.string == kind && item["images"]?.array == [.string("freed")]
          })
        let before = try used()
        _ = try place.program.run(removal)
        _ = try place.hutch("gc", "--now")
        #expect(
          try item["frees_bytes"]?.integer
            == before.flatMap { before in try used().map { before - $0 } }, "\(kind)")
      }
    }

    /// Of all but the catalog, which keeps a diary.
    private func used() throws -> Int64? {
      let said = try place.judge(
        "du", "-s", "--block-size=1", "--exclude=catalog.sqlite*", place.store.path)
      return said.split(separator: "\t").first.flatMap { Int64($0) }
    }

    @Test func `why leads from a tag to what it holds, and df draws it`() throws {
      let layer = try #require(try place.layers(of: "base").first?.dropFirst(7).prefix(12))
      let lines = try place.hutch("why", String(layer)).text.split(separator: "\n")
      #expect(lines.first == "tag base")
      #expect(lines.dropFirst().first?.hasPrefix("└─ image ") == true)
      #expect(lines.dropFirst(2).first == "   └─ layer \(layer)")
      let json = try JSON(
        parsing: try place.hutch("why", "layer", String(layer), "--format", "json").output)
      #expect(json["kind"] == .string("why"))
      #expect(json["held"] == .bool(true))
      #expect(json["path"]?.array?.count == 2)
      _ = try place.hutch("clone", "base", "drawn")
      let tree = try place.hutch("df", "--tree").text.split(separator: "\n")
      #expect(tree.contains { $0.hasPrefix("├─ layer \(layer) (base 0)") })
      #expect(tree.contains { $0.contains("─ vm drawn") })
    }

    @Test func `what people read says the same`() throws {
      let images = try place.hutch("images").text.split(separator: "\n")
      #expect(images.first?.hasPrefix("TAGS") == true)
      for name in ["base", "python"] {
        let id = try #require(
          place.store.firstBuilds.first { $0["name"]?.string == name }?["image"]?.string)
        let row = try #require(images.first { $0.hasPrefix(name) })
        #expect(row.contains(id.dropFirst("sha256:".count).prefix(12)))
      }
    }

    @Test func `an image can be named by the beginning of its ID`() throws {
      let id = try #require(place.store.firstBuilds[1]["image"]?.string)
      for reference in [id, String(id.dropFirst(7)), String(id.dropFirst(7).prefix(8))] {
        #expect(try place.hutch("layers", reference, "--format", "json").items("layers").count == 6)
      }
      #expect(try place.hutch("layers", String(id.dropFirst(7).prefix(7))).status == 3)
    }
  }
}
