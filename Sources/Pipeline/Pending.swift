internal import Catalog
internal import Host
internal import Launch
internal import Vocabulary

struct BootFiles { var key: ObjectKey }
package enum WorkspaceEnding: Sendable { case apply, discard, ask }
package enum TerminalWish: Sendable { case always, never, whereThereIsOne }
package struct CommandRequest: Sendable {
  package init(words: [String], variables: [String], directory: String?, user: String?, terminal: TerminalWish) {}
}
package struct RunRequest: Sendable {
  package init(image: String, name: String?, command: CommandRequest, machine: MachineWishes, workspace: String?, ending: WorkspaceEnding, keeps: Bool, seconds: Int?, mayBuild: Bool) {}
}
package struct RunOutcome: Sendable { package var status: Int32; package var timings: Timings }
package struct StartRequest: Sendable {
  package init(name: String, vmName: String?, machine: MachineWishes) {}
}
package struct StartOutcome: Sendable { package var name: String }
package struct WorkspaceChange: Sendable {
  package enum Kind: String, Sendable { case added, changed, removed }
  package var kind: Kind
  package var path: String
}
extension Session {
  func makeBoot(of image: ImageRecord, _ lease: Lease, _ timings: inout Timings) throws -> BootFiles { BootFiles(key: .boot("x")) }
  func sweepSockets() {}
  package static var supervisorVerb: String { "internal-supervisor" }
  package static func supervise(_ arguments: [String]) -> Never { fatalError() }
  package func run(_ request: RunRequest) throws -> RunOutcome { throw PipelineError.noSuchVM("") }
  package func exec(_ name: String, _ request: CommandRequest) throws -> Int32 { 0 }
  package func sync(_ name: String, _ ending: WorkspaceEnding) throws -> [WorkspaceChange] { [] }
  package func start(_ request: StartRequest) throws -> StartOutcome { throw PipelineError.noSuchVM("") }
  package func stop(_ name: String, seconds: Int) throws {}
  package func remove(_ name: String, force: Bool) throws {}
  package func console(of name: String) throws -> [UInt8] { [] }
}
package struct Finding: Sendable {
  package enum State: String, Sendable { case ok, missing, note }
  package var check: String
  package var state: State
  package var detail: String
  package var hint: String?
}
package struct Doctor: Sendable {
  package init(store: String?) {}
  package func examine() -> [Finding] { [] }
}
