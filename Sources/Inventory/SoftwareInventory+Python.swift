internal import Inputs
internal import Recipes
internal import Layers
internal import Vocabulary

extension SoftwareInventory {
  /// Directories `*.dist-info` ("Recording installed projects", PyPA specifications): `METADATA`
  /// says what it is, `RECORD` which files it brought.
  mutating func addPython() throws {
    for index in tree.items.indices where owners[index] == nil {
      let path = tree.items[index].entry.path
      guard path.name.elementsEqual("METADATA".utf8), let folder = path.parent,
        folder.name.suffix(10).elementsEqual(".dist-info".utf8), let site = folder.parent
      else { continue }
      guard let bytes = try read(path),
        let head = ControlStanza.parse(String(decoding: bytes, as: UTF8.self)).first,
        let name = head["Name"], let version = head["Version"], !name.isEmpty, !version.isEmpty
      else {
        refuse(path)
        continue
      }
      let owner = add(
        Software(
          kind: .pypi, name: PipRequirement.package(of: name), version: version,
          maker: head["Author"] ?? head["Author-email"],
          license: head["License-Expression"]
            ?? head["License"]?.split(separator: "\n").first
            .map(String.init),
          summary: head["Summary"], place: path))
      own(index, by: owner)
      try addRecorded(in: folder, site: site, owner)
    }
    ownBytecode()
  }

  private mutating func addRecorded(in folder: GuestPath, site: GuestPath, _ owner: Int) throws {
    guard let record = folder.appending("RECORD"), tree.index(of: record) != nil else { return }
    guard let bytes = try read(record) else { return refuse(record) }
    for line in bytes.split(separator: 0x0A) {
      let name = Self.firstField(of: line)
      guard !name.isEmpty, let path = Self.join(site, name) else { continue }
      own(path, by: owner)
    }
  }

  /// Of a line of comma-separated values; quoted where it holds a comma or a quote.
  private static func firstField(of line: ArraySlice<UInt8>) -> [UInt8] {
    let quote = UInt8(ascii: "\"")
    guard line.first == quote else { return Array(line.prefix { $0 != UInt8(ascii: ",") }) }
    var field: [UInt8] = []
    var rest = line.dropFirst()
    while let byte = rest.popFirst() {
      if byte == quote {
        guard rest.first == quote else { break }
        rest.removeFirst()
      }
      field.append(byte)
    }
    return field
  }

  /// A path as `RECORD` has it: relative to the directory with the packages, out of which it may
  /// lead (`../../../bin/tool`).
  private static func join(_ site: GuestPath, _ name: [UInt8]) -> GuestPath? {
    if name.first == UInt8(ascii: "/") { return GuestPath(name) }
    var folder: GuestPath? = site
    var parts = name.split(separator: UInt8(ascii: "/"))[...]
    while let part = parts.first, part.elementsEqual("..".utf8) {
      folder = folder?.parent
      parts.removeFirst()
    }
    let rest = Array(parts.joined(separator: [UInt8(ascii: "/")]))
    return folder.flatMap { folder in GuestPath(rest).map { folder.appending($0) } }
  }

  /// Compiled modules belong to what their source belongs to: they are not recorded where they
  /// were compiled afterwards.
  private mutating func ownBytecode() {
    for index in tree.items.indices where owners[index] == nil {
      let path = tree.items[index].entry.path
      guard path.name.suffix(4).elementsEqual(".pyc".utf8), let cache = path.parent,
        cache.name.elementsEqual("__pycache__".utf8), let folder = cache.parent
      else { continue }
      let stem = path.name.prefix { $0 != UInt8(ascii: ".") }
      guard let source = folder.appending(Array(stem) + ".py".utf8),
        let owner = tree.index(of: source).flatMap({ owners[$0] })
      else { continue }
      own(index, by: owner)
    }
  }
}
