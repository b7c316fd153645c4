import Catalog
import Glibc
import Host
import Testing
import Vocabulary

@Suite struct LeaseTests {
  @Test func `a lease lives until it is released, and takes its row and lock with it`() throws {
    let test = try TestStore()
    let catalog = try test.open()
    let lease = try catalog.lease(for: "build base")
    let seen = try catalog.leases()
    #expect(seen.map(\.purpose) == ["build base"])
    #expect(seen.map(\.alive) == [true])
    #expect(seen.map(\.pid) == [getpid()])
    #expect(try catalog.cleanDeadLeases() == 0)
    lease.release()
    lease.release()
    #expect(try catalog.leases().isEmpty)
    #expect(!test.exists("leases/\(lease.id)"))
  }

  @Test func `a lease that nobody holds any more is released`() throws {
    let test = try TestStore()
    let catalog = try test.open()
    do {
      let lease = try catalog.lease(for: "forgotten")
      #expect(lease.purpose == "forgotten")
    }
    #expect(try catalog.leases().isEmpty)
  }

  /// The lock of a process that died is dropped by the kernel; here the file is swapped for an
  /// unlocked one, which looks the same to everybody else.
  func kill(_ lease: Lease, in test: TestStore) throws {
    try Files.removeTree(test.path + "/leases/" + lease.id)
    try Files.write(test.path + "/leases/" + lease.id, [])
  }

  @Test func `a dead lease is cleaned by anyone, a live one by nobody`() throws {
    let test = try TestStore()
    let catalog = try test.open()
    let dead = try catalog.lease(for: "dead")
    let alive = try catalog.lease(for: "alive")
    try kill(dead, in: test)
    #expect(try catalog.leases().first { $0.id == dead.id }?.alive == false)
    #expect(try test.open().cleanDeadLeases() == 1)
    #expect(try catalog.leases().map(\.id) == [alive.id])
    #expect(!test.exists("leases/\(dead.id)"))
    alive.release()
  }

  @Test func `the lease of a killed process is dead at once`() throws {
    let test = try TestStore()
    let catalog = try test.open()
    let lease = try catalog.lease(for: "of a child")
    try kill(lease, in: test)
    // Another process holds the lock, as the owner of a lease does.
    let child = try RunningProcess.start(
      Command("/usr/bin/flock", ["-o", "-x", test.path + "/leases/" + lease.id, "sleep", "60"]),
      descriptors: [-1, -1, -1], session: true)
    while !FileLock.isHeld(test.path + "/leases/" + lease.id) { usleep(1000) }
    #expect(try catalog.cleanDeadLeases() == 0)
    #expect(try catalog.leases().map(\.alive) == [true])
    Glibc.kill(-child.pid, SIGKILL)
    _ = child.wait(milliseconds: 10_000)
    // Whoever forks in this process just now holds what `isHeld` opened, until its exec.
    var cleaned = try catalog.cleanDeadLeases()
    for _ in 0..<100 where cleaned == 0 {
      usleep(10_000)
      cleaned = try catalog.cleanDeadLeases()
    }
    #expect(cleaned == 1)
    #expect(try catalog.leases().isEmpty)
  }

  @Test func `a lock file without a row is removed, a held one is not a lease's`() throws {
    let test = try TestStore()
    let catalog = try test.open()
    let lease = try catalog.lease(for: "alive")
    try test.touch("leases/0123456789abcdef0123456789abcdef")
    try catalog.cleanDeadLeases()
    #expect(!test.exists("leases/0123456789abcdef0123456789abcdef"))
    #expect(test.exists("leases/\(lease.id)"))
    lease.release()
  }

  @Test func `using a lease that was released is an error that says so`() throws {
    let test = try TestStore()
    let catalog = try test.open()
    let lease = try catalog.lease(for: "first")
    try catalog.putLayer(diffID("a"), in: test, lease)
    lease.release()
    #expect {
      try catalog.find(.layer(diffID("a")), lease)
    } throws: { error in
      guard case CatalogError.leaseEnded(purpose: "first") = error else { return false }
      return true
    }
  }

  @Test func `a running VM whose supervisor died has crashed`() throws {
    let test = try TestStore()
    let catalog = try test.open()
    let lease = try catalog.lease(for: "build")
    let disk = try catalog.putDisk([diffID("a")], in: test, lease)
    let supervisor = try catalog.lease(for: "run")
    try catalog.putVM("otter", disk: disk, supervisor: supervisor)
    try catalog.setState("otter", .running)
    #expect(try catalog.vm(named: "otter").supervised)
    try kill(supervisor, in: test)
    try catalog.cleanDeadLeases()
    let vm = try catalog.vm(named: "otter")
    #expect(vm.state == .crashed)
    #expect(vm.supervisor == nil)
    lease.release()
  }

  @Test func `many threads take and release leases at once`() async throws {
    let test = try TestStore()
    try await withThrowingTaskGroup { group in
      for worker in 0..<4 {
        group.addTask {
          let catalog = try test.open()
          for round in 0..<20 {
            let lease = try catalog.lease(for: "worker \(worker)")
            try catalog.putLayer(diffID("\(worker) \(round)"), in: test, lease)
            try catalog.cleanDeadLeases()
            #expect(try catalog.find(.layer(diffID("\(worker) \(round)")), lease) != nil)
            lease.release()
          }
        }
      }
      try await group.waitForAll()
    }
    let catalog = try test.open()
    #expect(try catalog.layers().count == 80)
    #expect(try catalog.leases().isEmpty)
  }
}
