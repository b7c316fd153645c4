import Host
import TestSupport
import Vocabulary

/// An index of Python packages on this machine ("Simple repository API", PyPA specifications), made
/// by a test.
struct PythonIndex {
  let place: Place
  let server: LoopbackServer

  init(_ place: Place) throws {
    self.place = place
    try Files.makeDirectories(place.directory + "/served/simple")
    server = try LoopbackServer(serving: place.directory + "/served")
  }

  /// The program, for which pip of this machine is configured with the index.
  var program: Program {
    var program = place.program
    program.environment["PIP_CONFIG_FILE"] = "/dev/null"
    program.environment["PIP_INDEX_URL"] = server.url("simple/")
    return program
  }

  func build(_ recipe: String, _ options: String...) throws -> Outcome {
    try program.run(["build", recipe, "--format", "json"] + options)
  }

  /// A wheel with one module and one program, both of the package's name.
  func add(
    _ name: String, _ version: String, needs: [String] = [], module: String = ""
  ) throws {
    let info = "\(name)-\(version).dist-info"
    let tree = "wheels/\(name)-\(version)"
    let metadata =
      "Metadata-Version: 2.1\nName: \(name)\nVersion: \(version)\n"
      + needs.map { "Requires-Dist: \($0)\n" }.joined()
    let texts = [
      "\(name).py": module.isEmpty ? "def main():\n    print('\(name) \(version)')\n" : module,
      "\(info)/METADATA": metadata,
      "\(info)/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
      "\(info)/entry_points.txt": "[console_scripts]\n\(name) = \(name):main\n",
    ]
    for (path, text) in texts { try place.write("\(tree)/\(path)", text) }
    let record = (texts.keys.sorted() + ["\(info)/RECORD"]).map { "\($0),,\n" }.joined()
    try place.write("\(tree)/\(info)/RECORD", record)
    try Files.makeDirectories("\(place.directory)/served/simple/\(name)")
    let wheel = "served/simple/\(name)/\(name)-\(version)-py3-none-any.whl"
    try place.judge("bsdtar", "-C", tree, "--format", "zip", "-cf", wheel, "\(name).py", info)
    try list(name)
  }

  /// A source distribution, which nobody may ask to build.
  func addSource(_ name: String, _ version: String) throws {
    try place.write(
      "sources/\(name)-\(version)/setup.py", "raise SystemExit('a package was built')\n")
    try Files.makeDirectories("\(place.directory)/served/simple/\(name)")
    try place.judge(
      "tar", "-C", "sources", "-czf", "served/simple/\(name)/\(name)-\(version).tar.gz",
      "\(name)-\(version)")
    try list(name)
  }

  func wheel(_ name: String, _ version: String) throws -> Digest {
    let path = "simple/\(name)/\(name)-\(version)-py3-none-any.whl"
    return Digest.of(try Files.read("\(place.directory)/served/\(path)", limit: 1 << 20))
  }

  private func list(_ name: String) throws {
    let folder = "\(place.directory)/served/simple/\(name)"
    let links = try Files.list(folder).filter { $0 != "index.html" }
      .map { "<a href=\"\($0)\">\($0)</a>\n" }
    try place.write(
      "served/simple/\(name)/index.html",
      "<!DOCTYPE html>\n<html><body>\n"
        + links.joined() + "</body></html>\n")
  }
}
