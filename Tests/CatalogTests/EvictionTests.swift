import Host
import Testing
import Vocabulary

@testable import Catalog

@Suite struct EvictionTests {
  let test: TestStore
  let catalog: Catalog

  init() throws {
    test = try TestStore()
    catalog = try test.open()
  }

  /// One tagged image of two layers with trees, a disk, a package, a kernel and a boot bundle.
  private func fill() throws -> (image: ImageID, disk: ObjectKey) {
    let lease = try catalog.lease(for: "build")
    defer { lease.release() }
    let layers = [diffID("base"), diffID("a")]
    let image = try catalog.putImage("a", layers, in: test, lease)
    for name in ["base", "a"] {
      try catalog.put(
        .tree(diffID(name)), file: "trees/\(name)",
        soft: [SoftEdge("tree", holder: .layer(diffID(name)), wanted: .tree(diffID(name)))],
        in: test, lease)
    }
    let disk = try catalog.putDisk(layers, in: test, lease)
    for name in ["package", "kernel"] {
      let input = Digest.of(name)
      try catalog.put(.input(input), file: "inputs/sha256/\(input.hex)", in: test, lease)
    }
    try catalog.want([
      SoftEdge("input", holder: .image(image), wanted: .input(Digest.of("package")))
    ])
    try catalog.setKernel(Digest.of("kernel"), of: image, lease)
    try catalog.put(.boot("k"), file: "boot/k", in: test, lease)
    try catalog.tag("a", image)
    return (image, disk)
  }

  private func plan(
    _ wanted: Int? = nil, inputs: Bool = false, grace: Int64? = nil, unusedFor: Int64? = nil
  ) throws -> EvictionPlan {
    var policy = EvictionPolicy(grace: grace)
    policy.wanted = wanted.map { ByteCount($0) }
    policy.takesInputs = inputs
    policy.unusedFor = unusedFor
    return try catalog.inventory().plan(policy)
  }

  private func kinds(_ plan: EvictionPlan) -> [ObjectKind?] { plan.candidates.map(\.subject.kind) }

  @Test func `without a limit nothing that is held goes`() throws {
    _ = try fill()
    #expect(try plan().candidates.isEmpty)
    #expect(try plan(0).candidates.isEmpty)
  }

  @Test func `under pressure things go in the stated order, and no more than is needed`() throws {
    _ = try fill()
    #expect(kinds(try plan(1)) == [.tree])
    #expect(kinds(try plan(8192)) == [.tree, .tree])
    #expect(kinds(try plan(8193)) == [.tree, .tree, .disk])
    #expect(try plan(8193).shortfall == .zero)
    let all = try plan(1 << 40)
    #expect(kinds(all) == [.tree, .tree, .disk, .boot])
    #expect(all.candidates.allSatisfy { $0.reason == .space })
    #expect(all.shortfall.bytes == (1 << 40) - all.candidates.reduce(0) { $0 + $1.bytes.bytes })
    #expect(all.unbuildable == 0)
  }

  @Test func `inputs go only when they are asked for, kernels never, and it is said what is lost`()
    throws
  {
    _ = try fill()
    let all = try plan(1 << 40, inputs: true)
    #expect(kinds(all) == [.tree, .tree, .disk, .boot, .input])
    #expect(all.candidates.last?.subject == .object(.input(Digest.of("package"))))
    #expect(all.unbuildable == 1)
    // Alone it is a wish of its own.
    let alone = try plan(inputs: true)
    #expect(alone.candidates.map(\.reason) == [.asked])
    #expect(kinds(alone) == [.input])
    // With a limit that is reached without them they stay.
    #expect(kinds(try plan(1, inputs: true)) == [.tree])
  }

  @Test func `the disk and boot bundle of a VM stay, and a VM with work`() throws {
    let (image, disk) = try fill()
    var vm = newVM("otter", disk: disk, image: image, ephemeral: true)
    vm.boot = .boot("k")
    try catalog.createVM(vm)
    try catalog.setState("otter", .finished, unsynced: true)
    #expect(kinds(try plan(1 << 40)) == [.tree, .tree])
    // Once its work is taken it is a throwaway VM like all others.
    try catalog.setState("otter", .finished, unsynced: false)
    let later = try plan(1 << 40).candidates
    #expect(later.first?.subject == .vm("otter"))
    #expect(later.map(\.subject.kind) == [nil, .tree, .tree, .disk, .boot])
  }

  @Test func `what a running command uses and what is pinned stays`() throws {
    _ = try fill()
    let lease = try catalog.lease(for: "build")
    _ = try catalog.find(.tree(diffID("a")), lease)
    try catalog.pin(.tree(diffID("base")), reason: "mine")
    #expect(kinds(try plan(1 << 40)) == [.disk, .boot])
    lease.release()
  }

  @Test func `what was not used for so long goes, what was used stays`() throws {
    _ = try fill()
    test.advance(40 * 86_400)
    let lease = try catalog.lease(for: "build")
    _ = try catalog.find(.tree(diffID("a")), lease)
    lease.release()
    let plan = try plan(unusedFor: 30 * 86_400)
    #expect(kinds(plan) == [.tree, .disk, .boot])
    #expect(plan.candidates.allSatisfy { $0.reason == .unused })
    #expect(plan.candidates.first?.subject == .object(.tree(diffID("base"))))
  }

  @Test func `what only the grace hour keeps goes after everything that is made faster`() throws {
    _ = try fill()
    let lease = try catalog.lease(for: "build")
    try catalog.putImage("old", [diffID("base"), diffID("old")], in: test, lease)
    lease.release()
    #expect(try plan(grace: 3600).candidates.isEmpty)
    let all = try plan(1 << 40, grace: 3600)
    #expect(kinds(all).prefix(4) == [.tree, .tree, .disk, .boot])
    #expect(Set(kinds(all).dropFirst(4)) == [.image, .manifest, .config, .layer])
    #expect(kinds(all)[4] == .image)
    #expect(all.recent == 8)
    // Not the layer that the tagged image has too.
    #expect(!all.candidates.map(\.subject).contains(.object(.layer(diffID("base")))))
  }

  @Test func `within a kind the best bargain goes first`() throws {
    let lease = try catalog.lease(for: "build")
    func disk(_ name: String, _ bytes: Int, milliseconds: Int64?) throws {
      try catalog.putImage(name, [diffID(name)], in: test, lease)
      let record = DiskRecord(
        chain: try require(ChainID(of: [diffID(name)])), formatter: "test-1", format: .raw,
        virtualSize: .gibibytes(64))
      _ = try catalog.beginWriting(record.key, files: ["disks/\(name)"], lease)
      var publication = Publication(size: .gibibytes(64), allocated: ByteCount(bytes))
      publication.rebuildMilliseconds = milliseconds
      try catalog.publishDisk(record, publication, lease) { try test.touch("disks/\(name)") }
      try catalog.tag(name, ImageID(Digest.of("config of \(name)")))
    }
    try disk("slow", 4_000_000, milliseconds: 60_000)
    try disk("fast", 1_000_000, milliseconds: 100)
    try disk("unknown", 2_000_000, milliseconds: nil)
    test.advance(7200)
    try disk("new", 3_000_000, milliseconds: 1000)
    lease.release()
    test.advance(60)
    let order = try plan(1 << 40).candidates.compactMap { candidate in
      ["slow", "fast", "unknown", "new"].first {
        candidate.subject.description.contains("\(diffID($0))")
      }
    }
    // Bytes × seconds ÷ milliseconds: 72.6 M, 14.5 M, 0.48 M, 0.18 M.
    #expect(order == ["fast", "unknown", "slow", "new"])
  }

  /// What the plan says is what the catalog then does, item by item, over stores that nobody
  /// thought of.
  @Test(arguments: 0..<40)
  func `a dry run and the real run agree on any store, and nothing that is needed goes`(
    _ seed: UInt64
  ) throws {
    var random = Generator(state: seed)
    try GeneratedStore(test, catalog).fill(&random)
    var policy = EvictionPolicy(grace: [nil, 3600, 0].randomElement(using: &random) ?? nil)
    policy.keep = Int.random(in: 1...3, using: &random)
    policy.takesInputs = Bool.random(using: &random)
    if Bool.random(using: &random) {
      policy.wanted = ByteCount(Int.random(in: 0...300_000, using: &random))
    }
    if Bool.random(using: &random) {
      policy.unusedFor = Int64.random(in: 0...20_000, using: &random)
    }
    let plan = try catalog.inventory().plan(policy)
    #expect(try catalog.inventory().plan(policy).candidates == plan.candidates)
    #expect(Set(plan.candidates.map(\.subject)).count == plan.candidates.count)
    let events = try catalog.events(limit: 10_000).count
    let collection = try catalog.collect(plan.candidates)
    try catalog.empty(collection.batches)
    #expect(collection.deleted == plan.candidates)
    #expect(collection.spared.isEmpty)
    // Each with its reason in the diary.
    let added = try catalog.events(limit: 10_000).dropLast(events).reversed()
    #expect(Array(added.map(\.subject)) == plan.candidates.map(\.subject.description))
    #expect(Array(added.map(\.reason)) == plan.candidates.map(\.reason.rawValue))
    try expectWhole()
    // All that was to stay is there, and the same question has no answer any more.
    for staying in plan.staying { #expect(try catalog.object(staying.key) != nil) }
    // Without a limit, inputs alone would be a wish of their own.
    if policy.wanted != nil { policy.takesInputs = false }
    policy.wanted = nil
    #expect(try catalog.inventory().plan(policy).candidates.isEmpty)
  }

  @Test func `clones beside collectors that take all they can never lose their disk`() async throws
  {
    let layers = [diffID("base"), diffID("a")]
    let chain = try require(ChainID(of: layers))
    let build = try catalog.lease(for: "build")
    try catalog.tag("a", try catalog.putImage("a", layers, in: test, build))
    build.release()
    try await withThrowingTaskGroup { group in
      for worker in 0..<2 {
        group.addTask { [test] in
          let catalog = try test.open()
          for round in 0..<20 {
            // As a clone does it: the disk is made if it is not there, and kept by the lease.
            let lease = try catalog.lease(for: "clone")
            let record = DiskRecord(
              chain: chain, formatter: "test-1", format: .raw, virtualSize: .gibibytes(64))
            let file = "disks/a.raw"
            while try catalog.disk(chain, formatter: "test-1", lease) == nil {
              guard try catalog.beginWriting(record.key, files: [file], lease) == .write else {
                continue
              }
              let publication = Publication(size: .gibibytes(64), allocated: ByteCount(4096))
              try catalog.publishDisk(record, publication, lease) { try test.touch(file) }
            }
            try catalog.putVM("vm-\(worker)-\(round)", disk: record.key)
            lease.release()
            #expect(test.exists(file))
            try catalog.empty([
              try catalog.deleteVM("vm-\(worker)-\(round)", reason: "asked for")
            ])
          }
        }
      }
      group.addTask { [test] in
        let catalog = try test.open()
        var policy = EvictionPolicy(grace: nil)
        policy.wanted = ByteCount(Int64.max)
        for _ in 0..<40 {
          _ = try catalog.collect(try catalog.inventory().plan(policy).candidates)
          try catalog.empty(try catalog.recoverTrash())
        }
      }
      try await group.waitForAll()
    }
    try expectWhole()
    #expect(try catalog.images().count == 1)
  }

  private func expectWhole() throws {
    for image in try catalog.images() {
      for layer in image.layers {
        #expect(try require(try catalog.object(.layer(layer))).files.allSatisfy { test.exists($0) })
      }
    }
    for vm in try catalog.vms() {
      #expect(vm.diskFiles.allSatisfy { test.exists($0) })
      if vm.unsynced { #expect(test.exists("vms/\(vm.name)/overlay.qcow2")) }
    }
    for tag in try catalog.tags() { _ = try catalog.image(tag.image) }
    #expect(try catalog.unknownFiles(try test.files().filter { !$0.hasPrefix("vms/") }).isEmpty)
  }
}

/// Stores of any shape: images over common layers, trees, disks, packages, VMs, pins, tags that
/// moved on; made and used at different times.
struct GeneratedStore {
  let test: TestStore
  let catalog: Catalog

  init(_ test: TestStore, _ catalog: Catalog) {
    self.test = test
    self.catalog = catalog
  }

  func fill(_ random: inout Generator) throws {
    for number in 0..<Int.random(in: 1...6, using: &random) {
      test.advance(Int64.random(in: 0...5000, using: &random))
      let lease = try catalog.lease(for: "build \(number)")
      defer { lease.release() }
      let layers = (0..<Int.random(in: 1...4, using: &random)).map { depth in
        diffID("\(depth)-\(Int.random(in: 0...depth, using: &random))")
      }
      let image = try catalog.putImage("\(number)", layers, in: test, lease)
      for layer in layers where Bool.random(using: &random) { try tree(of: layer, lease) }
      for _ in 0..<Int.random(in: 0...3, using: &random) {
        let input = Digest.of("input \(Int.random(in: 0..<5, using: &random))")
        if try catalog.find(.input(input), lease) == nil {
          try catalog.put(.input(input), file: "inputs/sha256/\(input.hex)", in: test, lease)
        }
        try catalog.want([SoftEdge("input", holder: .image(image), wanted: .input(input))])
      }
      if Bool.random(using: &random) {
        try catalog.tag("t\(Int.random(in: 0..<3, using: &random))", image)
      }
      if Bool.random(using: &random) { try disk(of: layers, image, number, lease, &random) }
      if Int.random(in: 0..<6, using: &random) == 0 {
        try catalog.pin(.layer(layers[0]), reason: "test")
      }
      if Bool.random(using: &random) {
        try catalog.put(.boot("\(number)"), file: "boot/\(number)", in: test, lease)
      }
    }
    test.advance(Int64.random(in: 0...5000, using: &random))
  }

  private func tree(of layer: DiffID, _ lease: Lease) throws {
    guard try catalog.find(.tree(layer), lease) == nil else { return }
    try catalog.put(
      .tree(layer), file: "trees/\(layer.digest.short)",
      soft: [SoftEdge("tree", holder: .layer(layer), wanted: .tree(layer))], in: test, lease)
  }

  private func disk(
    of layers: [DiffID], _ image: ImageID, _ number: Int, _ lease: Lease,
    _ random: inout Generator
  ) throws {
    let chain = try require(ChainID(of: layers))
    let known = try catalog.disk(chain, formatter: "test-1", lease)?.disk.key
    let disk = try known ?? catalog.putDisk(layers, in: test, lease)
    for index in 0..<Int.random(in: 0...2, using: &random) {
      let name = "vm-\(number)-\(index)"
      try catalog.putVM(
        name, disk: disk, image: Bool.random(using: &random) ? image : nil,
        ephemeral: Bool.random(using: &random))
      try test.touch("vms/\(name)/overlay.qcow2")
      if Int.random(in: 0..<3, using: &random) == 0 {
        try catalog.setState(name, .finished, unsynced: true)
      }
    }
  }
}
