import GuestProtocol
import Host
import Testing
import Vocabulary

@testable import Workspaces

/// Damaged input, the same in every run: it is refused, or it keeps every rule.
struct MutationTests {
  private static let rounds = 3000

  private func changeSet() throws -> [UInt8] {
    var maker = TarMaker()
    try maker.file("a/file", "new")
    try maker.folder("d", mode: 0o755)
    try maker.link("d/link", "../a/file")
    try maker.hardLink("d/second", "a/file")
    try maker.gone("gone")
    try maker.file("plain", String(repeating: "x", count: 600))
    maker.extended([("path", bytes("long/" + String(repeating: "n", count: 120)))])
    maker.raw("cut")
    maker.raw("link", flag: "2", target: "a")
    maker.raw("git", content: [])
    return maker.whole
  }

  private func prepare(_ place: Workplace) throws {
    for path in ["a", ".git", "gone"] { try place.folder(path) }
    for path in ["a/file", ".git/config", "gone/x", "plain"] { try place.file(path, "old") }
    try place.link("out", place("outside"))
  }

  /// Some bytes turned, cut or put elsewhere; most headers get their right checksum again, for
  /// what is behind it to be reached.
  private func mutate(_ whole: [UInt8], _ generator: inout Generator) -> [UInt8] {
    var archive = whole
    for _ in 0...Int.random(in: 0...3, using: &generator) {
      let block = Int.random(in: 0..<(archive.count / 512), using: &generator) * 512
      switch Int.random(in: 0...7, using: &generator) {
      case 0: archive.removeSubrange(block..<(block + 512))
      case 1: archive.insert(contentsOf: archive[block..<(block + 512)], at: block)
      case 2:
        // A name out of what matters.
        let names = ["..", ".git", "out/x", "/", "a", ".wh.a", ".wh..git", "HEAD", "plain/x", "."]
        let name = bytes(names.randomElement(using: &generator) ?? "")
        let start = block + (Bool.random(using: &generator) ? 0 : 157)
        archive.replaceSubrange(start..<(start + name.count + 1), with: name + [0])
      case 3: archive[block + 156] = UInt8.random(in: 48...57, using: &generator)
      case 4: archive[block + Int.random(in: 100..<136, using: &generator)] = 0x37
      default:
        let index = block + Int.random(in: 0..<512, using: &generator)
        archive[index] = UInt8.random(in: 0...255, using: &generator)
      }
      if archive.count < 1024 { return archive }
      if block + 512 <= archive.count, Int.random(in: 0...9, using: &generator) > 0,
        archive[(block + 257)..<(block + 262)].elementsEqual("ustar".utf8)
      {
        TarMaker.seal(&archive, at: block)
      }
    }
    if Int.random(in: 0...20, using: &generator) == 0 {
      archive.removeLast(Int.random(in: 0..<archive.count, using: &generator))
    }
    return archive
  }

  @Test func `a damaged change set is refused, or keeps every rule`() throws {
    var generator = Generator(state: 0x5EED)
    let whole = try changeSet()
    var accepted = 0
    let place = try Workplace()
    try Files.makeDirectories(place("outside"))
    try Files.write(place("outside/secret"), bytes("secret"))
    try prepare(place)
    var snapshot = try place.snapshot()
    for round in 0..<Self.rounds {
      let archive = mutate(whole, &generator)
      guard let members = Self.scan(archive),
        (try? ChangePlan(members, on: snapshot)) != nil
      else { continue }
      // Without waiting for the disk, as the writer does.
      try Files.removeTree(place("changes.tar"))
      try OwnedDescriptor.open(place("changes.tar"), .createExclusive(mode: 0o600))
        .writeAll(archive)
      let changes = try WorkspaceChanges.load(path: place("changes.tar"), snapshot: snapshot)
      accepted += 1
      for step in changes.plan.steps {
        let path = PathText.of(step.path)
        #expect((try? TarRules.normalized(step.path, kind: .regular)) == step.path)
        #expect(!GitGuard.isGuarded(step.path), "round \(round): \(path)")
        #expect(step.mode & ~0o777 == 0, "round \(round): \(path)")
        if case .symbolicLink(let target) = step.action {
          #expect(LinkRule.judge(link: step.path, target: target) != .leadsOut)
        }
      }
      try changes.apply(to: place.tree, durable: false)
      #expect(try place.names() == ["changes.tar", "outside", "tree"], "round \(round)")
      #expect(try place.names("outside") == ["secret"], "round \(round)")
      #expect(try Files.read(place("outside/secret"), limit: 99) == bytes("secret"))
      #expect(try place.names("tree/.git") == ["config"], "round \(round)")
      #expect(try place.text(".git/config") == "old", "round \(round)")
      // The next one meets the same host.
      try Files.removeTree(place.tree)
      try Files.makeDirectories(place.tree, mode: 0o755)
      try prepare(place)
      snapshot = try place.snapshot()
    }
    // Enough of them came through to say something.
    #expect(accepted > Self.rounds / 20, "\(accepted)")
    #expect(accepted < Self.rounds, "\(accepted)")
  }

  private static func scan(_ archive: [UInt8]) -> [ChangeMember]? {
    var scan = ChangesScan(ChangesLimits())
    do {
      try scan.take(archive)
      return try scan.finish()
    } catch {
      return nil
    }
  }

  @Test func `a damaged snapshot with a right checksum is refused, or keeps every rule`() throws {
    let place = try Workplace()
    try prepare(place)
    try place.snapshot().save(to: place("snapshot"))
    let whole = try Files.read(place("snapshot"), limit: 1 << 20)
    let members = Self.scan(try changeSet()) ?? []
    var generator = Generator(state: 0xFACADE)
    var accepted = 0
    for round in 0..<Self.rounds {
      var body = [UInt8](whole.dropLast(32))
      for _ in 0...Int.random(in: 0...2, using: &generator) {
        let index = Int.random(in: 8..<body.count, using: &generator)
        switch Int.random(in: 0...5, using: &generator) {
        case 0: body.removeSubrange(index...)
        case 1: body.insert(UInt8.random(in: 0...255, using: &generator), at: index)
        case 2: body[index] = [0x2E, 0x2F, 0x00, 0xFF].randomElement(using: &generator) ?? 0
        default: body[index] = UInt8.random(in: 0...255, using: &generator)
        }
        if body.count < 10 { break }
      }
      let snapshot: WorkspaceSnapshot
      do {
        snapshot = try WorkspaceSnapshot.decode(body + Digest.of(body).bytes)
      } catch {
        continue
      }
      accepted += 1
      var last: [UInt8] = []
      for entry in snapshot.entries {
        #expect((try? TarRules.normalized(entry.path, kind: .regular)) == entry.path)
        #expect(Paths.precedes(last, entry.path), "round \(round)")
        let parent = Paths.parent(entry.path)
        #expect(
          parent.isEmpty
            || snapshot.index(of: parent).map { snapshot.entries[$0].kind } == .directory)
        last = entry.path
      }
      // Whatever it says, a plan on it is worked out or refused.
      _ = try? ChangePlan(members, on: snapshot)
    }
    #expect(accepted > Self.rounds / 20, "\(accepted)")
  }
}
