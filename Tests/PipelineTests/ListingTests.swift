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
