import Host
import Inputs
import Recipes
import TestSupport
import Testing
import Vocabulary

@Suite struct FetchTests {
  @Test func `what is locked comes into the store, verified and read-only, once`() throws {
    guard present("fetch", "dpkg-deb", "/usr/lib/apt/apt-helper") else { return }
    let place = try Workplace()
    let packages = try (0..<20).map { number in
      try place.package(
        "p\(number)x", contents: String(repeating: "\(number)", count: number * 999))
    }
    let fetcher = InputFetcher(store: place.store, sources: place.mirror, rounds: 1)
    #expect(fetcher.missing(packages + packages) == packages.sorted())
    var seen: [InputProgress] = []
    try fetcher.fetch(packages) { seen.append($0) }
    let sum = packages.reduce(ByteCount.zero) { $0 + $1.size }
    #expect(seen.last == .fetched(bytes: sum, of: sum, files: 20, ofFiles: 20))
    #expect(try Files.list(place.store.directory) == packages.map(\.digest.hex).sorted())
    for package in packages {
      let path = place.store.path(of: package.digest)
      let status = try #require(Files.status(path))
      #expect(status.kind == .regular && status.mode == 0o444)
      #expect(Digest.of(try Files.read(path, limit: 1 << 20)) == package.digest)
    }
    // Nothing is asked for again.
    try Files.removeTree(place("archive"))
    try fetcher.fetch(packages) { _ in Issue.record("no progress when there is nothing to do") }
  }

  @Test func `what is not what was locked never enters the store`() throws {
    guard present("wrong digest", "dpkg-deb", "/usr/lib/apt/apt-helper") else { return }
    let place = try Workplace()
    let good = try place.package("good")
    let real = try place.package("bad")
    let wrong = Digest.of("something else")
    for (size, digest) in [
      (real.size, wrong), (real.size + ByteCount(1 as Int64), real.digest),
    ] {
      let bad = LockedPackage(
        name: "bad", version: real.version, architecture: "all", path: real.path, size: size,
        digest: digest)
      #expect {
        try InputFetcher(store: place.store, sources: place.mirror, rounds: 1)
          .fetch([good, bad]) { _ in }
      } throws: { error in
        guard let error = error as? InputsError, case .notFetched(let name, _, _, _) = error
        else { return false }
        return name == "bad" && error.kind == .fetchFailed && error.hint?.contains("update") == true
      }
      #expect(try Files.list(place.store.directory) == [good.digest.hex])
    }
  }

  @Test func `a second place is asked for what the first does not have`() throws {
    guard present("second mirror", "dpkg-deb", "/usr/lib/apt/apt-helper") else { return }
    let place = try Workplace()
    let package = try place.package("alpha")
    let sources = AptSources(
      archive: ["file:\(place("nothing"))"], security: ["file:\(place("archive"))"])
    let fetcher = InputFetcher(store: place.store, sources: sources, rounds: 1)
    try fetcher.fetch([package]) { _ in }
    #expect(fetcher.missing([package]).isEmpty)
    let none = AptSources(archive: ["file:\(place("nothing"))"], security: [])
    let other = try place.package("beta")
    #expect(throws: InputsError.self) {
      try InputFetcher(store: place.store, sources: none).fetch([other]) { _ in }
    }
  }

  @Test func `a path that leads out of the archive is not asked for`() throws {
    let place = try Workplace()
    let bad = LockedPackage(
      name: "bad", version: "1", architecture: "all", path: "pool/../../etc/x.deb",
      size: ByteCount(1 as Int64), digest: Digest.of("x"))
    #expect(throws: InputsError.self) {
      try InputFetcher(store: place.store, sources: place.mirror).fetch([bad]) { _ in }
    }
  }
}
