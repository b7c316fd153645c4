import Host
import Inputs
import Recipes
import TestSupport
import Testing
import Vocabulary

@Suite struct PackageTests {
  @Test func `a package tells its control file and its date`() throws {
    guard present("package", "dpkg-deb") else { return }
    let place = try Workplace()
    let package = try place.package("alpha", control: "Depends: beta\n")
    let archive = try DebianArchive(path: place("archive/" + package.path))
    #expect(archive.date == SourceDate(1_600_000_000))
    #expect(archive.control.hasPrefix("Package: alpha\nVersion: 1.0-1\n"))
    #expect(archive.control.contains("\nDepends: beta\n"))
    #expect(archive.control.hasSuffix("\n with a longer description"))
  }

  @Test func `should fail: a package that is cut off or changed`() throws {
    guard present("damaged package", "dpkg-deb") else { return }
    let place = try Workplace()
    let package = try place.package("alpha")
    let whole = try Files.read(place("archive/" + package.path), limit: 1 << 20)
    func refused(_ bytes: [UInt8]) throws -> Bool {
      try Files.write(place("bad.deb"), bytes, durable: false)
      do {
        _ = try DebianArchive(path: place("bad.deb"))
        return false
      } catch InputsError.damagedPackage {
        return true
      }
    }
    for count in stride(from: 0, to: whole.count - 1, by: 7) {
      #expect(try refused(Array(whole.prefix(count))))
    }
    #expect(try refused(Array("!<arch>\n".utf8)))
    // Size, time, end of the first header, name of the first member.
    for (offset, byte) in [(8 + 48, 0x78), (8 + 16, 0x2D), (8 + 58, 0), (8, 0x78)] as [(Int, UInt8)]
    {
      var bytes = whole
      bytes[offset] = byte
      #expect(try refused(bytes))
    }
    var seed: UInt64 = 7
    for _ in 0..<2000 {
      var bytes = whole
      for _ in 0..<3 {
        seed = seed &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        bytes[Int(seed >> 33) % bytes.count] = UInt8(truncatingIfNeeded: seed >> 24)
      }
      _ = try refused(bytes)
    }
  }

  @Test func `a repository is the same whatever the order, and apt installs from it`() throws {
    guard present("repository", "dpkg-deb", "apt-get") else { return }
    let place = try Workplace()
    let packages = [
      try place.package("zeta", version: "2:1.1", control: "Depends: alpha (>= 1)\n"),
      try place.package("alpha", version: "1.0+b~c-1"),
    ]
    for package in packages { try place.keep(package) }
    let one = try PackageRepository.make(
      packages, from: place.store, at: place("one"), suite: "trixie")
    let two = try PackageRepository.make(
      packages.reversed(), from: place.store, at: place("two"), suite: "trixie")
    #expect(one == two)
    #expect(one.date == SourceDate(1_600_000_000))
    #expect(one == (try PackageRepository.summary(packages, in: place.store)))
    let files = ["Packages", "Release", "alpha_1.0+b~c-1_all.deb", "zeta_1.1_all.deb"]
    #expect(try Files.list(place("one")) == files)
    for file in files {
      let bytes = try Files.read(place("one/" + file), limit: 1 << 20)
      #expect(bytes == (try Files.read(place("two/" + file), limit: 1 << 20)))
    }
    // What apt makes of it, offline, with nothing installed.
    for name in ["lists/partial", "cache/archives/partial", "log"] {
      try Files.makeDirectories(place("apt/" + name))
    }
    let line = "deb [trusted=yes] file:\(place("one")) ./\n"
    try Files.write(place("sources.list"), Array(line.utf8))
    try Files.write(place("status"), [])
    let options = [
      "Dir::State::lists=\(place("apt/lists"))", "Dir::State::status=\(place("status"))",
      "Dir::Cache=\(place("apt/cache"))", "Dir::Etc::sourcelist=\(place("sources.list"))",
      "Dir::Etc::sourceparts=/dev/null", "Dir::Log=\(place("apt/log"))", "APT::Sandbox::User=root",
      "Dir::Etc::preferencesparts=/dev/null",
    ].flatMap { ["-o", $0] }
    try Processes.runChecked(Command("apt-get", options + ["update"]))
    let said = try Processes.runChecked(
      Command("apt-get", options + ["-s", "-y", "install", "zeta"])
    ).text
    #expect(said.contains("Inst alpha (1.0+b~c-1"))
    #expect(said.contains("Inst zeta (2:1.1"))
    let installed = InstalledPackages(status: one.status)
    #expect(installed.names == ["alpha", "zeta"])
    #expect(installed["zeta"] == "2:1.1")
  }

  @Test func `a file that is not the locked package makes no repository`() throws {
    guard present("foreign package", "dpkg-deb") else { return }
    let place = try Workplace()
    let package = try place.package("alpha")
    try place.keep(package)
    let other = LockedPackage(
      name: "beta", version: "1.0-1", architecture: "all", path: package.path, size: package.size,
      digest: package.digest)
    #expect(throws: InputsError.self) {
      try PackageRepository.make([other], from: place.store, at: place("r"), suite: "trixie")
    }
    #expect(throws: InputsError.self) {
      try PackageRepository.make(
        [package, other], from: place.store, at: place("r"), suite: "trixie")
    }
    #expect(!Files.exists(place("r")))
  }
}
