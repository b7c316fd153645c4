import Host
import Inputs
import TestSupport
import Testing
import Vocabulary

/// Files by their address, from a server on this machine.
@Suite(.with("curl", "perl")) struct AddressTests {
  private let place: Workplace
  private let server: LoopbackServer
  private let contents: [UInt8]
  private var digest: Digest { Digest.of(contents) }

  init() throws {
    place = try Workplace()
    contents = (0..<300_000).map { UInt8(truncatingIfNeeded: $0 &* 31 >> 3) }
    try Files.makeDirectories(place("served"))
    try Files.write(place("served/file"), contents)
    server = try LoopbackServer(serving: place("served"))
  }

  private func fetch(
    _ path: String, size: ByteCount? = nil, as digest: Digest? = nil, rounds: Int = 3,
    largest: ByteCount = .gibibytes(1)
  ) throws -> ByteCount {
    try AddressFetcher(store: place.store, rounds: rounds, largest: largest)
      .fetch(server.url(path), as: digest ?? self.digest, size: size) { _ in }
  }

  private func isStored() throws -> Bool {
    guard place.store.holds(digest, size: ByteCount(contents.count)) else { return false }
    let status = try #require(Files.status(place.store.path(of: digest)))
    return try status.mode == 0o444
      && Files.read(place.store.path(of: digest), limit: 1 << 20) == contents
  }

  @Test func `a file comes into the store, verified and read-only, once`() throws {
    #expect(try fetch("file") == ByteCount(contents.count))
    #expect(try isStored())
    #expect(try fetch("file") == ByteCount(contents.count))
    #expect(server.requests == ["/file"])
    #expect(try Files.list(place("store/ingest")).isEmpty)
  }

  @Test func `a transfer that was cut short is gone on with`() throws {
    _ = try fetch("cut/file")
    #expect(try isStored())
    #expect(server.requests == ["/cut/file", "/cut/file 150000-"])
  }

  @Test func `where the server can't go on in the middle it is begun anew`() throws {
    _ = try fetch("whole/file")
    #expect(try isStored())
    #expect(server.requests == ["/whole/file", "/whole/file 150000-", "/whole/file"])
  }

  @Test func `a server that is busy is asked again, and a redirection followed`() throws {
    _ = try fetch("busy/file")
    #expect(try isStored())
    #expect(server.requests.count == 2)
    try Files.remove(place.store.path(of: digest))
    _ = try fetch("elsewhere/file")
    #expect(try isStored())
  }

  @Test func `what is not there is not asked for again`() throws {
    let error = #expect(throws: InputsError.self) { try fetch("nothing") }
    #expect(error?.kind == .fetchFailed)
    #expect(error?.message.contains(server.url("nothing")) == true)
    #expect(error?.message.contains("404") == true, "\(error?.message ?? "")")
    #expect(server.requests.count == 1)
  }

  @Test func `should fail: another file than the recipe wants`() throws {
    let wanted = Digest.of("something else")
    let error = #expect(throws: InputsError.self) { try fetch("file", as: wanted) }
    #expect(error?.kind == .verificationDiffers)
    #expect(error?.message.contains(wanted.hex) == true)
    #expect(error?.message.contains(digest.hex) == true)
    #expect(try Files.list(place.store.directory).isEmpty)
    #expect(try Files.list(place("store/ingest")).isEmpty)
  }

  @Test func `should fail: more than is locked, or than anything may have`() throws {
    for path in ["file", "endless/file"] {
      let error = #expect(throws: InputsError.self) { try fetch(path, size: ByteCount(1000)) }
      #expect(error?.kind == .fetchFailed, "\(path): \(error?.message ?? "")")
    }
    let error = #expect(throws: InputsError.self) {
      try fetch("endless/x", rounds: 1, largest: .mebibytes(1))
    }
    #expect(error?.message.contains("1.00 MiB") == true, "\(error?.message ?? "")")
    #expect(try Files.list(place("store/ingest")).isEmpty)
  }

  @Test func `should fail: a size that is not the locked one`() throws {
    let error = #expect(throws: InputsError.self) {
      try fetch("file", size: ByteCount(contents.count + 1))
    }
    #expect(error?.message.contains("not what the lock says") == true, "\(error?.message ?? "")")
    #expect(try Files.list(place.store.directory).isEmpty)
  }
}
