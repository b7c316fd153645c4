internal import Host
internal import Recipes

extension Session {
  /// Those of `config.toml`; none if there is no such file.
  func settings() throws -> Settings {
    let path = Settings.path(in: environment.configDirectory)
    guard Files.exists(path) else { return Settings() }
    let text = String(decoding: try Files.read(path, limit: 1 << 20), as: UTF8.self)
    return try Settings.parse(text: text, path: path)
  }
}
