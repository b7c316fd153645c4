internal import Host
internal import Vocabulary

/// The first line of every connection to a supervisor (`docs/formats/supervisor.md`): what it is
/// for.
enum SupervisorGreeting: Equatable {
  /// One of the two ports of a client, whose token the other port's line repeats.
  case port(PortName, token: [UInt8])
  case status
  case pause
  case resume
  case stop(graceMilliseconds: Int)

  enum PortName: String {
    case control
    case streams
  }

  static let version = 1
  /// With the newline. Every real one is much shorter.
  static let longest = 128
  /// A day.
  private static let longestGrace = 86_400_000

  var line: [UInt8] { [UInt8]("hutch-supervisor \(Self.version) \(words)\n".utf8) }

  private var words: String {
    switch self {
    case .port(let port, let token): "\(port.rawValue) \(Hex.encode(token))"
    case .status: "status"
    case .pause: "pause"
    case .resume: "resume"
    case .stop(let milliseconds): "stop \(min(max(0, milliseconds), Self.longestGrace))"
    }
  }

  /// - Parameter line: without its newline.
  init(_ line: ArraySlice<UInt8>) throws(LaunchError) {
    let words = String(decoding: line, as: UTF8.self)
      .split(separator: " ", omittingEmptySubsequences: false)
    guard words.first == "hutch-supervisor", words.count >= 3 else {
      throw .supervisor(reason: "that is not its language")
    }
    guard words[1] == "\(Self.version)" else {
      throw .supervisor(reason: "it speaks version \(Self.version) only")
    }
    switch (words[2], words.count) {
    case ("status", 3): self = .status
    case ("pause", 3): self = .pause
    case ("resume", 3): self = .resume
    case ("stop", 4):
      guard let milliseconds = Int(words[3]), (0...Self.longestGrace).contains(milliseconds) else {
        throw .supervisor(reason: "the grace is no number of milliseconds")
      }
      self = .stop(graceMilliseconds: milliseconds)
    case (_, 4):
      guard let port = PortName(rawValue: String(words[2])),
        let token = Hex.decode(String(words[3])), token.count == 16
      else { throw .supervisor(reason: "it does not know that request") }
      self = .port(port, token: token)
    default: throw .supervisor(reason: "it does not know that request")
    }
  }
}
