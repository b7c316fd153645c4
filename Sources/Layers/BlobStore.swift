internal import Host
package import Vocabulary

/// The part of a store that others read: an OCI image layout (OCI Image Specification 1.1, "Image
/// Layout"). Files in it are read-only and named by their digest.
package struct BlobStore: Sendable, Hashable {
  private let root: String

  package init(root: String) { self.root = root }

  /// Below the store: what the catalog records.
  package static func relativePath(_ digest: Digest) -> String { "blobs/sha256/\(digest.hex)" }

  package func path(_ digest: Digest) -> String { "\(root)/\(Self.relativePath(digest))" }

  /// Moves a finished, synced and verified file to its place. What is there already was left by
  /// somebody whose work did not come to be recorded: it is replaced.
  package func publish(_ file: String, as digest: Digest) throws(LayersError) {
    do {
      try Files.setMode(file, 0o444)
      try Files.rename(file, to: path(digest), replacing: true)
      try Files.syncDirectory("\(root)/blobs/sha256")
    } catch {
      throw .host(error)
    }
  }

  /// A small blob from memory.
  package func publish(_ bytes: [UInt8]) throws(LayersError) -> Digest {
    let digest = Digest.of(bytes)
    do {
      try Files.write(path(digest), bytes, mode: 0o444)
    } catch {
      throw .host(error)
    }
    return digest
  }

  package func read(_ digest: Digest, limit: Int) throws(LayersError) -> [UInt8] {
    let bytes: [UInt8]
    do {
      bytes = try Files.read(path(digest), limit: limit)
    } catch {
      throw .host(error)
    }
    let found = Digest.of(bytes)
    if found != digest {
      throw .digestDiffers(what: "\"\(path(digest))\"", expected: digest, found: found)
    }
    return bytes
  }

  // MARK: Layout

  /// The `index.json` of these names.
  package static func index(of tags: [TaggedManifest]) -> [UInt8] {
    let manifests = tags.sorted { $0.name < $1.name }.map { tag -> JSON in
      .object([
        "mediaType": .string(OCI.manifestType), "digest": .string(tag.manifest.description),
        "size": .integer(tag.size.bytes),
        "platform": .object([
          "architecture": .string(tag.architecture.rawValue), "os": .string("linux"),
        ]),
        "annotations": .object([
          "org.opencontainers.image.ref.name": .string(tag.name)
        ]),
      ])
    }
    return JSON.object([
      "schemaVersion": .integer(2), "mediaType": .string(OCI.indexType),
      "manifests": .array(manifests),
    ]).rendered
  }

  /// Says what the directory is, and which manifests have names. Replaced as a whole.
  package func writeIndex(_ tags: [TaggedManifest]) throws(LayersError) {
    do {
      let marker = Array("{\"imageLayoutVersion\":\"1.0.0\"}".utf8)
      if !Files.exists(root + "/oci-layout") { try Files.write(root + "/oci-layout", marker) }
      try Files.write(root + "/index.json", Self.index(of: tags))
    } catch {
      throw .host(error)
    }
  }
}

/// A manifest under its name in `index.json`.
package struct TaggedManifest: Sendable, Hashable {
  package var name: String
  package var manifest: Digest
  package var size: ByteCount
  package var architecture: Architecture

  package init(name: String, manifest: Digest, size: ByteCount, architecture: Architecture) {
    self.name = name
    self.manifest = manifest
    self.size = size
    self.architecture = architecture
  }
}

/// Media types and the manifest (OCI Image Specification 1.1, "Image Manifest").
package enum OCI {
  static let indexType = "application/vnd.oci.image.index.v1+json"
  package static let manifestType = "application/vnd.oci.image.manifest.v1+json"
  static let configType = "application/vnd.oci.image.config.v1+json"
  static let layerType = "application/vnd.oci.image.layer.v1.tar+zstd"

  /// One encoding of an image. Its codec stands in it, because libzstd's bytes differ between
  /// versions while the image stays the same.
  package static func manifest(
    config: ImageID, configSize: ByteCount, layers: [(blob: Digest, size: ByteCount)],
    codec: String
  ) -> [UInt8] {
    JSON.object([
      "schemaVersion": .integer(2), "mediaType": .string(manifestType),
      "config": descriptor(configType, config.digest, configSize),
      "layers": .array(layers.map { descriptor(layerType, $0.blob, $0.size) }),
      "annotations": .object(["hutch.codec": .string(codec)]),
    ]).rendered
  }

  private static func descriptor(_ type: String, _ digest: Digest, _ size: ByteCount) -> JSON {
    .object([
      "mediaType": .string(type), "digest": .string(digest.description),
      "size": .integer(size.bytes),
    ])
  }
}
