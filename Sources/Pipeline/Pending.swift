internal import Catalog
internal import Host
internal import Launch
internal import Vocabulary

package struct WorkspaceChange: Sendable {
  package enum Kind: String, Sendable { case added, changed, removed }
  package var kind: Kind
  package var path: String
}
struct IncomingChanges {
  var list: [WorkspaceChange] = []
  var count = ""
  var directory = ""
  func apply() throws {}
}
struct OutgoingWorkspace {
  static let guestPath = "/workspace"
  let directory: String
  init(directory: String) throws { self.directory = directory }
  func send(over link: any GuestLink, _ report: Reporter, _ timings: inout Timings) throws {}
  func fetchChanges(to: String, over: any GuestLink, _ report: Reporter, _ timings: inout Timings)
    throws -> IncomingChanges
  { IncomingChanges() }
}
extension Session {
  func sweepSockets() {}
  package func sync(_ name: String, _ ending: WorkspaceEnding) throws -> [WorkspaceChange] { [] }
}
