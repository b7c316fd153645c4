import Layers
import Vocabulary

/// Layers that fit on each other, drawn from a seed: files, directories, links, devices, and
/// everything that takes away or replaces.
struct RandomLayers {
  private var noise: SplitMix
  /// What is there, as the layers so far leave it.
  private var kinds: [String: LayerEntry.Kind] = [:]
  private var counter = 0

  init(seed: UInt64) { noise = SplitMix(state: seed) }

  mutating func next(_ count: Int) -> [Sample] {
    var layer: [String: Sample] = [:]
    var directories = [""] + names { $0 == .directory }
    for _ in 0..<count {
      let directory = directories[Int.random(in: 0..<directories.count, using: &noise)]
      counter += 1
      let path =
        (directory.isEmpty ? "" : directory + "/")
        + "entry-\(counter)" + String(repeating: "x", count: Int.random(in: 0..<90, using: &noise))
      switch Int.random(in: 0..<12, using: &noise) {
      case 0, 1:
        layer[path] = .directory(path)
        directories.append(path)
      case 2: layer[path] = .symlink(path, String(repeating: "t", count: draw(1..<200)))
      case 3:
        let files = layer.values.filter { if case .file = $0.entry.kind { true } else { false } }
        guard let target = files.min(by: { "\($0.entry.path)" < "\($1.entry.path)" }) else { break }
        layer[path] = .link(path, to: Self.text(target.entry))
      case 4: layer[path] = Sample(path, .characterDevice(major: 300, minor: 70_000))
      case 5 where !kinds.isEmpty: replace(&layer)
      default: layer[path] = file(path)
      }
    }
    removeSome(&layer)
    // A directory that something is in is an entry of its layer, too.
    for path in layer.keys {
      var parts = path.split(separator: "/").dropLast()
      while !parts.isEmpty {
        let above = parts.joined(separator: "/")
        if layer[above] == nil { layer[above] = .directory(above) }
        parts = parts.dropLast()
      }
    }
    remember(layer)
    return Array(layer.values)
  }

  private mutating func draw(_ range: Range<Int>) -> Int {
    Int.random(in: range, using: &noise)
  }

  private mutating func file(_ path: String) -> Sample {
    let size = draw(0..<10) == 0 ? draw(0..<300_000) : draw(0..<9000)
    let value = noise.bytes(draw(0..<3) == 0 ? draw(1..<2000) : 0)
    return .file(
      path, noise.bytes(size), mode: 0o755, uid: UInt32(draw(0..<70_000)),
      attributes: value.isEmpty ? [] : [("user.note", value)])
  }

  /// Something that is there gets other contents, or becomes something else.
  private mutating func replace(_ layer: inout [String: Sample]) {
    let paths = names { if case .file = $0 { true } else { false } }.filter { layer[$0] == nil }
    guard !paths.isEmpty else { return }
    let path = paths[draw(0..<paths.count)]
    layer[path] = draw(0..<3) == 0 ? .directory(path) : file(path)
  }

  private mutating func removeSome(_ layer: inout [String: Sample]) {
    let paths = names { _ in true }
    for _ in 0..<paths.count / 12 {
      let path = paths[draw(0..<paths.count)]
      let isTouched = layer.keys.contains { $0 == path || $0.hasPrefix(path + "/") }
      let isBelowOne = layer.contains {
        $0.value.entry.isRemoval || $0.value.entry.kind != .directory
          ? path.hasPrefix($0.key + "/") : false
      }
      if isBelowOne { continue }
      if kinds[path] == .directory, draw(0..<2) == 0 {
        if layer[path + "/"] == nil { layer[path + "/"] = .opaque(path) }
      } else if !isTouched {
        layer[path] = .whiteout(path)
      }
    }
  }

  private mutating func remember(_ layer: [String: Sample]) {
    for sample in layer.values where sample.entry.isRemoval {
      let path = Self.text(sample.entry)
      kinds = kinds.filter {
        !$0.key.hasPrefix(path + "/") && (sample.entry.kind == .opaque || $0.key != path)
      }
    }
    for (path, sample) in layer where !sample.entry.isRemoval {
      if sample.entry.kind != .directory, kinds[path] == .directory {
        kinds = kinds.filter { !$0.key.hasPrefix(path + "/") }
      }
      kinds[path] = sample.entry.kind
    }
  }

  private static func text(_ entry: LayerEntry) -> String {
    String(decoding: entry.path.bytes, as: UTF8.self)
  }

  private func names(_ accept: (LayerEntry.Kind) -> Bool) -> [String] {
    kinds.filter { accept($0.value) }.map(\.key).sorted()
  }
}

extension SplitMix {
  mutating func bytes(_ count: Int) -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(count + 8)
    while bytes.count < count {
      let word = next()
      for index in 0..<8 { bytes.append(UInt8(truncatingIfNeeded: word >> (8 * index))) }
    }
    return Array(bytes.prefix(count))
  }
}
