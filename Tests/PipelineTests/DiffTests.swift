import Testing
import Vocabulary

extension EndToEnd {
  @Suite struct DiffTests {
    private let place = Place.current

    private func diff(_ before: String, _ after: String) throws -> (root: JSON, items: [JSON]) {
      let said = try place.hutch("diff", before, after, "--format", "json")
      let items = try said.items("differences")
      return (try JSON(parsing: said.output), items)
    }

    private func change(_ path: String, in items: [JSON]) -> JSON? {
      items.first { $0["path"]?.string == path }
    }

    @Test func `packages and files that one image has beyond another are named`() throws {
      let (root, items) = try diff("base", "python")
      let packages = try #require(root["packages"]?.array)
      let python = try #require(packages.first { $0["name"]?.string == "python3-pip" })
      #expect(python["change"] == .string("added"))
      #expect(python["before"] == .null)
      #expect(python["after"]?.string?.isEmpty == false)
      #expect(packages.allSatisfy { $0["change"] == .string("added") })
      let link = try #require(change("/usr/local/bin/python", in: items))
      #expect(link["change"] == .string("added"))
      #expect(link["after"]?["target"] == .string("../../bin/python3"))
      let status = try #require(change("/var/lib/dpkg/status", in: items))
      #expect(status["fields"] == .array([.string("content")]))
      #expect(change("/etc/passwd", in: items) == nil)
      #expect(root["added_bytes"]?.integer ?? 0 > 10 << 20)
      // The other way round it is the same with other signs.
      let (back, others) = try diff("python", "base")
      #expect(others.count == items.count)
      #expect(back["removed_bytes"] == root["added_bytes"])
      let said = try place.hutch("diff", "base", "python").text
      #expect(said.contains("python3-pip "))
      #expect(said.contains("/usr/lib/python3/ "))
    }

    @Test func `removals and changes of a step are seen, and nothing else`() throws {
      let recipe = try place.recipe(
        "changed",
        steps: [
          "mkdir -p /opt/a/b; echo one > /opt/a/b/file; echo kept > /opt/kept; ln -s x /opt/link",
          "rm -r /opt/a; chmod 600 /opt/kept; ln -sfn y /opt/link; rm -r /usr/share/doc/git",
        ])
      _ = try place.build(recipe)
      let (root, items) = try diff("base", "changed")
      #expect(root["packages"] == .array([]))
      #expect(change("/opt/kept", in: items)?["after"]?["mode"] == .string("0600"))
      #expect(change("/opt/link", in: items)?["after"]?["target"] == .string("y"))
      #expect(!items.contains { $0["path"]?.string?.hasPrefix("/opt/a") == true })
      let removed = items.filter { $0["change"] == .string("removed") }
      #expect(removed.count > 1)
      #expect(removed.allSatisfy { $0["path"]?.string?.hasPrefix("/usr/share/doc/git") == true })
      #expect(try place.hutch("diff", "changed", "changed").text == "no differences\n")
    }

    @Test func `layers are compared by the digests that layers prints`() throws {
      let layers = try place.hutch("layers", "python", "--format", "json").items("layers")
        .compactMap { $0["layer"]?.string }
      let short = layers.map { String($0.dropFirst("sha256:".count).prefix(12)) }
      let (root, items) = try diff(short[4], layers[5])
      #expect(root["packages"] == .null)
      #expect(root["before"]?["layers"] == .array([.string(layers[4])]))
      #expect(change("/etc/profile.d/hutch-python.sh", in: items)?["change"] == .string("removed"))
      #expect(change("/usr/local/bin/python", in: items)?["change"] == .string("added"))
      let missing = try place.hutch("diff", "base", "ffffffffffff")
      #expect(missing.status == 3)
      #expect(missing.error.contains("there is no image and no layer \"ffffffffffff\""))
    }
  }
}
