import Catalog
import Testing
import Vocabulary

@Suite struct VMTests {
  let test: TestStore
  let catalog: Catalog
  let lease: Lease

  init() throws {
    test = try TestStore()
    catalog = try test.open()
    lease = try catalog.lease(for: "build")
  }

  @Test func `a VM is what it was made from`() throws {
    let image = try catalog.putImage("python", [diffID("a")], in: test, lease)
    let disk = try catalog.putDisk([diffID("a")], in: test, lease)
    try catalog.putVM("python-brave-otter", disk: disk, image: image)
    let vm = try catalog.vm(named: "python-brave-otter")
    #expect(vm.image == image)
    #expect(vm.disk == disk)
    #expect(vm.diskFiles.count == 1)
    #expect(vm.seed == Digest.of("python-brave-otter").bytes)
    #expect(vm.state == .created)
    #expect(try catalog.vms() == [vm])
  }

  @Test func `a thousand clones are a few transactions, and all there`() throws {
    let disk = try catalog.putDisk([diffID("a")], in: test, lease)
    try catalog.createVMs((0..<1000).map { newVM("vm-\($0)", disk: disk) })
    #expect(try catalog.vms().count == 1000)
  }

  @Test func `a name is taken once, and a group of clones fails as a whole`() throws {
    let disk = try catalog.putDisk([diffID("a")], in: test, lease)
    try catalog.putVM("b", disk: disk)
    #expect {
      try catalog.createVMs(["a", "b", "c"].map { newVM($0, disk: disk) })
    } throws: { error in
      guard case CatalogError.nameTaken("b") = error else { return false }
      return true
    }
    #expect(try catalog.vms().map(\.name) == ["b"])
    for name in ["", "-a", "A", "a_b", "a.b", "../a", String(repeating: "a", count: 64)] {
      #expect(throws: CatalogError.self) { try catalog.putVM(name, disk: disk) }
    }
  }

  @Test func `a tool stays while a VM has it, and goes with the last`() throws {
    let image = try catalog.putImage("base", [diffID("a")], in: test, lease)
    let tool = try catalog.putImage("claude", [diffID("a"), diffID("b")], in: test, lease)
    let disk = try catalog.putDisk([diffID("a")], in: test, lease)
    let toolDisk = try catalog.putDisk([diffID("b")], in: test, lease)
    var vm = newVM("otter", disk: disk)
    vm.image = image
    vm.tools = [NewTool(name: "claude", image: tool, disk: toolDisk)]
    try catalog.createVM(vm)
    let record = try catalog.vm(named: "otter")
    #expect(record.tools.map(\.name) == ["claude"])
    #expect(record.tools.map(\.image) == [tool] && record.tools.map(\.disk) == [toolDisk])
    #expect(record.tools[0].diskFiles.count == 1)

    lease.release()
    test.advance(86_400)
    let spared = try catalog.markSnapshot(grace: nil).candidates.map(\.subject.description)
    #expect(!spared.contains { $0.contains("\(tool)") || $0.contains("\(toolDisk.id)") })
    // SQLite itself defends it.
    _ = try catalog.collect(
      try catalog.markSnapshot(grace: nil).candidates)
    #expect(try catalog.vm(named: "otter").tools == record.tools)

    try catalog.empty([try catalog.deleteVM("otter", reason: "asked for")])
    let freed = try catalog.markSnapshot(grace: nil).candidates.map(\.subject.description)
    #expect(freed.contains("image \(tool)"))
    #expect(freed.contains("\(toolDisk)"))
  }

  @Test func `the newest word about an image's tools counts`() throws {
    let image = try catalog.putImage("base", [diffID("a")], in: test, lease)
    let old = try catalog.putImage("old claude", [diffID("a"), diffID("b")], in: test, lease)
    let new = try catalog.putImage("claude", [diffID("a"), diffID("c")], in: test, lease)
    try catalog.setTools(["claude": old, "codex": old], of: image, lease)
    try catalog.setTools(["claude": new], of: image, lease)
    #expect(try catalog.tools(of: image) == ["claude": new])
    #expect(try catalog.tools(of: new).isEmpty)
  }

  @Test func `only one live process supervises a VM, and nobody else deletes it`() throws {
    let disk = try catalog.putDisk([diffID("a")], in: test, lease)
    try catalog.putVM("otter", disk: disk)
    let first = try catalog.lease(for: "start otter")
    let second = try catalog.lease(for: "start otter too")
    try catalog.supervise("otter", first)
    try catalog.setState("otter", .running)
    #expect(throws: CatalogError.self) { try catalog.supervise("otter", second) }
    #expect(throws: CatalogError.self) { try catalog.deleteVM("otter", reason: "asked for") }
    try catalog.setState("otter", .stopped, unsynced: true)
    #expect(try catalog.vm(named: "otter").supervisor == nil)
    #expect(try catalog.vm(named: "otter").unsynced)
    try catalog.supervise("otter", second)
  }

  @Test func `a deleted VM is gone with its folder`() throws {
    let disk = try catalog.putDisk([diffID("a")], in: test, lease)
    try catalog.putVM("otter", disk: disk)
    try test.touch("vms/otter/overlay.qcow2")
    let batch = try catalog.deleteVM("otter", reason: "asked for")
    #expect(!test.exists("vms/otter"))
    #expect(test.exists("trash/\(batch.id)/vms%2Fotter/overlay.qcow2"))
    try catalog.empty([batch])
    #expect(try test.files().allSatisfy { !$0.contains("otter") && !$0.contains("trash") })
    #expect(throws: CatalogError.self) { try catalog.deleteVM("otter", reason: "again") }
    #expect(try catalog.events(limit: 1).map(\.subject) == ["vm otter"])
  }
}
