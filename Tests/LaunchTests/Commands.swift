import GuestProtocol
import Launch

/// What a command in a guest said and how it ended.
struct Said {
  var outcome: SessionOutcome
  var output: String
  var error: String
}

extension OpenRequest {
  static func exec(_ arguments: String..., environment: [String] = []) -> OpenRequest {
    var request = OpenRequest(.exec)
    request.arguments = arguments.map { [UInt8]($0.utf8) }
    request.environment = environment.map { [UInt8]($0.utf8) }
    return request
  }

  static func shell(_ line: String) -> OpenRequest { .exec("sh", "-c", line) }
}

extension GuestLink {
  /// Runs a command and keeps what it says.
  func ask(
    _ request: OpenRequest, input: [UInt8]? = nil, milliseconds: Int? = 60_000
  ) throws -> Said {
    let output = MemorySink(limit: 1 << 20)
    let error = MemorySink(limit: 1 << 20)
    let io = SessionIO(
      input: input.map { FunctionSource($0) }, output: output, error: error)
    let outcome = try run(request, io: io, milliseconds: milliseconds).outcome
    return Said(
      outcome: outcome, output: String(decoding: output.bytes, as: UTF8.self),
      error: String(decoding: error.bytes, as: UTF8.self))
  }
}
