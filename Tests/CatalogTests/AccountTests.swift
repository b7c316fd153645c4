import Host
import Testing
import Vocabulary

@testable import Catalog

@Suite struct DominatorTests {
  /// What would be lost without a node, by trying it.
  private func lost(
    without node: Int32, count: Int, _ edges: [(Int32, Int32)], roots: [Int32]
  ) -> Set<Int32> {
    func reached(_ roots: [Int32], _ edges: [(Int32, Int32)]) -> Set<Int32> {
      var closed = Set(roots)
      while let next = edges.first(where: { closed.contains($0.0) && !closed.contains($0.1) }) {
        closed.insert(next.1)
      }
      return closed
    }
    let all = reached(roots, edges)
    let rest = reached(
      roots.filter { $0 != node }, edges.filter { $0.0 != node && $0.1 != node })
    return all.contains(node) ? all.subtracting(rest) : []
  }

  @Test(arguments: 0..<60)
  func `what a node holds alone is what is lost without it, also in circles`(_ seed: UInt64) {
    var random = Generator(state: seed)
    let edges = (0..<45).map { _ in
      (Int32.random(in: 0..<30, using: &random), Int32.random(in: 0..<30, using: &random))
    }
    let roots = (0..<3).map { _ in Int32.random(in: 0..<30, using: &random) }
    let bytes = (0..<30).map { _ in Int64.random(in: 1...1000, using: &random) }
    let sums = Dominators(count: 30, edges: edges.map { .init(from: $0.0, to: $0.1) }, roots: roots)
      .sums(of: bytes)
    for node in 0..<Int32(30) {
      let lost = lost(without: node, count: 30, edges, roots: roots)
      #expect(sums[Int(node)] == lost.reduce(0) { $0 + bytes[Int($1)] }, "node \(node)")
    }
  }
}

@Suite struct AccountTests {
  let test: TestStore
  let catalog: Catalog

  init() throws {
    test = try TestStore()
    catalog = try test.open()
  }

  /// Two tagged images that share a layer, with disks, trees, a package and a VM each.
  fileprivate func fill() throws {
    let lease = try catalog.lease(for: "build")
    for name in ["a", "b"] {
      let layers = [diffID("base"), diffID(name)]
      let image = try catalog.putImage(name, layers, in: test, lease)
      let disk = try catalog.putDisk(layers, in: test, lease)
      try catalog.put(
        .tree(diffID(name)), file: "trees/\(name)",
        soft: [SoftEdge("tree", holder: .layer(diffID(name)), wanted: .tree(diffID(name)))],
        in: test, lease)
      try catalog.tag(name, image)
      try catalog.putVM("vm-\(name)", disk: disk, image: name == "a" ? image : nil)
      try test.touch("vms/vm-\(name)/overlay.qcow2")
    }
    let input = Digest.of("package")
    try catalog.put(.input(input), file: "inputs/sha256/\(input.hex)", in: test, lease)
    for name in ["a", "b"] {
      try catalog.want([
        SoftEdge(
          "input", holder: .image(ImageID(Digest.of("config of \(name)"))), wanted: .input(input))
      ])
    }
    lease.release()
  }

  fileprivate func account() throws -> Account {
    let usage = try DiskUsage.measure(
      test.path,
      divided: [
        "blobs", "blobs/sha256", "inputs", "inputs/sha256", "trees", "disks", "boot", "vms",
      ])
    return Account(try catalog.inventory().measured(usage.bytes, isWhole: true))
  }

  private func image(_ name: String) -> ObjectKey {
    .image(ImageID(Digest.of("config of \(name)")))
  }

  /// What all files but the catalog's take.
  private func used() throws -> Int64 {
    try test.files().reduce(0) { $0 + (Files.status("\(test.path)/\($1)")?.allocated ?? 0) }
  }

  private func sweep() throws {
    let collection = try catalog.collect(try catalog.markSnapshot(grace: nil).candidates)
    try catalog.empty(collection.batches)
  }

  @Test func `shared and exclusive bytes are told apart`() throws {
    try fill()
    let account = try account()
    let a = try require(account[image("a")])
    // Two layers, manifest, configuration, disk, tree, package.
    #expect(a.total == ByteCount(7 * 4096))
    // The lower layer and the package are of both, the disk of the VM too.
    #expect(a.exclusive == ByteCount(4 * 4096))
    #expect(a.images == ["a"])
    let base = try require(account[.layer(diffID("base"))])
    #expect(base.imageCount == 2)
    #expect(base.exclusive == ByteCount(4096))
    #expect(base.frees == .zero)
    #expect(account.garbage == .zero)
  }

  @Test func `an image that a VM stands on frees nothing, a VM frees its folder`() throws {
    try fill()
    #expect(try account()[image("a")]?.frees == .zero)
    let vm = try require(try account().vm("vm-b"))
    #expect(vm.frees == vm.exclusive)
    let folder = try Files.allocated(below: test.path + "/vms/vm-b")
    #expect(vm.frees == folder)
  }

  enum Removal: CaseIterable { case vmOfTagged, vmWithoutImage, untagged, last, pinned }

  @Test(arguments: Removal.allCases)
  func `what removing something is said to free is free afterwards, to the byte`(
    _ removal: Removal
  ) throws {
    try fill()
    var said: ByteCount?
    func remove(vm name: String) throws {
      try catalog.empty([try catalog.deleteVM(name, reason: "asked for")])
      try sweep()
    }
    var before = try used()
    switch removal {
    case .vmOfTagged:
      said = try account().vm("vm-a")?.frees
      // Its folder's own block is not among the files.
      before += try require(Files.status(test.path + "/vms/vm-a")).allocated
      try remove(vm: "vm-a")
    case .vmWithoutImage:
      try catalog.untag("b")
      try sweep()
      before = try used() + (try require(Files.status(test.path + "/vms/vm-b")).allocated)
      said = try account().vm("vm-b")?.frees
      // Now it alone keeps its disk.
      #expect(try require(said) > (try Files.allocated(below: test.path + "/vms/vm-b")))
      try remove(vm: "vm-b")
    case .untagged:
      try remove(vm: "vm-a")
      before = try used()
      said = try account()[image("a")]?.frees
      #expect(said == ByteCount(5 * 4096))
      try catalog.untag("a")
      try sweep()
    case .last:
      try remove(vm: "vm-a")
      try remove(vm: "vm-b")
      try catalog.untag("b")
      try sweep()
      let lease = try catalog.lease(for: "boot")
      try catalog.put(.boot("k"), file: "boot/k", in: test, lease)
      lease.release()
      before = try used()
      said = try account()[image("a")]?.frees
      try catalog.untag("a")
      try sweep()
      #expect(try test.files().isEmpty)
    case .pinned:
      try remove(vm: "vm-a")
      try catalog.pin(.layer(diffID("a")), reason: "test")
      before = try used()
      said = try account()[image("a")]?.frees
      #expect(try account()[.layer(diffID("a"))]?.frees == .zero)
      try catalog.untag("a")
      try sweep()
    }
    #expect(try ByteCount(before - used()) == require(said))
  }

  @Test func `what nothing holds is garbage, and shares with what is held without harm`() throws {
    try fill()
    let lease = try catalog.lease(for: "build")
    try catalog.putImage("old", [diffID("base"), diffID("old")], in: test, lease)
    lease.release()
    let account = try account()
    #expect(account[image("old")]?.isGarbage == true)
    #expect(account.garbage == ByteCount(3 * 4096))
    #expect(account[image("old")]?.exclusive == ByteCount(3 * 4096))
    #expect(account[image("a")]?.exclusive == ByteCount(4 * 4096))
  }
}

extension AccountTests {
  @Test func `a throwaway VM that nobody supervises holds nothing`() throws {
    try fill()
    try catalog.empty([try catalog.deleteVM("vm-b", reason: "asked for")])
    let disk = try require(try catalog.objects(.disk).first).key
    try catalog.createVM(newVM("lost", disk: disk, ephemeral: true))
    try test.touch("vms/lost/overlay.qcow2")
    let account = try account()
    #expect(account.vm("lost")?.isGarbage == true)
    #expect(account.vm("vm-a")?.isGarbage == false)
    #expect(account.garbage == (try Files.allocated(below: test.path + "/vms/lost")))
  }
}

@Suite struct HoldingTests {
  @Test func `everything that is held names all its roots, what is not says when it goes`() throws {
    let test = try TestStore()
    let catalog = try test.open()
    let lease = try catalog.lease(for: "build")
    let image = try catalog.putImage("a", [diffID("base"), diffID("a")], in: test, lease)
    try catalog.putImage("old", [diffID("base"), diffID("old")], in: test, lease)
    let disk = try catalog.putDisk([diffID("base"), diffID("a")], in: test, lease)
    try catalog.tag("a", image)
    try catalog.putVM("otter", disk: disk, image: image)
    lease.release()
    test.advance(60)
    let inventory = try catalog.inventory()
    let base = try require(inventory.holding(of: .layer(diffID("base")), grace: 3600))
    #expect(base.path?.root == .tag("a"))
    #expect(base.path?.objects.map(\.kind) == [.image, .layer])
    #expect(base.roots == [.tag("a"), .vm("otter")])
    #expect(base.isNeeded)
    #expect(base.goesAt == nil)
    let old = try require(inventory.holding(of: .layer(diffID("old")), grace: 3600))
    #expect(old.path == nil)
    #expect(old.roots.isEmpty)
    #expect(old.goesAt == test.now - 60 + 3600)
    #expect(inventory.holding(of: .layer(diffID("none")), grace: 3600) == nil)
  }

  @Test func `an image whose name moved on says so, and stays as long as it is to be kept`() throws
  {
    let test = try TestStore()
    let catalog = try test.open()
    let lease = try catalog.lease(for: "build")
    for name in ["1", "2", "3"] {
      try catalog.tag("a", try catalog.putImage(name, [diffID(name)], in: test, lease))
    }
    lease.release()
    let inventory = try catalog.inventory()
    let second = ObjectKey.image(ImageID(Digest.of("config of 2")))
    #expect(inventory.holding(of: second, grace: 0)?.formerTags == ["a"])
    #expect(inventory.holding(of: second, grace: 0)?.path == nil)
    #expect(inventory.holding(of: second, grace: 0, keep: 2)?.path?.root == .earlier(tag: "a"))
    func images(_ keep: Int) -> Int {
      inventory.mark(grace: nil, keep: keep).candidates.count { $0.subject.kind == .image }
    }
    #expect([1, 2, 3, 9].map(images) == [2, 1, 0, 0])
    // Whoever takes a name away is done with what it had.
    try catalog.untag("a")
    let all = try catalog.inventory().mark(grace: nil, keep: 9).candidates
    #expect(all.count { $0.subject.kind == .image } == 3)
  }

  @Test func `things are found by tag, name, digits, blob and path`() throws {
    let test = try TestStore()
    let catalog = try test.open()
    let lease = try catalog.lease(for: "build")
    let layer = diffID("a")
    let image = try catalog.putImage("a", [layer], in: test, lease)
    let disk = try catalog.putDisk([layer], in: test, lease)
    try catalog.tag("python", image)
    try catalog.putVM("otter", disk: disk)
    func found(_ reference: String, _ kind: String? = nil) throws -> String {
      try catalog.lookUp(reference, kind: kind).description
    }
    #expect(try found("python") == "image \(image)")
    #expect(try found("otter") == "vm otter")
    #expect(try found(String(image.digest.hex.prefix(8))) == "image \(image)")
    #expect(try found(image.description, "config") == "config \(image)")
    #expect(try found(layer.digest.short) == "layer \(layer)")
    #expect(try found(disk.id, "disk") == disk.description)
    #expect(try found(blob(layer).short) == "layer \(layer)")
    #expect(try found("blobs/sha256/\(blob(layer).hex)") == "layer \(layer)")
    for wrong in ["nothing", "1234567", "ffffffffffff", "blobs/sha256/x", ""] {
      #expect(throws: CatalogError.self) { try found(wrong) }
    }
    #expect(throws: CatalogError.self) { try found("python", "no-kind") }
    #expect(throws: CatalogError.self) { try found("otter", "layer") }
  }
}
