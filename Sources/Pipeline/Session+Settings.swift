internal import Catalog
internal import Host
internal import Recipes
internal import Vocabulary

extension Session {
  /// Those of `config.toml`; none if there is no such file.
  func settings() throws -> Settings {
    let path = Settings.path(in: environment.configDirectory)
    guard Files.exists(path) else { return Settings() }
    let text = String(decoding: try Files.read(path, limit: 1 << 20), as: UTF8.self)
    return try Settings.parse(text: text, path: path)
  }

  /// Refuses what would write into a store whose file system is about full. What a collection
  /// could free is only worked out to say so, from what the catalog has of sizes.
  func requireFloor() throws {
    let floor = try settings().floor
    if floor == .zero { return }
    let free = try Files.freeSpace(layout.root)
    if free >= floor { return }
    var policy = EvictionPolicy(grace: Self.grace)
    policy.wanted = ByteCount(Int64.max)
    let plan = try catalog.inventory().plan(policy)
    throw PipelineError.belowFloor(
      floor: floor, free: free,
      collectable: plan.candidates.reduce(.zero) { $0 + $1.bytes }, path: layout.root)
  }
}
