internal import Glibc
internal import Host
internal import Planning
internal import Recipes
internal import Vocabulary

/// Reads what `copy` steps bring along: which files, their modes as far as they count, and the
/// digest of each.
enum CopySources {
  /// By step. Paths are relative to what is copied; a single file is the root of its own list.
  static func read(_ chain: RecipeChain) throws -> [StepID: [Planning.CopiedFile]] {
    var all: [StepID: [Planning.CopiedFile]] = [:]
    for step in chain.steps {
      guard case .copy(let request) = step.action else { continue }
      let folder = Files.parent(of: chain.recipes[step.recipeIndex].path)
      let directory = try OwnedDescriptor.open(folder, .directory)
      var files: [Planning.CopiedFile] = []
      do {
        try read(Array(request.source.utf8), as: .root, in: directory, &files)
      } catch HostError.system(let operation, _, let number) {
        throw HostError.system(
          operation: operation, path: "\(folder)/\(request.source)", errno: number)
      }
      all[step.id] = files.sorted()
    }
    return all
  }

  /// The host's path of one of them.
  static func path(
    of file: Planning.CopiedFile, _ request: CopyRequest, _ recipe: Recipe
  ) -> String {
    let folder = Files.parent(of: recipe.path)
    // A worker stands in another directory than the person who named the recipe.
    let top = "\(Files.canonical(folder) ?? folder)/\(request.source)"
    return file.path.isRoot ? top : top + file.path.description
  }

  private static func read(
    _ name: [UInt8], as path: GuestPath, in directory: borrowing OwnedDescriptor,
    _ files: inout [Planning.CopiedFile]
  ) throws {
    let status = try directory.status(of: name)
    switch status.kind {
    case .symlink:
      files.append(.init(path: path, content: .symlink(target: try directory.readLink(name))))
    case .regular:
      let file = try directory.openBeneath(name, .read)
      var stream = DigestStream()
      while true {
        let part = try file.read(upTo: 1 << 20)
        if part.isEmpty { break }
        stream.update(part)
      }
      files.append(
        .init(
          path: path,
          content: .regular(
            executable: status.mode & 0o100 != 0, size: ByteCount(status.size),
            digest: stream.finish())))
    case .directory:
      files.append(.init(path: path, content: .directory))
      let child = try directory.openBeneath(name, .directory)
      for entry in try child.entries() {
        guard let below = path.appending(entry) else { continue }
        try read(entry, as: below, in: child, &files)
      }
    default:
      throw HostError.system(
        operation: "copy the special file", path: String(decoding: name, as: UTF8.self),
        errno: EINVAL)
    }
  }
}
