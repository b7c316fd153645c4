import GuestProtocol
import Host
import Testing

@testable import Workspaces

/// A small tree in memory: what a workspace held, or what a guest made of it.
struct TreeModel: Equatable, CustomStringConvertible {
  enum Node: Equatable {
    case file(String, mode: UInt32)
    case folder(mode: UInt32)
    case link(String)
  }

  var nodes: [String: Node] = [:]

  var paths: [String] {
    nodes.keys.map { bytes($0) }.sorted(by: Paths.precedes).map {
      String(decoding: $0, as: UTF8.self)
    }
  }

  var description: String {
    paths.map { "\($0) \(nodes[$0].map { "\($0)" } ?? "")" }.joined(separator: "\n")
  }

  private static let names = ["a", "a-b", "b", "c.d"]

  /// Some tree, at most three deep.
  static func random(_ generator: inout Generator) -> TreeModel {
    var model = TreeModel()
    for _ in 0..<Int.random(in: 0...9, using: &generator) { model.mutate(&generator) }
    return model
  }

  /// Makes, changes or removes something.
  mutating func mutate(_ generator: inout Generator) {
    let depth = Int.random(in: 1...3, using: &generator)
    var path = ""
    for level in 1...depth {
      if !path.isEmpty {
        if case .folder? = nodes[path] {} else { set(path, .folder(mode: 0o755)) }
        path += "/"
      }
      path += Self.names.randomElement(using: &generator) ?? "a"
      if level == depth { break }
    }
    switch Int.random(in: 0...5, using: &generator) {
    case 0: remove(path)
    case 1:
      // Of a directory that stays, only its mode changes.
      nodes[path].map { if case .folder = $0 {} else { remove(path) } }
      nodes[path] = .folder(mode: [0o755, 0o700, 0o555].randomElement(using: &generator) ?? 0)
    case 2: set(path, .link(Self.names.randomElement(using: &generator) ?? "a"))
    default:
      let size = Int.random(in: 0...3, using: &generator)
      let text = "\(generator.next())" + String(repeating: "x", count: size * 700)
      set(
        path,
        .file(text, mode: [0o644, 0o755, 0o600].randomElement(using: &generator) ?? 0))
    }
  }

  private mutating func remove(_ path: String) {
    for below in nodes.keys where below == path || below.hasPrefix(path + "/") {
      nodes[below] = nil
    }
  }

  private mutating func set(_ path: String, _ node: Node) {
    remove(path)
    nodes[path] = node
  }

  func make(in place: Workplace) throws {
    let top = try OwnedDescriptor.open(place.tree, .directory)
    for path in paths {
      switch nodes[path] {
      case .file(let text, let mode): try place.file(path, text, mode: mode)
      case .folder: try place.folder(path)
      case .link(let target): try place.link(path, target)
      case nil: break
      }
      try top.setTimes(of: bytes(path), seconds: 1_600_000_000)
    }
    // Last, for whoever may not write into a directory that says so.
    for path in paths.reversed() {
      if case .folder(let mode)? = nodes[path] { try top.setMode(of: bytes(path), mode) }
    }
  }

  /// What the workspace holds.
  static func read(_ place: Workplace) throws -> TreeModel {
    var model = TreeModel()
    let top = try OwnedDescriptor.open(place.tree, .directory)
    var pending = try top.entries()
    while let path = pending.popLast() {
      let status = try #require(
        Files.status(place.tree + "/" + String(decoding: path, as: UTF8.self)))
      let text = String(decoding: path, as: UTF8.self)
      switch status.kind {
      case .regular: model.nodes[text] = .file(try place.text(text), mode: status.mode)
      case .directory:
        model.nodes[text] = .folder(mode: status.mode)
        pending += try top.openBeneath(path, .directory).entries().map { Paths.join(path, $0) }
      case .symlink:
        model.nodes[text] = .link(String(decoding: try top.readLink(path), as: UTF8.self))
      default: break
      }
    }
    return model
  }

  /// The change set of a guest that made `after` out of this, as `pack` with only changes sends
  /// it.
  func changes(to after: TreeModel) throws -> [UInt8] {
    var maker = TarMaker()
    for path in paths where after.nodes[path] == nil {
      let parent = String(decoding: Paths.parent(bytes(path)), as: UTF8.self)
      // Below what is gone, or is no directory any more, nothing is said.
      if parent.isEmpty { try maker.gone(path) }
      if case .folder? = after.nodes[parent] { try maker.gone(path) }
    }
    for path in after.paths where nodes[path] != after.nodes[path] {
      switch after.nodes[path] {
      case .file(let text, let mode): try maker.file(path, text, mode: mode)
      case .folder(let mode): try maker.folder(path, mode: mode)
      case .link(let target): try maker.link(path, target)
      case nil: break
      }
    }
    return maker.whole
  }
}
