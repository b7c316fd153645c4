internal import Vocabulary

/// Everything that the catalog knows at one moment, as values: what accounts, answers and
/// collections are worked out from.
package struct Inventory: Sendable {
  package struct VM: Sendable {
    package let name: String
    package let state: VMState
    package let isUnsynced: Bool
    /// What its guest sees.
    package let diskSize: Int64
    package let changedAt: Int64
    /// Image, disk, boot bundle, warm image.
    let needed: [Int32]
    /// Of its folder; 0 until it is measured.
    var bytes: Int64 = 0
  }
  struct StoredFile: Sendable {
    var path: String
    var node: Int32
    var encoding: Int64?
  }
  struct Tag: Sendable {
    var name: String
    var image: Int32
  }

  package let now: Int64
  var input: MarkInput
  /// By name.
  package internal(set) var vms: [VM]
  var files: [StoredFile]
  /// By name.
  var tags: [Tag]
  /// Recipe and step that last gave a layer, as in `python 2`.
  var madeBy: [Int32: String]

  /// The decision about all of it; see `Mark`.
  package func mark(grace: Int64?, keep: Int = 1) -> Mark {
    Mark(input, now: now, grace: grace, keep: keep)
  }

  /// With what things really take, by path in the store.
  ///
  /// - Parameter isWhole: what is not named takes nothing; else it is as it was.
  package func measured(_ bytes: [String: Int64], isWhole: Bool) -> Inventory {
    var result = self
    var sums = [Int64](repeating: 0, count: input.nodes.count)
    var isMeasured = [Bool](repeating: isWhole, count: input.nodes.count)
    var encodings: [Int64: Int64] = [:]
    for file in files {
      guard let size = bytes[file.path] else { continue }
      sums[Int(file.node)] += size
      isMeasured[Int(file.node)] = true
      if let encoding = file.encoding { encodings[encoding] = size }
    }
    for node in sums.indices where isMeasured[node] { result.input.nodes[node].bytes = sums[node] }
    for index in input.encodings.indices {
      if let size = encodings[input.encodings[index].id] {
        result.input.encodings[index].size = size
      } else if isWhole {
        result.input.encodings[index].size = 0
      }
    }
    for index in vms.indices {
      if let size = bytes[Catalog.folder(ofVM: vms[index].name)] {
        result.vms[index].bytes = size
      } else if isWhole {
        result.vms[index].bytes = 0
      }
    }
    for index in input.abandoned.indices {
      guard case .vm(let name) = input.abandoned[index].subject else { continue }
      guard let size = bytes[Catalog.folder(ofVM: name)] else { continue }
      result.input.abandoned[index] = input.abandoned[index].taking(ByteCount(size))
    }
    return result
  }

  /// Where in the store the candidates' files are.
  package func paths(of candidates: [Candidate]) -> [String] {
    var objects: Set<ObjectKey> = []
    var encodings: Set<Int64> = []
    var paths: [String] = []
    for candidate in candidates {
      switch candidate.subject {
      case .object(let key): objects.insert(key)
      case .encoding: encodings.insert(candidate.id)
      case .vm(let name): paths.append(Catalog.folder(ofVM: name))
      case .file(let path): paths.append(path)
      }
    }
    for file in files {
      let isEncoding = file.encoding.map(encodings.contains) ?? false
      if isEncoding || objects.contains(input.nodes[Int(file.node)].key) { paths.append(file.path) }
    }
    return paths
  }

  /// As it is when these have gone.
  package func without(_ gone: Set<Subject>) -> Inventory {
    var result = self
    for index in input.nodes.indices where gone.contains(.object(input.nodes[index].key)) {
      result.input.nodes[index].bytes = 0
    }
    return result
  }

  /// Every path that a row knows, folders of VMs included.
  package var knownPaths: Set<String> {
    Set(files.map(\.path)).union(vms.map { Catalog.folder(ofVM: $0.name) })
  }
}

extension Candidate {
  package func taking(bytes: Int64) -> Candidate { taking(ByteCount(bytes)) }

  func taking(_ bytes: ByteCount) -> Candidate {
    Candidate(
      subject: subject, reason: reason, bytes: bytes, id: id, lastUsedAt: lastUsedAt,
      isWanted: isWanted)
  }
}
