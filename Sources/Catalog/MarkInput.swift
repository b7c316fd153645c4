internal import Vocabulary

/// What a mark phase needs to know, as values.
package struct MarkInput: Sendable {
  package struct Node: Sendable {
    var id: Int64
    var key: ObjectKey
    var state: ObjectState
    /// Allocated; what its files took when it was published, until somebody measures them.
    var bytes: Int64
    var lastUsedAt: Int64
    var size: Int64 = 0
    /// What making it took; `nil` if nobody wrote that down.
    var rebuildMilliseconds: Int64?
  }
  package struct RootedNode: Sendable {
    var root: Root
    var node: Int32
  }
  package struct EncodingRow: Sendable {
    var id: Int64
    var blob: Digest
    var size: Int64
    var layer: Int32
    /// Manifests that name it.
    var manifests: [Int32]
  }

  /// An image that a name has or had; ranks count from the newest, which is 0.
  package struct Earlier: Sendable {
    var name: String
    var image: Int32
    var rank: Int
  }

  /// By id.
  var nodes: [Node] = []
  var hard: [ReachabilityGraph.Edge] = []
  var soft: [ReachabilityGraph.Edge] = []
  var roots: [RootedNode] = []
  /// Of layers that have more than one, oldest first.
  var encodings: [EncodingRow] = []
  /// VMs that nobody will miss, of any age; they are among the roots all the same.
  var abandoned: [Candidate] = []
  var history: [Earlier] = []
  /// Kernels of images: inputs without which no VM can be made.
  var kernels: Set<Int32> = []
}
