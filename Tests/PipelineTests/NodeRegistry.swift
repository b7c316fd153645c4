import Host
import TestSupport
import Vocabulary

/// A registry of JavaScript packages on this machine, made by a test: a document for each package
/// and its tarballs beside it.
struct NodeRegistry {
  let place: Place
  let server: LoopbackServer

  init(_ place: Place) throws {
    self.place = place
    try Store.node.get()
    try Files.makeDirectories(place.directory + "/served")
    server = try LoopbackServer(serving: place.directory + "/served")
  }

  /// The program, for which npm of this machine is configured with the registry.
  var program: Program { program(with: "registry=\(server.url(""))\nfetch-retries=0\n") }

  func program(with npmrc: String) -> Program {
    var program = place.program
    let path = place.directory + "/npmrc"
    try? Files.write(path, Array(npmrc.utf8), durable: false)
    program.environment["NPM_CONFIG_USERCONFIG"] = path
    program.environment["NPM_CONFIG_GLOBALCONFIG"] = "/dev/null"
    return program
  }

  func build(_ recipe: String, _ options: String...) throws -> Outcome {
    try program.run(["build", recipe, "--format", "json"] + options)
  }

  /// A package with one program of its name, which prints name, version and the versions of what
  /// it needs.
  ///
  /// - Parameters:
  ///   - fields: more of its `package.json`, each with a comma in front.
  ///   - habit: of the server's, for the tarball.
  ///   - integrity: what the registry says of the tarball, if that is not true.
  func add(
    _ name: String, _ version: String, needs: [String: String] = [:], fields: String = "",
    files: [String: String] = [:], habit: String = "", integrity: Integrity? = nil
  ) throws {
    let short = Files.name(of: name)
    let needed = JSON.object(needs.mapValues(JSON.string)).description
    let manifest =
      "\"name\": \"\(name)\", \"version\": \"\(version)\", "
      + "\"bin\": {\"\(short)\": \"cli.js\"}, \"dependencies\": \(needed)\(fields)"
    let tree = "packages/\(short)-\(version)"
    let program = """
      #!/usr/bin/env node
      const needs = \(JSON.array(needs.keys.sorted().map(JSON.string)))
      const said = needs.map(name => name + ' ' + require(name + '/package.json').version)
      console.log(['\(name) \(version)'].concat(said).join(', '))

      """
    try place.write("\(tree)/package/package.json", "{\(manifest)}\n")
    try place.write("\(tree)/package/cli.js", program)
    for (path, text) in files { try place.write("\(tree)/package/\(path)", text) }
    let file = tarball(name, version)
    try Files.makeDirectories("\(place.directory)/served/\(name)/-")
    try place.judge("tar", "-C", tree, "-czf", "served/" + file, "package")
    var stream = IntegrityStream()
    stream.update(try Files.read("\(place.directory)/served/\(file)", limit: 1 << 20))
    let digest = integrity ?? stream.finish()
    let address = server.url(habit.isEmpty ? file : "\(habit)/\(file)")
    try place.write(
      "served/\(name)/versions/\(version)",
      "{\(manifest), \"dist\": {\"integrity\": \"\(digest)\", \"tarball\": \"\(address)\"}}")
    try list(name)
  }

  func tarball(_ name: String, _ version: String) -> String {
    "\(name)/-/\(Files.name(of: name))-\(version).tgz"
  }

  func digest(_ name: String, _ version: String) throws -> Digest {
    let path = "\(place.directory)/served/\(tarball(name, version))"
    return Digest.of(try Files.read(path, limit: 1 << 20))
  }

  /// The version that was added last is the one that is asked for without a range.
  private func list(_ name: String) throws {
    let folder = "\(place.directory)/served/\(name)/versions"
    let versions = try Files.list(folder).sorted()
    let texts = try versions.map { try place.read("served/\(name)/versions/\($0)") }
    let members = zip(versions, texts).map { "\"\($0)\": \($1)" }.joined(separator: ", ")
    try place.write(
      "served/\(name)/index.json",
      "{\"name\": \"\(name)\", \"dist-tags\": {\"latest\": \"\(versions.last ?? "")\"}, "
        + "\"versions\": {\(members)}}")
  }
}
