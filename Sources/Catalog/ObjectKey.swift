package import Vocabulary

/// What an object is. The raw values stand in the database.
package enum ObjectKind: String, Sendable, CaseIterable {
  /// A layer, by diffID; its files are its encodings.
  case layer
  /// The table of contents of a layer.
  case toc
  /// An OCI image configuration.
  case config
  /// An OCI manifest: one encoding of an image.
  case manifest
  /// An image, by `ImageID`: needs a manifest, a configuration and layers; has no file.
  case image
  /// Something fetched: a package, a wheel, an archive.
  case input
  /// An unpacked layer.
  case tree
  /// The ext4 file system of a chain.
  case disk
  /// Memory and device state of a frozen VM.
  case warm
  /// Kernel, initrd and modules.
  case boot
  /// A VM's frozen overlay.
  case checkpoint
  case sbom
  case provenance
  case signature
  /// A delta bundle or another export that is kept.
  case bundle
  case log
}

/// The life of an object. The raw values stand in the database.
package enum ObjectState: String, Sendable, CaseIterable {
  /// Being written by the lease in `writer`; without one, garbage.
  case writing
  /// Its files are complete and in place.
  case ready
  /// Its content was found damaged; it is not handed out, and what needs it still says so.
  case quarantined
  /// Given up in pieces; nothing in version 1 writes it.
  case deleting
}

/// Names an object: its kind and an identity that is unique among its kind, mostly a digest.
package struct ObjectKey: Hashable, Sendable, Comparable, CustomStringConvertible {
  package let kind: ObjectKind
  package let id: String

  package init(_ kind: ObjectKind, _ id: String) {
    self.kind = kind
    self.id = id
  }

  package static func layer(_ id: DiffID) -> ObjectKey { ObjectKey(.layer, id.description) }
  package static func toc(_ id: DiffID) -> ObjectKey { ObjectKey(.toc, id.description) }
  package static func tree(_ id: DiffID) -> ObjectKey { ObjectKey(.tree, id.description) }
  package static func image(_ id: ImageID) -> ObjectKey { ObjectKey(.image, id.description) }
  package static func config(_ id: ImageID) -> ObjectKey { ObjectKey(.config, id.description) }
  package static func manifest(_ blob: Digest) -> ObjectKey {
    ObjectKey(.manifest, blob.description)
  }
  package static func input(_ digest: Digest) -> ObjectKey { ObjectKey(.input, digest.description) }
  /// `formatter` names the writer and its version, as in `hutch-1`.
  package static func disk(_ chain: ChainID, formatter: String) -> ObjectKey {
    ObjectKey(.disk, "\(chain)/\(formatter)")
  }
  package static func boot(_ key: String) -> ObjectKey { ObjectKey(.boot, key) }

  package var description: String { "\(kind.rawValue) \(id)" }

  package static func < (left: ObjectKey, right: ObjectKey) -> Bool {
    (left.kind.rawValue, left.id) < (right.kind.rawValue, right.id)
  }
}

/// One object as the catalog knows it.
package struct ObjectRecord: Sendable, Hashable {
  package let key: ObjectKey
  package let state: ObjectState
  /// Digest of the content where the key is not one: what a rebuild must give again.
  package let digest: Digest?
  package let architecture: String?
  /// Logical size; of a layer, its uncompressed tar.
  package let size: ByteCount
  /// What its files took on disk when it was published.
  package let allocated: ByteCount
  /// Can be made again from what else is in the store.
  package let derived: Bool
  /// What making it took.
  package let rebuildMilliseconds: Int64?
  package let createdAt: Int64
  package let lastUsedAt: Int64
  package let lastVerifiedAt: Int64?
  /// A JSON object of facts that nothing asks for by query.
  package let detail: String
  /// Paths below the store, sorted.
  package let files: [String]
}
