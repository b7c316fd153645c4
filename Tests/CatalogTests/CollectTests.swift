import Catalog
import Host
import Synchronization
import Testing
import Vocabulary

@Suite struct CollectTests {
  let test: TestStore
  let catalog: Catalog

  init() throws {
    test = try TestStore()
    catalog = try test.open()
  }

  /// A tagged image of two layers with its disk, and an untagged one that shares the first.
  func fill() throws {
    let lease = try catalog.lease(for: "build")
    let python = try catalog.putImage("python", [diffID("base"), diffID("py")], in: test, lease)
    try catalog.putImage("old", [diffID("base"), diffID("old")], in: test, lease)
    _ = try catalog.putDisk([diffID("base"), diffID("py")], in: test, lease)
    _ = try catalog.putDisk([diffID("base"), diffID("old")], in: test, lease)
    try catalog.tag("python", python)
    lease.release()
  }

  func sweep(grace: Int64? = nil) throws -> Collection {
    let collection = try catalog.collect(try catalog.markSnapshot(grace: grace).candidates)
    try catalog.empty(collection.batches)
    return collection
  }

  @Test func `what no root needs goes, the rest stays`() throws {
    try fill()
    let before = try test.files()
    let mark = try catalog.markSnapshot(grace: nil)
    #expect(
      Set(mark.candidates.map(\.subject.description.prefixWord))
        == ["image", "manifest", "config", "layer", "disk"])
    let collection = try sweep()
    #expect(collection.deleted.count == 5)
    #expect(collection.spared.isEmpty)
    #expect(try test.files().count == before.count - 4)
    #expect(try catalog.images().map(\.tags) == [["python"]])
    #expect(try catalog.object(.layer(diffID("old"))) == nil)
    #expect(try catalog.object(.layer(diffID("base"))) != nil)
    // Its disk stays with a tagged image.
    #expect(try catalog.objects(.disk).count == 1)
    #expect(try sweep().deleted.isEmpty)
    #expect(try catalog.events().filter { $0.action == "delete" }.count == 5)
  }

  @Test func `a dry run says what the real run does`() throws {
    try fill()
    let said = try catalog.markSnapshot(grace: nil).candidates
    #expect(try sweep().deleted == said)
  }

  @Test func `within the grace hour nothing unreferenced goes, afterwards it does`() throws {
    try fill()
    #expect(try sweep(grace: 3600).deleted.isEmpty)
    test.advance(3601)
    #expect(try sweep(grace: 3600).deleted.count == 5)
  }

  @Test func `everything goes, holders first, when the last tag does`() throws {
    try fill()
    try catalog.untag("python")
    let deleted = try sweep().deleted.map(\.subject)
    #expect(try test.files().isEmpty)
    #expect(deleted.count == 11)
    let kinds = deleted.map(\.description.prefixWord)
    #expect(try require(kinds.lastIndex(of: "image")) < require(kinds.firstIndex(of: "layer")))
  }

  @Test func `why names the root and the way from it`() throws {
    try fill()
    let mark = try catalog.markSnapshot(grace: nil)
    let why = try require(mark.why(.layer(diffID("base"))))
    #expect(why.root == .tag("python"))
    #expect(why.path.map(\.kind) == [.image, .layer])
    #expect(mark.why(.layer(diffID("old"))) == nil)
    #expect(
      mark.staying.first { $0.key.kind == .disk }?.reason.description.hasPrefix("wanted") == true)
  }

  enum Saviour: CaseIterable { case lease, vm, tag, pin, image, softEdge, use }

  @Test(arguments: Saviour.allCases)
  func `what is referenced between mark and collect stays`(_ saviour: Saviour) throws {
    let build = try catalog.lease(for: "build")
    let layers = [diffID("a")]
    let image = try catalog.putImage("i", layers, in: test, build)
    let disk = try catalog.putDisk(layers, in: test, build)
    try catalog.put(.boot("holder"), in: test, build)
    try catalog.pin(.boot("holder"), reason: "test")
    build.release()
    test.advance(7200)
    let mark = try catalog.markSnapshot(grace: nil)
    #expect(mark.candidates.count == 5)

    var lease: Lease?
    switch saviour {
    case .lease:
      lease = try catalog.lease(for: "run")
      #expect(try catalog.find(.image(image), try require(lease)) != nil)
    case .vm: try catalog.putVM("otter", disk: disk, image: image)
    case .tag: try catalog.tag("i", image)
    case .pin: try catalog.pin(.image(image), reason: "mine")
    case .image:
      lease = try catalog.lease(for: "build again")
      try catalog.recordImage(
        image, manifest: Digest.of("manifest of i"), layers: layers, blobs: layers.map(blob),
        architecture: .amd64, impure: false, try require(lease))
    case .softEdge:
      try catalog.want([SoftEdge("image", holder: .boot("holder"), wanted: .image(image))])
    case .use:
      let short = try catalog.lease(for: "glance")
      _ = try catalog.find(.image(image), short)
      short.release()
    }
    let collection = try catalog.collect(mark.candidates)
    try catalog.empty(collection.batches)
    // The image was saved, and with it all that it needs.
    let gone = collection.deleted.map(\.subject)
    #expect(gone.isEmpty || gone == [.object(disk)])
    #expect(try catalog.image(image).layers == layers)
    #expect(test.exists("blobs/sha256/" + blob(layers[0]).hex))
    lease?.release()
  }

  @Test func `a collection in many transactions does the same`() throws {
    try fill()
    try catalog.untag("python")
    var limits = CollectionLimits()
    limits.candidates = 2
    let collection = try catalog.collect(
      try catalog.markSnapshot(grace: nil).candidates, limits: limits)
    #expect(collection.deleted.count == 11)
    // Two objects a transaction; what has no files leaves nothing to remove.
    #expect(collection.batches.count > 3)
    try catalog.empty(collection.batches)
    #expect(try test.files().isEmpty)
  }

  struct Crash: Error {}

  /// The process dies at the n-th move of a file; what it moved before stays where it was moved.
  @Test(arguments: 0..<9)
  func `dying at any move loses nothing and leaves nothing`(_ dying: Int) throws {
    try fill()
    try catalog.untag("python")
    let before = try test.files()
    let moves = Mutex(0)
    let mover = TrashMover { path, store, batch in
      let count = moves.withLock { count in
        defer { count += 1 }
        return count
      }
      if count == dying { throw Crash() }
      try TrashMover.host.move(path, store, batch)
    }
    var limits = CollectionLimits()
    limits.candidates = 3
    #expect(throws: Crash.self) {
      try catalog.collect(
        try catalog.markSnapshot(grace: nil).candidates, limits: limits, trash: mover)
    }
    // What the next command finds: every row has its files.
    let next = try test.open()
    let left = try test.files().filter { !$0.hasPrefix("trash/") }
    #expect(Set(left).isSubset(of: before))
    for kind in ObjectKind.allCases {
      for object in try next.objects(kind) {
        #expect(object.files.allSatisfy { test.exists($0) })
      }
    }
    #expect(try next.unknownFiles(left).isEmpty)
    try next.empty(try next.recoverTrash())
    #expect(try next.collect(next.markSnapshot(grace: nil).candidates).spared.isEmpty)
    try next.empty(try next.recoverTrash())
    #expect(try test.files().isEmpty)
  }

  @Test func `what a process that died before its commit moved away is put back at opening`() throws
  {
    try fill()
    let path = "blobs/sha256/" + blob(diffID("py")).hex
    let trash = test.path + "/trash/0123456789abcdef"
    try Files.makeDirectories(trash)
    try Files.rename(
      test.path + "/" + path, to: trash + "/" + path.replacing("/", with: "%2F"),
      replacing: false)
    _ = try test.open()
    #expect(test.exists(path))
    #expect(!test.exists("trash/0123456789abcdef"))
  }

  @Test func `what a process that died after its commit moved away is only removed`() throws {
    try fill()
    let collection = try catalog.collect(try catalog.markSnapshot(grace: nil).candidates)
    let next = try test.open()
    #expect(try next.object(.layer(diffID("old"))) == nil)
    #expect(!test.exists("blobs/sha256/" + blob(diffID("old")).hex))
    // Their names say nothing of their order.
    #expect(try next.recoverTrash().map(\.id).sorted() == collection.batches.map(\.id).sorted())
    try next.empty(try next.recoverTrash())
    #expect(try test.files().allSatisfy { !$0.hasPrefix("trash/") })
  }

  @Test func `what a writer that died left behind goes without a grace hour`() throws {
    let lease = try catalog.lease(for: "build")
    #expect(try catalog.beginWriting(.boot("x"), files: ["boot/x"], lease) == .write)
    // It died between rename and commit.
    try test.touch("boot/x")
    #expect(try sweep(grace: 3600).deleted.isEmpty)
    lease.release()
    let collection = try sweep(grace: 3600)
    #expect(collection.deleted.map(\.reason) == [.leftover])
    #expect(try test.files().isEmpty)
  }

  @Test func `an abandoned throwaway VM goes, one with unsynced work never`() throws {
    let lease = try catalog.lease(for: "build")
    let disk = try catalog.putDisk([diffID("a")], in: test, lease)
    let run = try catalog.lease(for: "run")
    for name in ["lost", "work", "live", "kept"] {
      try catalog.putVM(
        name, disk: disk, ephemeral: name != "kept", supervisor: name == "live" ? run : nil)
      try test.touch("vms/\(name)/overlay.qcow2")
    }
    try catalog.setState("work", .finished, unsynced: true)
    lease.release()
    let collection = try sweep()
    #expect(collection.deleted.map(\.subject) == [.vm("lost")])
    #expect(try catalog.vms().map(\.name) == ["kept", "live", "work"])
    #expect(!test.exists("vms/lost"))
    #expect(test.exists("vms/work/overlay.qcow2"))
    run.release()
  }

  @Test func `a superseded encoding goes when no manifest names it`() throws {
    let lease = try catalog.lease(for: "build")
    let layer = diffID("a")
    let image = try catalog.putImage("i", [layer], in: test, lease)
    try catalog.tag("i", image)
    let newer = Encoding(
      blob: Digest.of("newer"), codec: "zstd:1.5.7:l3:f4M", size: ByteCount(290),
      path: "blobs/sha256/" + Digest.of("newer").hex)
    let older = try catalog.newestEncoding(of: layer)
    try catalog.addEncoding(newer, to: layer) { try test.touch(newer.path) }
    #expect(try catalog.newestEncoding(of: layer) == newer)
    #expect(try catalog.encodings(of: layer) == [newer, older])
    #expect(throws: CatalogError.self) { try catalog.newestEncoding(of: diffID("none")) }
    #expect(try sweep().deleted.isEmpty)
    let manifest = Digest.of("second manifest")
    try catalog.put(.manifest(manifest), in: test, lease)
    try catalog.recordImage(
      image, manifest: manifest, layers: [layer], blobs: [newer.blob], architecture: .amd64,
      impure: false, lease)
    lease.release()
    let deleted = try sweep().deleted
    #expect(deleted.map(\.reason) == [.unreferenced, .superseded])
    #expect(try catalog.encodings(of: layer) == [newer])
    #expect(!test.exists("blobs/sha256/" + blob(layer).hex))
    #expect(test.exists(newer.path))
  }

  @Test func `the newest boot bundle stays while there is an image`() throws {
    try fill()
    let lease = try catalog.lease(for: "boot")
    try catalog.put(.boot("old"), file: "boot/old", in: test, lease)
    test.advance(10)
    try catalog.put(.boot("new"), file: "boot/new", in: test, lease)
    lease.release()
    _ = try sweep()
    #expect(try catalog.objects(.boot).map(\.key) == [.boot("new")])
  }

  @Test func `an unknown file is only taken if it is still unknown under the lock`() throws {
    try test.touch("disks/a.raw")
    try test.touch("disks/b.raw")
    try test.touch("vms/ghost/overlay.qcow2")
    let candidates = try catalog.unknownFiles(["disks/a.raw", "disks/b.raw", "vms/ghost"])
    #expect(candidates.count == 3)
    let lease = try catalog.lease(for: "build")
    try catalog.put(ObjectKey(.disk, "b"), file: "disks/b.raw", in: test, lease)
    let collection = try catalog.collect(candidates)
    #expect(collection.deleted.map(\.subject.description) == ["disks/a.raw", "vms/ghost"])
    #expect(test.exists("disks/b.raw"))
    lease.release()
  }

  @Test func `builders and collectors at once never break a published image`() async throws {
    try await withThrowingTaskGroup { group in
      for worker in 0..<3 {
        group.addTask {
          let catalog = try test.open()
          for round in 0..<15 {
            let lease = try catalog.lease(for: "build \(worker)")
            let layers = [diffID("\(worker)"), diffID("\(worker) \(round)")]
            let image = try catalog.putImage("\(worker) \(round)", layers, in: test, lease)
            try catalog.tag("w\(worker)", image)
            lease.release()
          }
        }
      }
      for _ in 0..<2 {
        group.addTask {
          let catalog = try test.open()
          for _ in 0..<20 {
            _ = try catalog.collect(try catalog.markSnapshot(grace: nil).candidates)
            try catalog.empty(try catalog.recoverTrash())
          }
        }
      }
      try await group.waitForAll()
    }
    let tags = try catalog.tags()
    #expect(tags.map(\.name) == ["w0", "w1", "w2"])
    for tag in tags {
      for layer in try catalog.image(tag.image).layers {
        #expect(try require(try catalog.object(.layer(layer))).files.allSatisfy { test.exists($0) })
      }
    }
  }
}

extension String {
  fileprivate var prefixWord: String { String(prefix { $0 != " " }) }
}
