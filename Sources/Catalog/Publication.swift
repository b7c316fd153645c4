package import Vocabulary

/// One compressed form of a layer.
package struct Encoding: Sendable, Hashable {
  /// Digest of the compressed bytes: the blob's name. Never an identity of the layer, since
  /// compressors of different versions differ.
  package let blob: Digest
  /// As in `zstd:1.5.4:l3:f4M`: compressor, version, level, frame size.
  package let codec: String
  /// Compressed size.
  package let size: ByteCount
  /// The blob's path below the store.
  package let path: String

  package init(blob: Digest, codec: String, size: ByteCount, path: String) {
    self.blob = blob
    self.codec = codec
    self.size = size
    self.path = path
  }
}

/// That one object cannot do without another.
package struct Edge: Sendable, Hashable {
  package let role: String
  package let position: Int
  package let needed: ObjectKey

  package init(_ role: String, _ needed: ObjectKey, at position: Int = 0) {
    self.role = role
    self.position = position
    self.needed = needed
  }
}

/// That one object is worth keeping while another is there; its loss costs only time.
package struct SoftEdge: Sendable, Hashable {
  package let role: String
  package let holder: ObjectKey
  package let wanted: ObjectKey

  package init(_ role: String, holder: ObjectKey, wanted: ObjectKey) {
    self.role = role
    self.holder = holder
    self.wanted = wanted
  }
}

/// What is recorded of an object when it becomes ready.
package struct Publication: Sendable {
  package var size: ByteCount
  package var allocated: ByteCount
  /// For layers.
  package var encoding: Encoding?
  /// Digest of the content where the key is not one.
  package var digest: Digest?
  package var architecture: Architecture?
  /// What it needs; all of it must be ready.
  package var edges: [Edge] = []
  /// Objects that want it, or that it wants. Both ends must be known by then.
  package var softEdges: [SoftEdge] = []
  package var derived = false
  package var rebuildMilliseconds: Int64?
  /// A JSON object.
  package var detail = "{}"

  package init(size: ByteCount, allocated: ByteCount) {
    self.size = size
    self.allocated = allocated
  }
}

/// Whose turn it is to write an object or to do a piece of work.
package enum Turn: Sendable, Hashable {
  /// It is there; it is kept for the lease from this moment on.
  case alreadyReady
  /// Yours: write it, then publish or abandon.
  case write
  /// A live process is at it. Wait, and ask again.
  case writtenBy(purpose: String, pid: Int32)
}
