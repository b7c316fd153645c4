internal import Building
internal import Catalog
internal import Disks
internal import Host
internal import Planning
internal import Recipes
internal import Vocabulary

/// An image with everything that a VM of it needs: its disk and a boot bundle, all kept by the
/// lease that was given.
struct ReadyImage {
  var image: ImageRecord
  var configuration: ImageConfiguration
  var disk: StoredDisk
  var boot: BootFiles
  /// What its VMs have besides.
  var tools: [ReadyTool]
  /// The tool that was asked for in place of an image.
  var agent: ReadyTool?

  /// What is in effect in its VMs.
  var effective: ImageConfiguration { configuration.with(tools.map(\.configuration)) }
}

/// Settings of a VM with nothing left open.
struct MachineSize: Hashable {
  var cpus: Int
  var memory: ByteCount
  var disk: ByteCount
}

extension Session {
  /// Finds an image, builds it if it is a recipe that was not built yet, and makes its disk; its
  /// tools likewise. A tool alone is a tool on the project's image, or on the base.
  ///
  /// - Parameter project: the directory of the project; the current one if `nil`.
  func readyImage(
    _ reference: String, with tools: [String], project: String? = nil, mayBuild: Bool,
    _ lease: Lease, _ timings: inout Timings
  ) throws -> ReadyImage {
    var tools = tools
    var agent: String?
    var image = try findImage(reference, mayBuild: mayBuild, lease, &timings)
    var configuration = try configuration(of: image.id)
    if let tool = configuration.tool {
      agent = tool.name
      tools.insert(reference, at: 0)
      image = try findImage(
        imageForTool(in: project), mayBuild: mayBuild, lease, &timings)
      configuration = try self.configuration(of: image.id)
    }
    let disk = try makeDisk(
      image.layers, for: image.tags.first ?? reference, lease, &timings)
    let boot = try makeBoot(of: image, lease, &timings)
    let ready = try readyTools(
      of: image, configuration, tools, mayBuild: mayBuild, lease, &timings)
    return ReadyImage(
      image: image, configuration: configuration, disk: disk, boot: boot, tools: ready,
      agent: ready.first { $0.name == agent })
  }

  func findImage(
    _ reference: String, mayBuild: Bool, _ lease: Lease, _ timings: inout Timings
  ) throws -> ImageRecord {
    do {
      return try catalog.resolve(reference, lease)
    } catch {
      guard case .unknownImage = error else { throw error }
    }
    guard (try? recipes.find(reference)) != nil else { throw PipelineError.noSuchImage(reference) }
    guard mayBuild else { throw PipelineError.notBuilt(reference) }
    let outcome = try build(BuildRequest(recipe: reference))
    timings.add("build", outcome.timings.phases.reduce(0) { $0 + $1.milliseconds })
    return try catalog.resolve(outcome.name, lease)
  }

  /// What was asked for, else what the recipe says, else enough for a shell.
  func machineSize(of ready: ReadyImage, _ wishes: MachineWishes) -> MachineSize {
    let settings = ready.configuration.machine
    let tools = ready.tools.map(\.configuration.machine)
    return MachineSize(
      cpus: wishes.cpus ?? max(settings.cpus ?? 2, tools.compactMap(\.cpus).max() ?? 1),
      memory: wishes.memory
        ?? max(settings.memory ?? .gibibytes(1), tools.compactMap(\.memory).max() ?? .zero),
      disk: max(wishes.disk ?? settings.disk ?? ready.disk.size, ready.disk.size))
  }
}
