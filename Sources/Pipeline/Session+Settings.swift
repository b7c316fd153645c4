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

  /// Refuses what would write into a store whose file system is about full.
  func requireFloor() throws {
    let floor = try settings().floor
    if floor == .zero { return }
    let free = try Files.freeSpace(layout.root)
    if free >= floor { return }
    throw PipelineError.belowFloor(
      floor: floor, free: free, collectable: try collectable(), path: layout.root)
  }

  /// What a collection could free, for who has no room: from what the catalog has of sizes.
  func collectable() throws -> ByteCount {
    var policy = EvictionPolicy(grace: Self.grace)
    policy.wanted = ByteCount(Int64.max)
    return try catalog.inventory().plan(policy).candidates.reduce(.zero) { $0 + $1.bytes }
  }
}
