package import Catalog
internal import Host
package import Recipes
package import Vocabulary

/// What a new VM should be like; `nil` means as the image's recipe has it.
package struct MachineWishes: Sendable, Hashable {
  package var cpus: Int?
  package var memory: ByteCount?
  package var disk: ByteCount?
  package var network: NetworkSettings.Mode?
  /// What it may reach besides.
  package var allow: [String]
  /// Names of tools that it has besides.
  package var tools: [String]
  /// Names of those tools whose log-ins it shares.
  package var credentials: [String]

  package init(
    cpus: Int? = nil, memory: ByteCount? = nil, disk: ByteCount? = nil,
    network: NetworkSettings.Mode? = nil, allow: [String] = [], tools: [String] = [],
    credentials: [String] = []
  ) {
    self.cpus = cpus
    self.memory = memory
    self.disk = disk
    self.network = network
    self.allow = allow
    self.tools = tools
    self.credentials = credentials
  }
}

package struct CloneRequest: Sendable {
  package var image: String
  package var name: String?
  package var count: Int
  package var machine: MachineWishes
  package var mayBuild: Bool

  package init(
    image: String, name: String? = nil, count: Int = 1, machine: MachineWishes = MachineWishes(),
    mayBuild: Bool = true
  ) {
    self.image = image
    self.name = name
    self.count = count
    self.machine = machine
    self.mayBuild = mayBuild
  }
}

extension Session {
  /// Makes VMs of an image. Each is a committed row and a small overlay on the image's disk;
  /// nothing of this depends on the size of the image or of the store.
  package func clone(_ request: CloneRequest) throws -> [VMRecord] {
    if let name = request.name, !VMNames.isValid(name) { throw PipelineError.badVMName(name) }
    try requireFloor()
    let lease = try catalog.lease(for: "clone \(request.image)")
    defer { lease.release() }
    var timings = Timings()
    let ready = try readyImage(
      request.image, with: request.machine.tools, mayBuild: request.mayBuild, lease, &timings)
    try requireAgents(request.machine.credentials, ready.tools)
    let vms = try createVMs(request, ready)
    // The rows are the clones. The files come from them and are made again where one is missing.
    for vm in vms {
      try writeOverlay(
        name: vm.name, size: vm.diskSize, disk: "disks/\(Files.name(of: ready.disk.path))")
    }
    return try vms.map { try catalog.vm(named: $0.name) }
  }

  private func createVMs(_ request: CloneRequest, _ ready: ReadyImage) throws -> [NewVM] {
    let isUnnamed = request.name == nil
    // A name that is free is found at once; all names are only asked for where it was not.
    var taken = Set(try isUnnamed && request.count > 1 ? catalog.vms().map(\.name) : [])
    while true {
      let vms = newVMs(request, ready, besides: taken)
      do {
        try catalog.createVMs(vms)
        return vms
      } catch {
        guard case .nameTaken(let name) = error else { throw error }
        guard isUnnamed && request.count == 1 else { throw PipelineError.vmExists(name) }
        taken = Set(try catalog.vms().map(\.name))
      }
    }
  }

  private func newVMs(
    _ request: CloneRequest, _ ready: ReadyImage, besides taken: Set<String>
  ) -> [NewVM] {
    let machine = machineSize(of: ready, request.machine)
    let detail = JSON.object(details(of: request.machine)).description
    var names = taken
    return (0..<request.count).map { index in
      let name: String
      if let wanted = request.name {
        name = request.count == 1 ? wanted : "\(wanted)-\(index + 1)"
      } else {
        name = freshName(image: request.image, taken: &names)
      }
      var vm = NewVM(
        name: name, image: ready.image.id, disk: ready.disk.key, boot: ready.boot.key,
        diskSize: machine.disk, seed: Randomness.bytes(32), ephemeral: false, cpus: machine.cpus,
        memory: machine.memory)
      vm.detail = detail
      vm.tools = ready.tools.map(\.asNew)
      return vm
    }
  }

  /// Two words; with thousands of VMs of one image also a number.
  func freshName(image: String, taken: inout Set<String>) -> String {
    let stem = RecipeFinder.stem(of: image)
    for _ in 0..<8 {
      let name = VMNames.random(image: stem)
      if taken.insert(name).inserted { return name }
    }
    while true {
      let number = Randomness.bytes(3).reduce(0) { $0 << 8 | Int($1) } % 1_000_000
      let name = "\(VMNames.random(image: stem))-\(number)"
      if taken.insert(name).inserted { return name }
    }
  }
}
