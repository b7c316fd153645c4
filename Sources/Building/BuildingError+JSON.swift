internal import Glibc
internal import Host
package import Vocabulary

/// A worker's failure on its way to the process that asked: what it is for, word for word.
extension BuildingError {
  package init(reported json: JSON) {
    switch json["case"]?.string {
    case "step-failed":
      let code = Int32(clamping: json["status"]?.integer ?? 1)
      self = .stepFailed(
        what: json["what"]?.string ?? "",
        status: code >= 128 ? .signalled(code - 128) : .exited(code),
        tail: json["tail"]?.string ?? "")
    case "timed-out":
      self = .stepTimedOut(
        what: json["what"]?.string ?? "", seconds: Int(json["seconds"]?.integer ?? 0))
    case "beyond-limit":
      self = .stepBeyondLimit(
        what: json["what"]?.string ?? "",
        excess: json["excess"]?.string.flatMap { .init(rawValue: $0) } ?? .memory,
        limits: .init(
          memory: ByteCount(json["memory_bytes"]?.integer ?? 0),
          processes: Int(json["processes"]?.integer ?? 0)))
    case "system":
      self = .host(
        .system(
          operation: json["operation"]?.string ?? "use", path: json["path"]?.string ?? "",
          errno: Int32(clamping: json["errno"]?.integer ?? Int64(EIO))))
    case "missing-tool":
      self = .host(
        .missingTool(
          name: json["name"]?.string ?? "", debianPackage: json["package"]?.string ?? ""))
    case "interrupted":
      self = .host(.interrupted(signal: Int32(clamping: json["signal"]?.integer ?? 2)))
    default:
      self = .worker(
        message: json["message"]?.string ?? "\(json)",
        kind: FailureKind(rawValue: Int32(clamping: json["kind"]?.integer ?? 1)) ?? .failed,
        hint: json["hint"]?.string)
    }
  }

  /// What of any error a worker may meet has to survive the way.
  package static func report(_ error: any Error) -> JSON {
    var members: [String: JSON] = [:]
    var inner = error
    if case BuildingError.host(let host) = error { inner = host }
    switch inner {
    case BuildingError.stepFailed(let what, let status, let tail):
      members = [
        "case": .string("step-failed"), "what": .string(what), "tail": .string(tail),
        "status": .integer(Int64(status.shellStatus)),
      ]
    case BuildingError.stepTimedOut(let what, let seconds):
      members = [
        "case": .string("timed-out"), "what": .string(what), "seconds": .integer(Int64(seconds)),
      ]
    case BuildingError.stepBeyondLimit(let what, let excess, let limits):
      members = [
        "case": .string("beyond-limit"), "what": .string(what),
        "excess": .string(excess.rawValue), "memory_bytes": .integer(limits.memory.bytes),
        "processes": .integer(Int64(limits.processes)),
      ]
    case HostError.system(let operation, let path, let errno):
      members = [
        "case": .string("system"), "operation": .string(operation), "path": .string(path),
        "errno": .integer(Int64(errno)),
      ]
    case HostError.missingTool(let name, let package):
      members = [
        "case": .string("missing-tool"), "name": .string(name), "package": .string(package),
      ]
    case HostError.interrupted(let signal):
      members = ["case": .string("interrupted"), "signal": .integer(Int64(signal))]
    default:
      let failure = inner as? any Failure
      members = [
        "message": .string(failure?.message ?? "\(inner)"),
        "kind": .integer(Int64((failure?.kind ?? .failed).rawValue)),
        "hint": .optional(failure?.hint),
      ]
    }
    return .object(["failure": .object(members)])
  }
}
