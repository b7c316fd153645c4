import Testing

@testable import Workspaces

extension WorkspaceChanges {
  /// The list as text, one line for each change.
  var lines: [String] { list.map(\.line) }

  /// What stays behind: the topmost path, the reason, how many changes.
  var leftOutLines: [String] {
    leftOut.map { "\(PathText.of($0.path)) \($0.reason.rawValue) \($0.count)" }
  }
}

extension WorkspaceChange {
  fileprivate var line: String {
    var line = "\(kind) \(node) \(PathText.of(path))"
    if let formerNode { line += " was \(formerNode)" }
    if node != .symbolicLink { line += " \(String(mode, radix: 8))" }
    if size > 0 { line += " size \(size)" }
    if !target.isEmpty { line += " -> \(PathText.of(target))" }
    if below > 0 { line += " and \(below)" }
    if let warning { line += " ! \(warning.rawValue)" }
    return line
  }
}

extension [WorkspaceConflict] {
  var lines: [String] { map { "\(PathText.of($0.path)) \($0.reason.rawValue)" } }
}

/// The error of something that has to fail with one of ours.
func failure(_ body: () throws -> some Any) throws -> WorkspacesError {
  do {
    _ = try body()
  } catch let error as WorkspacesError {
    return error
  }
  throw NoFailure()
}

/// Nothing failed where something had to.
struct NoFailure: Error {}

/// Expects that a change set is refused for exactly this reason.
func expectRefused(
  _ path: String, _ reason: ChangeRefusal, on place: Workplace,
  sourceLocation: SourceLocation = #_sourceLocation, _ make: (inout TarMaker) throws -> Void
) throws {
  let error = #expect(throws: WorkspacesError.self, sourceLocation: sourceLocation) {
    try place.changes(make)
  }
  guard let error else { return }
  guard case .refused(bytes(path), reason) = error else {
    Issue.record("\(error.message)", sourceLocation: sourceLocation)
    return
  }
}

/// Expects that a change set is no archive of ours, and that nothing of it is kept.
func expectMalformed(
  _ bytes: [UInt8], sourceLocation: SourceLocation = #_sourceLocation
) throws {
  let place = try Workplace()
  let error = #expect(throws: WorkspacesError.self, sourceLocation: sourceLocation) {
    try place.changes(bytes, on: WorkspaceSnapshot())
  }
  guard let error else { return }
  guard case .malformed = error else {
    Issue.record("\(error.message)", sourceLocation: sourceLocation)
    return
  }
  #expect(try place.names() == ["tree"], sourceLocation: sourceLocation)
}
