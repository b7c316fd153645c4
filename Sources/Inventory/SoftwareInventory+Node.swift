internal import Layers
internal import Vocabulary

extension SoftwareInventory {
  /// Directories below `node_modules` with a `package.json` that has a name and a version
  /// ("package.json", npm's documentation). All that lies there came with the package, but for
  /// packages of its own.
  mutating func addNode() throws {
    var found: [(index: Int, path: GuestPath, folder: GuestPath)] = []
    for index in tree.items.indices {
      let path = tree.items[index].entry.path
      guard path.name.elementsEqual("package.json".utf8), let folder = path.parent,
        Self.isPackage(folder), !isDebian(index)
      else { continue }
      found.append((index, path, folder))
    }
    // Packages inside another one after it.
    found.sort { ($0.folder.bytes.count, $0.index) < ($1.folder.bytes.count, $1.index) }
    for (_, path, folder) in found {
      guard let bytes = try read(path), let json = try? JSON(parsing: bytes) else {
        refuse(path)
        continue
      }
      // Parts of a package have such a file without these, to say how they are to be read.
      guard let name = json["name"]?.string, let version = json["version"]?.string,
        !name.isEmpty, !version.isEmpty
      else { continue }
      let owner = add(
        Software(
          kind: .npm, name: name, version: version,
          maker: json["author"]?.string ?? json["author"]?["name"]?.string,
          license: json["license"]?.string, summary: json["description"]?.string, place: path))
      for inside in tree.below(folder) {
        guard owners[inside] == nil || owners[inside].map({ software[$0].kind }) == .npm else {
          continue
        }
        replace(inside, by: owner)
      }
    }
  }

  private func isDebian(_ index: Int) -> Bool {
    owners[index].map { software[$0].kind == .deb } ?? false
  }

  /// `…/node_modules/NAME` or `…/node_modules/@SCOPE/NAME`
  private static func isPackage(_ folder: GuestPath) -> Bool {
    guard var parent = folder.parent else { return false }
    if parent.name.first == UInt8(ascii: "@"), let above = parent.parent { parent = above }
    return parent.name.elementsEqual("node_modules".utf8)
  }
}
