import Host
import Inputs
import Recipes
import TestSupport
import Testing
import Vocabulary

/// Against the mirror that the host's apt is configured with.
@Suite(.serialized) struct ResolveTests {
  func sources(_ test: String) throws -> AptSources? {
    guard present(test, "apt-get", "apt-cache") else { return nil }
    do {
      return try AptSources.fromHost()
    } catch InputsError.noDebianMirror {
      skip(test, missing: "a Debian mirror in apt's configuration")
      return nil
    }
  }

  @Test func `of a step's packages, those that are named become newer and no others`() throws {
    guard let sources = try sources("renew") else { return }
    let place = try Workplace()
    let resolver = try AptResolver(
      directory: place("apt"), sources: sources, suite: "trixie", architecture: .amd64)
    try resolver.refresh(olderThan: 3600) { _ in }
    func status(_ name: String, _ version: String, needs: String = "") -> [UInt8] {
      Array(
        """
        Package: \(name)
        Status: install ok installed
        Architecture: amd64
        Version: \(version)\(needs)
        Maintainer: x <x@example.org>
        Description: x


        """.utf8)
    }
    let candidates = try resolver.candidates(of: ["libc6", "bash", "not-there-at-all"])
    #expect(candidates.keys.sorted() == ["bash", "libc6"])
    let old = ["bash", "libc6", "zlib1g"].map { name in
      LockedPackage(
        name: name, version: "0.1-1", architecture: "amd64", path: "pool/\(name).deb",
        size: ByteCount(1), digest: Digest.of(name))
    }
    let own = old.flatMap { status($0.name, $0.version) }
    let renewed = try resolver.renew(["libc6"], of: old, over: [], own: own)
    #expect(renewed.first { $0.name == "libc6" }?.version == candidates["libc6"])
    for package in old where package.name != "libc6" { #expect(renewed.contains(package)) }
    // The newer one needs a newer libc6, which is not the step's to change.
    #expect {
      try resolver.renew(
        ["zlib1g"], of: [old[2]], over: status("libc6", "0.1-1"), own: status("zlib1g", "0.1-1"))
    } throws: { error in
      guard case InputsError.wouldUpgrade("libc6", from: "0.1-1", _) = error else { return false }
      return true
    }
    try resolver.requireWhole(own)
    #expect {
      try resolver.requireWhole(own + status("odd", "1", needs: "\nDepends: bash (= 0.2-1)"))
    } throws: { error in
      guard case InputsError.wouldBreak(let said) = error else { return false }
      return said.contains("odd") && said.contains("0.2-1")
    }
  }

  @Test func `packages are resolved against signed lists, and steps over their parents`() throws {
    guard let sources = try sources("resolve") else { return }
    let place = try Workplace()
    let resolver = try AptResolver(
      directory: place("apt"), sources: sources, suite: "trixie", architecture: .amd64)
    var notes = 0
    try resolver.refresh(olderThan: 3600) { _ in notes += 1 }
    try resolver.refresh(olderThan: 3600) { _ in notes += 1 }
    #expect(notes == 1)

    let base = try resolver.resolveBootstrap()
    #expect((60...120).contains(base.packages.count))
    #expect(base.packages == base.packages.sorted())
    for name in ["apt", "dpkg", "bash", "libc6", "tzdata"] {
      #expect(base.packages.contains { $0.name == name })
    }
    #expect(base.packages.allSatisfy { $0.path.hasPrefix("pool/") && $0.size > .zero })
    #expect(base.archives.map(\.suite) == sources.suites(of: "trixie"))
    #expect(base.archives.allSatisfy { $0.date.seconds > 1_700_000_000 && !$0.signers.isEmpty })

    let kernel = try resolver.resolveKernel("linux-image-cloud-amd64")
    #expect(kernel.packages.count == 1)
    #expect(kernel.packages[0].name.hasSuffix("-cloud-amd64"))

    // A parent in which nothing but this is said to be installed.
    func status(_ version: String, _ package: LockedPackage) -> [UInt8] {
      Array(
        """
        Package: \(package.name)
        Status: install ok installed
        Architecture: amd64
        Version: \(version)
        Maintainer: x <x@example.org>
        Description: x

        """.utf8)
    }
    let libc = try #require(base.packages.first { $0.name == "libc6" })
    let all = try resolver.resolve(["zlib1g"], over: [])
    #expect(all.packages.contains(libc))
    let rest = try resolver.resolve(["zlib1g"], over: status(libc.version, libc))
    #expect(!rest.packages.contains { $0.name == "libc6" })
    #expect(rest.packages.contains { $0.name == "zlib1g" })
    #expect {
      try resolver.resolve(["zlib1g"], over: status("2.0-1", libc))
    } throws: { error in
      guard case InputsError.wouldUpgrade("libc6", from: "2.0-1", _) = error else { return false }
      return true
    }
    let upgraded = try resolver.resolve(
      ["zlib1g"], over: status("2.0-1", libc), allowUpgrades: true)
    #expect(upgraded.packages.contains(libc))

    #expect {
      try resolver.resolve(["git", "ripgre"], over: [])
    } throws: { error in
      guard case InputsError.unknownPackage("ripgre", let near) = error else { return false }
      return near.contains("ripgrep")
    }
    for name in ["--force", "git/sid", "a b", "?essential", "git=", "G"] {
      #expect(throws: InputsError.self) { try resolver.resolve([name], over: []) }
    }

    let fetcher = InputFetcher(store: place.store, sources: sources)
    let few = base.packages.filter { $0.size < .kibibytes(40) }
    try fetcher.fetch(few) { _ in }
    #expect(fetcher.missing(few).isEmpty)
    let summary = try PackageRepository.make(
      few, from: place.store, at: place("repo"), suite: "trixie")
    #expect(summary.date.seconds > 1_600_000_000)
  }

  @Test func `a suite that does not exist, and lists with another key, are refused`() throws {
    guard let sources = try sources("no suite") else { return }
    let place = try Workplace()
    let resolver = try AptResolver(
      directory: place("apt"), sources: sources, suite: "no-such-suite", architecture: .amd64)
    #expect {
      try resolver.refresh(olderThan: 0) { _ in }
    } throws: { error in
      (error as? InputsError)?.kind == .fetchFailed
    }
    // An unsigned archive on this machine.
    let base = place("unsigned/dists/trixie")
    try Files.makeDirectories(base + "/main/binary-amd64")
    try Files.write(base + "/Release", Array("Suite: trixie\nCodename: trixie\n".utf8))
    try Files.write(base + "/main/binary-amd64/Packages", [])
    let unsigned = try AptResolver(
      directory: place("apt"),
      sources: AptSources(archive: ["file:\(place("unsigned"))"], security: []),
      suite: "trixie", architecture: .amd64)
    #expect {
      try unsigned.refresh(olderThan: 0) { _ in }
    } throws: { error in
      (error as? InputsError)?.kind == .fetchFailed
    }
  }
}
