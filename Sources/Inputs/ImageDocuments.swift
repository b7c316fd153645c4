internal import Recipes
internal import Vocabulary

/// What points to a blob (OCI Image Specification 1.1, "Descriptors").
struct ImageDescriptor: Hashable {
  var mediaType: String
  var digest: Digest
  var size: Int64
  /// `org.opencontainers.image.ref.name`.
  var tag: String?
  /// `os/architecture`; `nil` if it does not say.
  var platform: String?

  /// No layer may be larger.
  static let largest: Int64 = 16 << 30

  /// `nil` for what is none, or has a digest that is no SHA-256.
  init?(_ json: JSON) {
    guard let digest = json["digest"]?.string.flatMap({ Digest($0) }),
      let size = json["size"]?.integer, 0...Self.largest ~= size,
      let mediaType = json["mediaType"]?.string, ImageBlobs.isMediaType(mediaType)
    else { return nil }
    self.mediaType = mediaType
    self.digest = digest
    self.size = size
    tag = json["annotations"]?["org.opencontainers.image.ref.name"]?.string
    if let os = json["platform"]?["os"]?.string,
      let architecture = json["platform"]?["architecture"]?.string
    {
      platform = "\(os)/\(architecture)"
    }
  }

  var isIndex: Bool { ImageTypes.indexes.contains(mediaType) }
}

/// Media types (OCI Image Specification 1.1, "Media Types"; Docker's "Image Manifest V 2,
/// Schema 2", which is the same under other names).
enum ImageTypes {
  static let indexes = [
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
  ]
  static let manifests = [
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
  ]
  static let configs = [
    "application/vnd.oci.image.config.v1+json",
    "application/vnd.docker.container.image.v1+json",
  ]
  static let layers = [
    "application/vnd.oci.image.layer.v1.tar",
    "application/vnd.oci.image.layer.v1.tar+gzip",
    "application/vnd.oci.image.layer.v1.tar+zstd",
    "application/vnd.docker.image.rootfs.diff.tar.gzip",
    "application/vnd.docker.image.rootfs.diff.tar.zstd",
    "application/vnd.docker.image.rootfs.diff.tar",
  ]
  static let platform = "linux/amd64"
}

/// Why a document of an image can't be used: the end of a sentence about the image.
struct ImageRefusal: Error, Hashable {
  var reason: String
  init(_ reason: String) { self.reason = reason }
}

/// Strict readers of the three documents of an image. Pure.
enum ImageDocuments {
  /// No document may be larger; registries refuse larger manifests, too.
  static let largest = 4 << 20

  /// The entries of an index that are meant for `amd64`, or say nothing of a platform.
  static func index(_ bytes: [UInt8]) throws(ImageRefusal) -> [ImageDescriptor] {
    let json = try parse(bytes, "index")
    guard json["schemaVersion"] == .integer(2), let entries = json["manifests"]?.array else {
      throw ImageRefusal("its index is none of version 2")
    }
    // Entries that we can't read are for others: another kind of digest, say.
    return entries.compactMap { ImageDescriptor($0) }
      .filter { $0.platform == nil || $0.platform == ImageTypes.platform }
  }

  static func manifest(
    _ bytes: [UInt8]
  ) throws(ImageRefusal) -> (type: String, config: ImageDescriptor, layers: [ImageDescriptor]) {
    let json = try parse(bytes, "manifest")
    guard json["schemaVersion"] == .integer(2) else {
      throw ImageRefusal("its manifest is none of version 2")
    }
    let type = json["mediaType"]?.string ?? ImageTypes.manifests[0]
    guard ImageTypes.manifests.contains(type) else {
      throw ImageRefusal("its manifest has the media type \"\(Names.printable(type))\"")
    }
    guard let config = json["config"].flatMap({ ImageDescriptor($0) }),
      ImageTypes.configs.contains(config.mediaType), config.size <= largest
    else { throw ImageRefusal("its manifest names no configuration of an image") }
    guard let entries = json["layers"]?.array, !entries.isEmpty else {
      throw ImageRefusal("it has no layers")
    }
    guard entries.count <= ImageBlobs.mostLayers else {
      throw ImageRefusal(
        "it has \(entries.count) layers, more than the \(ImageBlobs.mostLayers) allowed")
    }
    var layers: [ImageDescriptor] = []
    for (index, entry) in entries.enumerated() {
      guard let layer = ImageDescriptor(entry) else {
        throw ImageRefusal("its manifest describes layer \(index + 1) wrongly")
      }
      guard ImageTypes.layers.contains(layer.mediaType) else {
        throw ImageRefusal(
          "layer \(index + 1) has the media type \"\(layer.mediaType)\", which is not supported")
      }
      layers.append(layer)
    }
    return (type, config, layers)
  }

  struct Configuration: Hashable {
    var diffs: [Digest]
    /// `nil` where the image does not say, or says that it is older than dates are.
    var created: SourceDate?
    var environment: [String: String]
    /// Names, or the beginnings of lines, of what a recipe could not have set.
    var leftOut: [String]
  }

  static func configuration(_ bytes: [UInt8]) throws(ImageRefusal) -> Configuration {
    let json = try parse(bytes, "configuration")
    let platform = "\(json["os"]?.string ?? "?")/\(json["architecture"]?.string ?? "?")"
    guard platform == ImageTypes.platform else {
      throw ImageRefusal("it is for \(Names.printable(platform)), not \(ImageTypes.platform)")
    }
    guard json["rootfs"]?["type"]?.string == "layers",
      let texts = json["rootfs"]?["diff_ids"]?.array
    else { throw ImageRefusal("its configuration does not name its layers") }
    let diffs = texts.compactMap { $0.string.flatMap { Digest($0) } }
    guard diffs.count == texts.count else {
      throw ImageRefusal("its configuration names a layer by something else than a SHA-256")
    }
    let lines = (json["config"]?["Env"]?.array ?? []).compactMap(\.string)
    guard lines.count <= ImageVariable.most else {
      throw ImageRefusal("it sets more than \(ImageVariable.most) variables")
    }
    var environment: [String: String] = [:]
    var leftOut: [String] = []
    for line in lines {
      if let variable = ImageVariable(line) {
        environment[variable.name] = variable.value
      } else {
        leftOut.append(Names.printable(String(line.prefix { $0 != "=" }.prefix(60))))
      }
    }
    let created = json["created"]?.string.flatMap { SourceDate(anyRFC3339: $0) }
    return Configuration(
      diffs: diffs, created: created.flatMap { dates.contains($0.seconds) ? $0 : nil },
      environment: environment, leftOut: leftOut)
  }

  /// What a lock takes for a date.
  private static let dates = 0...Int64(0o77_777_777_777)

  private static func parse(_ bytes: [UInt8], _ what: String) throws(ImageRefusal) -> JSON {
    guard bytes.count <= largest else { throw ImageRefusal("its \(what) is too large") }
    guard let json = try? JSON(parsing: bytes), json.object != nil else {
      throw ImageRefusal("its \(what) is not a JSON object")
    }
    return json
  }
}
