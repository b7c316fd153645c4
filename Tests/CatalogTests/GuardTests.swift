import Catalog
import GRDB
import Testing
import Vocabulary

/// The schema guards the data: SQLite itself refuses to delete what something needs.
@Suite struct GuardTests {
  enum Need: String, CaseIterable {
    case layerOfImage = "edge"
    case parentDisk = "edge of a disk"
    case blobOfManifest = "manifest_blob"
    case tag, pin, lease, checkpoint
    case diskOfVM, imageOfVM, bootOfVM, warmOfVM
  }

  @Test(arguments: Need.allCases)
  func `deleting a needed row fails in SQLite itself`(_ need: Need) throws {
    let test = try TestStore()
    let catalog = try test.open()
    let lease = try catalog.lease(for: "test")
    let raw = try DatabaseQueue(path: test.path + "/catalog.sqlite")
    let layers = [diffID("a"), diffID("b")]
    let key: ObjectKey
    switch need {
    case .layerOfImage:
      try catalog.putLayer(layers[0], in: test, lease)
      try catalog.put(.boot("x"), edges: [Edge("any", .layer(layers[0]))], in: test, lease)
      key = .layer(layers[0])
    case .parentDisk:
      key = try catalog.putDisk([layers[0]], in: test, lease)
      try catalog.put(
        ObjectKey(.disk, "child"), edges: [Edge("parent", key)], in: test, lease)
    case .blobOfManifest:
      let image = try catalog.putImage("i", [layers[0]], in: test, lease)
      // Only the manifest's hold on the blob is left.
      try raw.write { try $0.execute(sql: "DELETE FROM edge") }
      key = .layer(try catalog.encodings(of: layers[0]).isEmpty ? layers[1] : layers[0])
      #expect(try catalog.object(.image(image)) != nil)
    case .tag:
      let image = try catalog.putImage("i", layers, in: test, lease)
      try catalog.tag("python", image)
      key = .image(image)
    case .pin:
      key = .boot("x")
      try catalog.put(key, in: test, lease)
      try catalog.pin(key, reason: "mine")
    case .lease:
      key = .boot("x")
      try catalog.put(key, in: test, lease)
    case .checkpoint:
      key = ObjectKey(.checkpoint, "c")
      try catalog.put(key, in: test, lease)
      try raw.write {
        try $0.execute(
          sql: """
            INSERT INTO checkpoint SELECT id, 'vm', 'c', 0 FROM object WHERE kind = 'checkpoint'
            """)
      }
    case .diskOfVM:
      key = try catalog.putDisk(layers, in: test, lease)
      try catalog.putVM("otter", disk: key)
    case .imageOfVM:
      let image = try catalog.putImage("i", layers, in: test, lease)
      key = .image(image)
      try catalog.putVM(
        "otter", disk: try catalog.putDisk(layers, in: test, lease), image: image)
    case .bootOfVM, .warmOfVM:
      var vm = newVM("otter", disk: try catalog.putDisk(layers, in: test, lease))
      key = ObjectKey(need == .bootOfVM ? .boot : .warm, "x")
      try catalog.put(key, in: test, lease)
      if need == .bootOfVM { vm.boot = key } else { vm.warm = key }
      try catalog.createVM(vm)
    }
    if need != .lease { lease.release() }
    func delete() throws {
      try raw.write {
        try $0.execute(
          sql: "DELETE FROM object WHERE kind = ? AND key = ?",
          arguments: [key.kind.rawValue, key.id])
        #expect($0.changesCount == 1)
      }
    }
    #expect(throws: DatabaseError.self) { try delete() }
    #expect(try catalog.object(key) != nil)
    // Without that one need it can go.
    try raw.write { database in
      for table in ["edge", "manifest_blob", "tag", "pin", "checkpoint", "vm", "lease_ref"] {
        try database.execute(sql: "DELETE FROM \(table)")
      }
    }
    try delete()
    #expect(try catalog.object(key) == nil)
  }

  @Test(arguments: ["../secret", "/etc/passwd", "a/../b", "a//../b/", "", "a b", "./a", "a\0b"])
  func `a path that leaves the store is refused`(_ path: String) throws {
    let test = try TestStore()
    let catalog = try test.open()
    let lease = try catalog.lease(for: "test")
    #expect(throws: CatalogError.self) {
      try catalog.beginWriting(.boot("x"), files: [path], lease)
    }
    #expect(try catalog.object(.boot("x")) == nil)
    lease.release()
  }
}
