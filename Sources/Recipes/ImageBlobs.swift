/// The files of a locked image by their roles.
package struct ImageBlobs: Sendable, Hashable {
  package let manifest: LockedFile
  package let config: LockedFile
  /// The lowest first; each with the digest of its uncompressed tar. Never empty.
  package let layers: [LockedFile]

  /// An image with more layers is refused: all of them are one overlay's.
  package static let mostLayers = 128

  package init(manifest: LockedFile, config: LockedFile, layers: [LockedFile]) {
    self.manifest = manifest
    self.config = config
    self.layers = layers
  }

  /// `nil` unless there are a manifest, a configuration, and layers without a gap.
  package init?(_ files: [LockedFile]) {
    var byName = Dictionary(files.map { ($0.name, $0) }) { first, _ in first }
    guard let manifest = byName.removeValue(forKey: Self.manifestName),
      let config = byName.removeValue(forKey: Self.configName)
    else { return nil }
    var layers: [LockedFile] = []
    while let layer = byName.removeValue(forKey: Self.layerName(layers.count)) {
      guard layer.blob?.diff != nil else { return nil }
      layers.append(layer)
    }
    guard byName.isEmpty, 1...Self.mostLayers ~= layers.count else { return nil }
    self.init(manifest: manifest, config: config, layers: layers)
  }

  package var files: [LockedFile] { [manifest, config] + layers }

  package static let manifestName = "manifest"
  package static let configName = "config"

  /// - Parameter index: from 0, the lowest. Names sort as the layers lie.
  package static func layerName(_ index: Int) -> String {
    let digits = String(index + 1)
    return "layer-" + String(repeating: "0", count: max(0, 3 - digits.count)) + digits
  }

  /// RFC 6838, section 4.2, the characters only.
  package static func isMediaType(_ text: String) -> Bool {
    let parts = text.split(separator: "/", omittingEmptySubsequences: false)
    return parts.count == 2 && text.utf8.count <= 255
      && parts.allSatisfy { part in
        !part.isEmpty && part.utf8.allSatisfy { 0x21...0x7E ~= $0 && $0 != UInt8(ascii: "\"") }
      }
  }
}

/// One line of an image's environment, as a recipe could have set it.
package struct ImageVariable: Sendable, Hashable {
  package let name: String
  package let value: String

  /// An image with more of them is refused.
  package static let most = 1000

  /// `NAME=VALUE`; `nil` for a name that no shell can set, and a value with control characters.
  package init?(_ line: String) {
    guard let equals = line.firstIndex(of: "="), line.utf8.count <= 4096 else { return nil }
    name = String(line[..<equals])
    value = String(line[line.index(after: equals)...])
    guard Names.isVariable(name),
      !value.unicodeScalars.contains(where: { Names.isControl($0) && $0 != "\t" })
    else { return nil }
  }
}
