import Catalog
import Host
import Pipeline
import Testing
import Vocabulary

@Suite struct UsageTests {
  private let store: FilledStore
  private let session: Session

  init() throws {
    store = try FilledStore()
    session = try store.session()
    try store.put("a", in: session)
    try store.put("b", in: session, blocks: 20)
  }

  private func collect(_ change: (inout CollectRequest) -> Void = { _ in }) throws -> CollectOutcome
  {
    var request = CollectRequest(immediately: true)
    change(&request)
    return try session.collect(request)
  }

  private var image: ObjectKey { .image(store.image("a")) }

  @Test func `the sum of all is what du says, holes, second names and files of others included`()
    throws
  {
    try store.write("blobs/sha256/\(Digest.of("foreign").hex)", blocks: 4)
    try store.write("README.md", blocks: 1)
    try store.write("trees/unknown/file", blocks: 2)
    try store.write("ingest/left/file", blocks: 3)
    try Files.link("\(store.path)/README.md", to: "\(store.path)/SECOND.md")
    let account = try session.account()
    #expect(account.total.bytes == (try store.usedInAll()))
    let entries = account.account.entries.reduce(0) { $0 + $1.allocated.bytes }
    #expect(entries + account.parts.values.reduce(0) { $0 + $1.bytes } == account.total.bytes)
    #expect(account.parts[.foreign] == ByteCount(4 * 4096))
    #expect(account.parts[.beside] == ByteCount(4096))
    #expect(try #require(account.parts[.unknown]) >= ByteCount(2 * 4096))
    #expect(try #require(account.parts[.unfinished]) >= ByteCount(3 * 4096))
    // Seven blocks of 64 GiB.
    let disk = try #require(account.account.entries.first { $0.subject.kind == .disk })
    #expect(disk.logical == .gibibytes(64))
    #expect(disk.allocated < ByteCount(16 * 4096))
  }

  @Test func `removing a VM and then its image frees exactly what was said`() throws {
    // `index.json` is there from the first change of tags on.
    try session.tag("a", as: "other")
    try session.untag("other")
    _ = try collect()
    var before = try store.used()
    for step in ["vm", "image"] {
      let account = try session.account().account
      let said: ByteCount
      if step == "vm" {
        said = try #require(account.vm("vm-a")).frees
        try session.remove("vm-a", force: false)
      } else {
        said = try #require(account[image]).frees
        try session.untag("a")
      }
      let freed = try collect().bytes
      let after = try store.used()
      #expect(said.bytes == before - after, "\(step)")
      #expect(said > .zero)
      if step == "image" { #expect(freed == said) }
      before = after
    }
    #expect(try session.account().account[.layer(store.layer("base"))]?.imageCount == 1)
  }

  @Test func `what is evicted frees exactly what was said, and can be evicted once`() throws {
    let before = try store.used()
    let dry = try collect {
      $0.isDryRun = true
      $0.budget = .at(.zero)
    }
    #expect(try store.used() == before)
    let real = try collect { $0.budget = .at(.zero) }
    #expect(real.going.map(\.subject) == dry.going.map(\.subject))
    #expect(real.going.map(\.bytes) == dry.going.map(\.bytes))
    #expect(try store.used() == before - real.bytes.bytes)
    // VMs keep their disks.
    #expect(real.going.allSatisfy { $0.subject.kind == .tree })
    #expect(try collect { $0.budget = .at(.zero) }.going.isEmpty)
  }

  @Test func `a budget is reached and not overdone, and what can't be reached is said`() throws {
    let total = try session.account().total
    let one = try collect { $0.budget = .at(ByteCount(total.bytes - 1)) }
    #expect(one.going.count == 1)
    #expect(one.shortfall == .zero)
    let most = try collect { $0.budget = .at(.kibibytes(1)) }
    #expect(most.shortfall > .zero)
    #expect(most.recent == most.going.count)
    #expect(most.help.contains { $0.command == "hutch rm vm-a" })
    let inputs = try #require(most.help.first { $0.command == "hutch gc --inputs" })
    let account = try session.account().account
    let sum = account.entries.reduce(ByteCount.zero) {
      $0 + ($1.subject.kind == .input ? $1.allocated : .zero)
    }
    #expect(inputs.frees == sum)
    let gone = try collect { $0.takesInputs = true }
    #expect(gone.unbuildable == 2)
    #expect(gone.bytes == sum)
    #expect(try session.catalog.images().count == 2)
  }

  @Test func `settings stand in for what is not said, and what is said counts`() throws {
    try store.configure("format = 1\n[gc]\nbudget = \"1K\"\n")
    #expect(
      try collect {
        $0.isDryRun = true
        $0.budget = SizeLimit.none
      }.going.isEmpty)
    #expect(try collect { $0.isDryRun = true }.going.count == 3)
    try store.configure("format = 1\n[gc]\nbudjet = \"1K\"\n")
    #expect {
      try collect()
    } throws: { error in
      (error as? any Failure)?.kind == .badInput
    }
  }

  @Test func `what dead writers left in ingest is told and goes, what is locked stays`() throws {
    try store.write("ingest/dead/file", blocks: 3)
    try Files.write("\(store.path)/ingest/dead.lock", [], durable: false)
    try store.write("ingest/alive/file", blocks: 3)
    guard let lock = try FileLock.exclusive("\(store.path)/ingest/alive.lock", wait: false) else {
      Issue.record("nobody else can have the lock")
      return
    }
    let dry = try collect { $0.isDryRun = true }
    #expect(dry.going.map(\.subject.description) == ["ingest/dead"])
    #expect(dry.bytes >= ByteCount(3 * 4096))
    let real = try collect()
    #expect(real.going.map(\.subject) == dry.going.map(\.subject))
    #expect(real.bytes == dry.bytes)
    #expect(!Files.exists("\(store.path)/ingest/dead"))
    #expect(Files.exists("\(store.path)/ingest/alive/file"))
    #expect(try session.history(limit: 1).map(\.reason) == ["leftover"])
    withExtendedLifetime(lock.descriptor) {}
  }

  @Test func `earlier images that are kept stay under a limit, and it is said what they take`()
    throws
  {
    let kept = store.image("b")
    try session.remove("vm-b", force: false)
    try session.tag("a", as: "b")
    let outcome = try collect {
      $0.budget = .at(.zero)
      $0.keep = 2
    }
    #expect(try session.images().map(\.id).contains(kept))
    let help = try #require(outcome.help.first { $0.command.hasSuffix("--keep 1") })
    let before = try store.used()
    let freed = try collect().bytes
    #expect(freed == help.frees)
    #expect(try before - store.used() == freed.bytes)
    #expect(try !session.images().map(\.id).contains(kept))
  }

  @Test func `blobs of others and files beside the store stay, whatever the limit`() throws {
    let foreign = "blobs/sha256/\(Digest.of("foreign").hex)"
    try store.write(foreign, blocks: 4)
    try store.write("README.md", blocks: 1)
    _ = try collect {
      $0.budget = .at(.zero)
      $0.takesInputs = true
    }
    #expect(Files.exists("\(store.path)/\(foreign)"))
    #expect(Files.exists("\(store.path)/README.md"))
  }

  @Test func `below the floor of free space nothing is cloned, and it is said what could be freed`()
    throws
  {
    try store.configure("format = 1\n[store]\nfloor = \"4096T\"\n")
    #expect {
      try session.clone(CloneRequest(image: "a"))
    } throws: { error in
      let failure = error as? any Failure
      return failure?.kind == .noSpace && failure?.hint?.contains("hutch gc") == true
    }
    #expect(try session.vms().count == 2)
  }

  @Test func `why and pin name what people name`() throws {
    guard case .object(let holding) = try session.why("a", kind: nil) else {
      Issue.record("no answer about an image")
      return
    }
    #expect(holding.path?.root == .tag("a"))
    guard case .vm(let vm) = try session.why("vm-a", kind: nil) else {
      Issue.record("no answer about a VM")
      return
    }
    #expect(vm.name == "vm-a")
    let tree = store.layer("a").digest.short
    _ = try session.pin(tree, kind: "tree", reason: "I look at it")
    let going = try collect { $0.budget = .at(.zero) }.going
    #expect(!going.contains { $0.subject == .object(.tree(store.layer("a"))) })
    #expect(try session.unpin(tree, kind: "tree"))
    #expect(try !session.unpin(tree, kind: "tree"))
    #expect(try collect { $0.budget = .at(.zero) }.going.count == 1)
    #expect(throws: PipelineError.self) { try session.pin("vm-a", kind: nil, reason: "x") }
  }
}
