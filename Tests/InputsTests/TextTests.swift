import Testing
import Vocabulary

@testable import Inputs

@Suite struct TextTests {
  @Test func `paragraphs of control files keep their folded lines`() {
    let stanzas = ControlStanza.parse(
      "Package: a\nDescription: one\n two\n .\n three\n# no\n\n\nPackage:b\nDepends: c:any\n")
    #expect(stanzas.count == 2)
    #expect(stanzas[0]["package"] == "a")
    #expect(stanzas[0]["Description"] == "one\n two\n .\n three")
    #expect(stanzas[1]["Package"] == "b")
    #expect(stanzas[1]["Depends"] == "c:any")
    #expect(ControlStanza.parse(" lost\nno field here\n").isEmpty)
  }

  @Test func `only installed packages of a status file count`() {
    let status = """
      Package: here
      Status: install ok installed
      Version: 1:2.0-3

      Package: gone
      Status: deinstall ok config-files
      Version: 1

      """
    let installed = InstalledPackages(status: Array(status.utf8))
    #expect(installed.names == ["here"])
    #expect(installed["here"] == "1:2.0-3")
  }

  @Test func `lines of print-uris are taken apart`() throws {
    let hex = String(repeating: "ab", count: 32)
    let line =
      "'http://mirror.example/debian/pool/main/a/attr/libattr1_2.5.2%2b3_amd64.deb' "
      + "libattr1_1%3a2.5.2+3_amd64.deb 22876 SHA256:\(hex)"
    let uri = try #require(AptResolver.PrintedURI(line))
    #expect(uri.name == "libattr1")
    #expect(uri.version == "1:2.5.2+3")
    #expect(uri.architecture == "amd64")
    #expect(uri.path.hasSuffix("/pool/main/a/attr/libattr1_2.5.2+3_amd64.deb"))
    #expect(uri.size == 22876)
    #expect(uri.digest == Digest(hex: hex))
    let weak = try #require(
      AptResolver.PrintedURI("'file:/a/b_1_all.deb' b_1_all.deb 3 MD5Sum:00"))
    #expect(weak.digest == nil)
    for bad in [
      "", "'x'", "'a' b 3 c", "'a' b_1.deb 3", "'a%zz' b_1_all.deb 3", "'a' b_1_all.deb x",
    ] {
      #expect(AptResolver.PrintedURI(bad) == nil)
    }
  }

  @Test(
    arguments: [
      ("Sat, 21 Nov 2026 09:15:44 UTC", 1_795_252_544), ("Thu, 01 Jan 1970 00:00:00 GMT", 0),
      ("Thu, 29 Feb 2024 23:59:59 +0000", 1_709_251_199), ("Sat, 21 Nov 2026 09:15:44 CET", nil),
      ("21 Nov 2026", nil), ("Sat, 21 Nux 2026 09:15:44 UTC", nil), ("", nil),
    ] as [(String, Int64?)])
  func `dates of Release files become seconds`(text: String, seconds: Int64?) {
    #expect(MailDate.seconds(text) == seconds)
    guard let seconds else { return }
    let words = text.split(separator: " ").dropLast().joined(separator: " ")
    #expect(MailDate.text(SourceDate(seconds)) == words + " UTC")
  }

  @Test func `pool paths that lead elsewhere are refused`() {
    #expect(PoolPath.isUsable("pool/main/g/git/git_2.47.3-0+deb13u1_amd64.deb"))
    #expect(PoolPath.isUsable("pool/main/o/o/o_3.5.9-1~deb13u1_amd64.deb"))
    for bad in [
      "/pool/a.deb", "pool/../a.deb", "pool//a.deb", "pool/a.tar", "pool/a b.deb", "pool/a%2f.deb",
      "", "pool/.deb", "pool/a\n.deb", "http://x/a.deb",
    ] {
      #expect(!PoolPath.isUsable(bad), "\(bad)")
    }
  }

  @Test func `names near a wrong one are few and near`() {
    let names: [Substring] = ["ripgrep", "grep", "ripgrab", "rip", "ripgrepp", "xripgrep", "git"]
    #expect(NearNames.of("ripgre", in: names) == ["ripgrep", "ripgrab", "ripgrepp"])
    #expect(NearNames.of("gti", in: names).isEmpty)
    #expect(NearNames.of("zzz", in: names).isEmpty)
  }

  @Test func `sources become one signed line for each suite`() {
    let sources = AptSources(archive: ["http://m.example/debian"], security: ["http://s.example/x"])
    #expect(
      sources.lines(suite: "trixie", architecture: "amd64", keyring: "/k.gpg") == """
        deb [signed-by=/k.gpg arch=amd64 lang=none target=Packages pdiffs=no] http://m.example/debian trixie main
        deb [signed-by=/k.gpg arch=amd64 lang=none target=Packages pdiffs=no] http://m.example/debian trixie-updates main
        deb [signed-by=/k.gpg arch=amd64 lang=none target=Packages pdiffs=no] http://s.example/x trixie-security main

        """)
    #expect(sources.suites(of: "sid") == ["sid"])
    #expect(AptSources(archive: ["a"], security: []).suites(of: "x") == ["x", "x-updates"])
  }

  @Test func `the configuration of an offline step names no place outside of /run/hutch`() {
    let text = OfflineApt.configuration(recommends: true)
    #expect(text.contains("APT::Install-Recommends \"true\";"))
    for line in text.split(separator: "\n") where line.contains("/") && line.hasPrefix("Dir") {
      #expect(line.contains("\"/run/hutch/") || line.contains("\"/dev/null\""))
    }
    #expect(
      OfflineApt.commands(installing: ["git=1:2"]) == [
        ["apt-get", "-c", "/run/hutch/apt/apt.conf", "update"],
        ["apt-get", "-c", "/run/hutch/apt/apt.conf", "install", "git=1:2"],
      ])
  }
}
