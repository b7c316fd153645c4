import Layers
import Testing
import Vocabulary

@testable import Inventory

/// A tree with the texts of its files, as somebody made it.
private struct Texts {
  var files: [String: String] = [:]
  var links: [String: String] = [:]

  func inventory() throws -> SoftwareInventory {
    var entries = try files.map { path, text in
      LayerEntry(
        path: try #require(GuestPath(path)), kind: .file(size: Int64(text.utf8.count)),
        mode: 0o644, uid: 0, gid: 0, modified: 0)
    }
    entries += try links.map { path, target in
      LayerEntry(
        path: try #require(GuestPath(path)), kind: .symlink(target: Array(target.utf8)),
        mode: 0o777, uid: 0, gid: 0, modified: 0)
    }
    var table = TableOfContents()
    for entry in entries.sorted(by: LayerEntry.isBefore) {
      table.add(entry, start: 0, digest: Digest.of("\(entry.path)"))
    }
    return try SoftwareInventory(of: MergedTree([table])) { path in
      files["\(path)".dropFirst().description].map { Array($0.utf8) }
    }
  }
}

extension SoftwareInventory {
  fileprivate func owner(of path: String) throws -> String? {
    let place = try #require(GuestPath(path))
    let index = try #require(tree.index(of: place))
    return owners[index].map { software[$0].name }
  }

  fileprivate func spdx(_ inputs: [SoftwareInput: Digest] = [:]) -> SPDXDocument {
    SPDXDocument(
      image: ImageID(Digest.of("image")), created: SourceDate(1_700_000_000),
      creator: "hutch-test", inventory: self, inputs: inputs)
  }
}

@Suite struct SoftwareInventoryTests {
  private static func status(_ name: String, _ version: String, _ more: String = "") -> String {
    """
    Package: \(name)
    Status: install ok installed
    Maintainer: Somebody <somebody@example.org>
    Architecture: amd64
    Version: \(version)
    Description: it is \(name)
    \(more)

    """
  }

  @Test func `Debian's packages own what they list, also where /bin is a link`() throws {
    let removed = "Package: gone\nStatus: deinstall ok config-files\nVersion: 1\n\n"
    let inventory = try Texts(
      files: [
        "var/lib/dpkg/status": Self.status("coreutils", "9.7-3", "Source: gnu (9.7)") + removed,
        "var/lib/dpkg/info/coreutils.list": "/.\n/bin\n/bin/ls\n/usr/share/doc/ls\n/not/there\n",
        "usr/bin/ls": "elf", "usr/share/doc/ls": "text", "usr/bin/mine": "script",
        "usr/lib/os-release": "ID=debian\nVERSION_CODENAME=\"trixie\"\n",
      ], links: ["bin": "usr/bin", "etc/os-release": "../usr/lib/os-release"]
    ).inventory()
    #expect(inventory.software.map(\.name) == ["coreutils"])
    #expect(inventory.software[0].source == "gnu 9.7")
    #expect(inventory.distribution.codename == "trixie")
    #expect(try inventory.owner(of: "usr/bin/ls") == "coreutils")
    #expect(try inventory.owner(of: "usr/share/doc/ls") == "coreutils")
    #expect(try inventory.owner(of: "usr/bin/mine") == nil)
    #expect(inventory.unreadable.isEmpty)
    let sizes = inventory.sizes()
    #expect(sizes.software[0] > 7 && sizes.other > 6)
    let purl = inventory.spdx().purl(of: inventory.software[0])
    #expect(purl == "pkg:deb/debian/coreutils@9.7-3?arch=amd64&distro=trixie")
  }

  @Test func `wheels own what they record, programs and compiled modules among it`() throws {
    let site = "opt/v/lib/python3.13/site-packages"
    let record = """
      words.py,sha256=x,1
      ../../../bin/words,,
      "odd, name.py",,
      ../../../../../../../etc/passwd,,
      /etc/shadow,,
      """
    let inventory = try Texts(files: [
      "\(site)/Words_X-1.0.dist-info/METADATA":
        "Metadata-Version: 2.1\nName: Words_X\nVersion: 1.0\nLicense-Expression: MIT\n\nName: no\n",
      "\(site)/Words_X-1.0.dist-info/RECORD": record,
      "\(site)/words.py": "x", "\(site)/odd, name.py": "x", "opt/v/bin/words": "x",
      "\(site)/__pycache__/words.cpython-313.pyc": "x",
      "\(site)/__pycache__/other.cpython-313.pyc": "x", "etc/passwd": "x", "etc/shadow": "x",
      "\(site)/bad-1.dist-info/METADATA": "no fields at all",
    ]).inventory()
    #expect(inventory.software.map(\.name) == ["words-x"])
    #expect(inventory.software[0].license == "MIT")
    for path in [
      "words.py", "odd, name.py", "__pycache__/words.cpython-313.pyc",
    ] {
      #expect(try inventory.owner(of: "\(site)/\(path)") == "words-x")
    }
    #expect(try inventory.owner(of: "opt/v/bin/words") == "words-x")
    #expect(try inventory.owner(of: "\(site)/__pycache__/other.cpython-313.pyc") == nil)
    #expect(inventory.unreadable.map(\.description) == ["/\(site)/bad-1.dist-info/METADATA"])
    #expect(inventory.spdx().json["comment"]?.string?.contains("/bad-1.dist-info/") == true)
  }

  @Test func `packages of npm own what is inside, but for packages of its own`() throws {
    let modules = "usr/local/lib/node_modules"
    func package(_ name: String, _ version: String) -> String {
      "{\"name\": \"\(name)\", \"version\": \"\(version)\", \"license\": \"ISC\"}"
    }
    let inventory = try Texts(files: [
      "\(modules)/@s/outer/package.json": package("@s/outer", "2.0.0"),
      "\(modules)/@s/outer/index.js": "x",
      "\(modules)/@s/outer/lib/package.json": "{\"type\": \"module\"}",
      "\(modules)/@s/outer/node_modules/inner/package.json": package("inner", "1.0.0+b"),
      "\(modules)/@s/outer/node_modules/inner/index.js": "x",
      "\(modules)/broken/package.json": "{",
      "srv/app/package.json": package("app", "1.0.0"),
    ]).inventory()
    #expect(inventory.software.map(\.name) == ["@s/outer", "inner"])
    #expect(try inventory.owner(of: "\(modules)/@s/outer/index.js") == "@s/outer")
    #expect(try inventory.owner(of: "\(modules)/@s/outer/lib/package.json") == "@s/outer")
    #expect(try inventory.owner(of: "\(modules)/@s/outer/node_modules/inner/index.js") == "inner")
    #expect(inventory.unreadable.map(\.description) == ["/\(modules)/broken/package.json"])
    let spdx = inventory.spdx()
    #expect(
      inventory.software.map(spdx.purl) == ["pkg:npm/%40s/outer@2.0.0", "pkg:npm/inner@1.0.0%2Bb"])
  }

  @Test func `the bill of materials is the same again, and names each version once`() throws {
    var texts = Texts(files: [
      "var/lib/dpkg/status": Self.status("a", "1:2+b~c") + Self.status("a-1", "2"),
      "opt/x/lib/p/w-1.dist-info/METADATA": "Name: w\nVersion: 1\n",
      "opt/y/lib/p/w-1.dist-info/METADATA": "Name: W\nVersion: 1\n",
    ])
    let digest = Digest.of("a.deb")
    let inputs = [
      SoftwareInput(kind: .deb, name: "a", version: "1:2+b~c", architecture: "amd64"): digest
    ]
    let json = try texts.inventory().spdx(inputs).json
    texts.links["bin"] = "usr/bin"
    #expect(try texts.inventory().spdx(inputs).json == json)
    let packages = try #require(json["packages"]?.array)
    let names = packages.compactMap { $0["SPDXID"]?.string }
    #expect(names.count == 4 && Set(names).count == 4)
    let plain = names.allSatisfy { name in
      name.utf8.allSatisfy { byte in
        "-.".utf8.contains(byte) || (48...57).contains(byte) || (65...90).contains(byte)
          || (97...122).contains(byte)
      }
    }
    #expect(plain, "\(names)")
    let checksum = packages[1]["checksums"]?.array?.first?["checksumValue"]
    #expect(checksum == .string(digest.hex))
    #expect(json["relationships"]?.array?.count == 4)
  }
}
