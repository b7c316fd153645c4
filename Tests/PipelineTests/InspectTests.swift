import Host
import TestSupport
import Testing
import Vocabulary

extension EndToEnd {
  @Suite(.with("qemu-system-x86_64")) struct InspectTests {
    private let place = Place.current

    @Test func `the bill of materials has what dpkg says in a VM, and is the same again`() throws {
      let said = try place.hutch("sbom", "python")
      #expect(said.status == 0, "\(said.error)")
      #expect(try place.hutch("sbom", "python").output == said.output)
      let packages = try #require(try JSON(parsing: said.output)["packages"]?.array)
      let listed = packages.compactMap { package -> String? in
        guard let id = package["SPDXID"]?.string, id.hasPrefix("SPDXRef-deb-"),
          let name = package["name"]?.string, let version = package["versionInfo"]?.string
        else { return nil }
        #expect(package["checksums"]?.array?.count == 1, "\(name)")
        return "\(name) \(version)"
      }
      let query = try place.hutch(
        "run", "python", "--", "dpkg-query", "-W", "-f", "${Package} ${Version}\\n")
      #expect(query.status == 0, "\(query.error)")
      #expect(Set(listed) == Set(query.text.split(separator: "\n").map(String.init)))
    }

    @Test func `a file's step, package, input and signers are told`() throws {
      func inspect(_ name: String) throws -> JSON {
        let said = try place.hutch("inspect", name, "--format", "json")
        #expect(said.status == 0, "\(said.error)")
        return try JSON(parsing: said.output)
      }
      let python = try inspect("python:/bin/python3")
      #expect(python["path"] == .string("/usr/bin/python3"))
      #expect(python["step"] == .string("python 1"))
      #expect(python["package"]?["name"] == .string("python3-minimal"))
      let digest = try #require(python["input"]?.string?.dropFirst("sha256:".count))
      let lock = try Files.read("\(place.store.path)/locks/python.lock", limit: 1 << 24)
      #expect(String(decoding: lock, as: UTF8.self).contains(digest))
      let archives = try #require(python["archives"]?.array)
      #expect(archives.first?["suite"] == .string("trixie"))
      #expect(archives.allSatisfy { $0["signers"]?.array?.isEmpty == false })
      let own = try inspect("python:/usr/local/bin/python")
      #expect(own["step"] == .string("python 3"))
      #expect(own["package"] == .null && own["input"] == .null)
      let missing = try place.hutch("inspect", "python:/not/there")
      #expect(missing.status == 3)
      #expect(missing.error.contains("there is no \"/not/there\" in the image \"python\""))
    }

    @Test func `sizes of software add up to the files of the image`() throws {
      let said = try place.hutch("inspect", "python", "--size", "--format", "json")
      let image = try JSON(parsing: said.output)
      let software = try #require(image["software"]?.array)
      let names = software.compactMap { $0["software"]?["name"]?.string }
      #expect(names.contains("libc6") && names.contains("python3-pip"))
      let sizes = software.compactMap { $0["size_bytes"]?.integer }
      #expect(sizes == sizes.sorted(by: >))
      let sum = sizes.reduce(0, +) + (try #require(image["other_bytes"]?.integer))
      // Layers are larger: they have headers, and what later ones replace.
      let size = try #require(image["size_bytes"]?.integer)
      #expect(sum < size && sum > size / 2)
      let text = try place.hutch("inspect", "python", "--size").text
      #expect(text.contains("python 1") && text.contains("files that came with none of them"))
    }
  }
}
