import Catalog
import Glibc
import Host
import Synchronization
import Testing
import Vocabulary

/// Real processes that really die by SIGKILL, which nothing can tidy up after.
@Suite struct KillTests {
  let test: TestStore

  init() throws { test = try TestStore() }

  /// What the next process finds whole: every ready row has its files, every file its row.
  func expectWhole() throws {
    let catalog = try test.open()
    try catalog.cleanDeadLeases()
    #expect(try catalog.leases().isEmpty)
    for kind in ObjectKind.allCases {
      for object in try catalog.objects(kind) where object.state == .ready {
        #expect(object.files.allSatisfy { test.exists($0) }, "\(object.key)")
      }
    }
    let files = try test.files().filter { !$0.hasPrefix("trash/") }
    #expect(try catalog.unknownFiles(files).isEmpty)
    // And what is garbage goes.
    let rest = try catalog.collect(try catalog.markSnapshot(grace: nil).candidates)
    try catalog.empty(rest.batches)
    try catalog.empty(try catalog.recoverTrash())
    #expect(try test.files().allSatisfy { !$0.hasPrefix("trash/") })
  }

  @Test(arguments: [1, 2, 4, 6])
  func `a collector killed after any move leaves a whole store`(_ moves: Int) async throws {
    let catalog = try test.open()
    let lease = try catalog.lease(for: "build")
    for name in ["a", "b", "c"] {
      try catalog.putImage(name, [diffID("base"), diffID(name)], in: test, lease)
    }
    try catalog.tag("a", ImageID(Digest.of("config of a")))
    lease.release()
    await #expect(processExitsWith: .signal(SIGKILL)) {
      [path = test.path as String, moves = moves as Int] in
      let catalog = try Catalog.open(store: path)
      let count = Mutex(0)
      let mover = TrashMover { path, store, batch in
        try TrashMover.host.move(path, store, batch)
        let done = count.withLock {
          $0 += 1
          return $0
        }
        if done == moves { kill(getpid(), SIGKILL) }
      }
      var limits = CollectionLimits()
      limits.candidates = 3
      _ = try catalog.collect(
        try catalog.markSnapshot(grace: nil).candidates, limits: limits, trash: mover)
    }
    try expectWhole()
    #expect(try catalog.images().map(\.tags) == [["a"]])
    #expect(try catalog.image(ImageID(Digest.of("config of a"))).layers.count == 2)
  }

  @Test(arguments: [1, 2, 3, 5])
  func `a collector that makes room, killed after any move, leaves a whole store`(
    _ moves: Int
  ) async throws {
    let catalog = try test.open()
    let lease = try catalog.lease(for: "build")
    let layers = [diffID("base"), diffID("a")]
    let image = try catalog.putImage("a", layers, in: test, lease)
    for layer in layers {
      try catalog.put(
        .tree(layer), file: "trees/\(layer.digest.short)",
        soft: [SoftEdge("tree", holder: .layer(layer), wanted: .tree(layer))], in: test, lease)
    }
    _ = try catalog.putDisk(layers, in: test, lease)
    let input = Digest.of("package")
    try catalog.put(.input(input), file: "inputs/sha256/\(input.hex)", in: test, lease)
    try catalog.want([SoftEdge("input", holder: .image(image), wanted: .input(input))])
    try catalog.putImage("recent", [diffID("base"), diffID("recent")], in: test, lease)
    try catalog.tag("a", image)
    lease.release()
    await #expect(processExitsWith: .signal(SIGKILL)) {
      [path = test.path as String, moves = moves as Int] in
      let catalog = try Catalog.open(store: path)
      let count = Mutex(0)
      let mover = TrashMover { path, store, batch in
        try TrashMover.host.move(path, store, batch)
        let done = count.withLock {
          $0 += 1
          return $0
        }
        if done == moves { kill(getpid(), SIGKILL) }
      }
      var policy = EvictionPolicy()
      policy.wanted = ByteCount(Int64.max)
      policy.takesInputs = true
      var limits = CollectionLimits()
      limits.candidates = 2
      _ = try catalog.collect(
        try catalog.inventory().plan(policy).candidates, limits: limits, trash: mover)
    }
    try expectWhole()
    #expect(try catalog.image(image).layers == layers)
  }

  @Test func `a collector killed before it emptied the trash leaves a whole store`() async throws {
    let catalog = try test.open()
    let lease = try catalog.lease(for: "build")
    try catalog.putImage("a", [diffID("a")], in: test, lease)
    lease.release()
    await #expect(processExitsWith: .signal(SIGKILL)) { [path = test.path as String] in
      let catalog = try Catalog.open(store: path)
      let found = try catalog.collect(try catalog.markSnapshot(grace: nil).candidates)
      precondition(found.deleted.count == 4)
      kill(getpid(), SIGKILL)
    }
    try expectWhole()
    #expect(try test.files().isEmpty)
  }

  enum Moment: String, CaseIterable, Codable { case writing, beforeRename, renamed, published }

  @Test(arguments: Moment.allCases)
  func `a builder killed at any moment leaves a whole store`(_ moment: Moment) async throws {
    await #expect(processExitsWith: .signal(SIGKILL)) {
      [path = test.path as String, moment = moment as Moment] in
      let catalog = try Catalog.open(store: path)
      let lease = try catalog.lease(for: "build")
      func die(_ now: Moment) { if now == moment { kill(getpid(), SIGKILL) } }
      _ = try catalog.beginWriting(.boot("x"), files: ["boot/x"], lease)
      die(.writing)
      let publication = Publication(size: ByteCount(1), allocated: ByteCount(4096))
      try catalog.publish(.boot("x"), publication, lease) {
        die(.beforeRename)
        try Files.makeDirectories(path + "/boot")
        try Files.write(path + "/boot/x", [1])
        die(.renamed)
      }
      die(.published)
    }
    // Another builder takes over what is not finished, without waiting.
    let catalog = try test.open()
    let lease = try catalog.lease(for: "build")
    let turn = try catalog.beginWriting(.boot("x"), files: ["boot/x"], lease)
    #expect(turn == (moment == .published ? .alreadyReady : .write))
    lease.release()
    try expectWhole()
    #expect(try test.files().isEmpty)
  }
}
