internal import Glibc
package import Host
internal import Recipes
internal import Vocabulary

/// Where recipes are found by name: beside the recipe that asks, in the user's configuration,
/// among those that come with Hutch.
package struct RecipeFinder: Sendable {
  /// A recipe's text and where it and its lock stand.
  package struct Found: Sendable, Hashable {
    package var name: String
    package var path: String
    package var text: String
    package var lockPath: String
    /// It came with Hutch.
    package var isShipped: Bool
    /// Its lock lies beside another recipe, so that only the lock says what it was.
    package var isBorrowed = false
  }

  /// Larger than any recipe that somebody wrote.
  private static let largest = 1 << 20

  private let userDirectory: String
  private let shippedDirectory: String
  private let layout: StoreLayout

  package init(
    layout: StoreLayout, environment: HostEnvironment = .current, shipped: String? = nil
  ) {
    self.layout = layout
    userDirectory = environment.configDirectory + "/recipes"
    shippedDirectory = shipped ?? Installation.recipes(environment)
  }

  /// A path (it ends in `.toml` or has a slash; a directory is a project) or a name.
  package func find(_ reference: String, beside other: String? = nil) throws -> Found {
    if let project = Self.project(reference) { return try read(project) }
    if reference.hasSuffix(".toml") || reference.contains("/") { return try read(reference) }
    let places = places(beside: other)
    for place in places {
      let path = "\(place)/\(reference).toml"
      if Files.exists(path) { return try read(path) }
    }
    throw PipelineError.noSuchRecipe(name: reference, lookedIn: places.map { "\"\($0)\"" })
  }

  /// A tool for the recipe of a project: its lock lies beside that recipe, so that the project
  /// has the same tool until it wants another one.
  package func find(_ tool: String, for user: Found) throws -> Found {
    var found = try find(tool, beside: user.path)
    let folder = Files.parent(of: user.path)
    if user.isShipped || Files.canonical(folder) == Files.canonical(Files.parent(of: found.path)) {
      return found
    }
    found.lockPath = "\(folder)/\(tool).lock"
    found.isBorrowed = true
    return found
  }

  /// The recipe of a project, in its directory.
  package static let projectFile = "hutch.toml"

  /// A reference to the project's recipe in the current directory.
  package static func projectHere() throws -> String {
    guard Files.exists(projectFile) else { throw PipelineError.noProject }
    return "."
  }

  /// Where a name is looked for, in that order.
  func places(beside other: String? = nil) -> [String] {
    (other.map { [Files.parent(of: $0)] } ?? []) + [userDirectory, shippedDirectory]
  }

  /// The recipe of the project whose directory that is.
  private static func project(_ reference: String) -> String? {
    guard [".", ".."].contains(reference) || reference.contains("/"),
      Files.isDirectory(reference)
    else { return nil }
    return "\(reference)/\(projectFile)"
  }

  /// What a project's recipe is called: its directory's name, as far as that can be one.
  static func projectName(_ directory: String) -> String {
    let name = Files.name(of: directory).lowercased()
    let letters = name.map { Names.isRecipe("a\($0)") ? $0 : "-" }.drop { $0 == "-" }
    let short = String(letters.prefix(63))
    return Names.isRecipe(short) ? short : "project"
  }

  /// What a VM of an image is called after: `python` of `recipes/python.toml` and `python:3`.
  package static func stem(of reference: String) -> String {
    let path = project(reference) ?? reference
    if Files.name(of: path) == projectFile, let full = Files.canonical(path) {
      return projectName(Files.parent(of: full))
    }
    let file = Files.name(of: reference)
    let name = file.hasSuffix(".toml") ? String(file.dropLast(5)) : file
    let stem = name.lowercased().prefix { $0 != ":" }.filter { VMNames.isValid("a\($0)") }
    return VMNames.isValid(String(stem)) ? String(stem) : "vm"
  }

  private func read(_ path: String) throws -> Found {
    let bytes = try Files.read(path, limit: Self.largest)
    let file = Files.name(of: path)
    var name = file.hasSuffix(".toml") ? String(file.dropLast(5)) : file
    // A project's own recipe is called after the project.
    if file == Self.projectFile, let full = Files.canonical(path) {
      name = Self.projectName(Files.parent(of: full))
    }
    let isShipped =
      Files.canonical(Files.parent(of: path)) == Files.canonical(shippedDirectory)
    return Found(
      name: name, path: path, text: String(decoding: bytes, as: UTF8.self),
      lockPath: lockPath(of: path, name: name, isShipped: isShipped), isShipped: isShipped)
  }

  /// Beside the recipe; for a shipped one in the store, where it survives an upgrade of Hutch.
  private func lockPath(of path: String, name: String, isShipped: Bool) -> String {
    if isShipped { return "\(layout.locks)/\(name).lock" }
    return (path.hasSuffix(".toml") ? String(path.dropLast(5)) : path) + ".lock"
  }
}

/// Where the parts of an installed Hutch stand, relative to its executable.
package enum Installation {
  /// `bin/hutch` → the directory that holds `bin`, `libexec` and `share`.
  private static func prefix(_ environment: HostEnvironment) -> String {
    Files.parent(of: Files.parent(of: environment.executable))
  }

  package static func recipes(_ environment: HostEnvironment = .current) -> String {
    environment["HUTCH_RECIPES"] ?? prefix(environment) + "/share/hutch/recipes"
  }

  /// The program that runs inside VMs.
  package static func guestProgram(_ environment: HostEnvironment = .current) throws -> String {
    let path = environment["HUTCH_GUEST"] ?? prefix(environment) + "/libexec/hutch/guest"
    guard Files.exists(path) else { throw PipelineError.guestProgramMissing(path: path) }
    return path
  }
}
