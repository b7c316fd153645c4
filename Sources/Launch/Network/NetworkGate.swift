internal import GuestProtocol
internal import Host
internal import Vocabulary

/// A VM's only way out: connections by name over the guest channel. The VM has no network device,
/// and this process makes the connections, to what the policy allows and to nothing else.
package final class NetworkGate {
  let policy: NetworkPolicy
  private let connection: GuestConnection
  private let log: NetworkLog
  private let setUp = Exchange()
  private var connections: [GateConnection] = []
  /// What was denied, each once, the first few: for whoever wonders why a command failed.
  package private(set) var denied: [String] = []
  /// Why the guest has no network although it should.
  package var failure: String? {
    setUp.failure.map { TailBuffer.printable($0.text) }
  }

  /// The VM's programs find this many ways open without waiting.
  private static let spare = 8
  /// Open at once, those that wait included; what is more waits in the guest's kernel.
  private static let most = 136
  private static let mostDenied = 20
  /// Each is a process.
  private static let mostLookUps = 16

  package init(
    _ connection: GuestConnection, _ policy: NetworkPolicy, log: NetworkLog
  ) throws {
    self.connection = connection
    self.policy = policy
    self.log = log
    _ = try connection.request(
      .network(allowed: policy.entries.map { Array($0.utf8) }), endpoint: setUp)
  }

  /// Before the connection to the guest is watched, because this has something to say to it.
  package func watch(_ set: inout PollSet) {
    for connection in connections { connection.check() }
    connections.removeAll(where: \.isOver)
    if setUp.answer != nil { open() }
    for connection in connections { connection.watch(&set) }
  }

  /// Guests of before know of no network: they give no answer, and get no question.
  private func open() {
    var waiting = connections.count(where: \.isWaiting)
    while waiting < Self.spare, connections.count < Self.most,
      let next = try? GateConnection(connection, self)
    {
      connections.append(next)
      waiting += 1
    }
  }

  var mayLookUp: Bool { connections.count(where: \.isLookingUp) < Self.mostLookUps }

  func tell(_ event: NetworkEvent) {
    log.append(event)
    guard event.verdict == .denied, denied.count < Self.mostDenied else { return }
    let isUsual = [0, 80, 443].contains(event.port)
    let name = isUsual ? event.name : "\(event.name):\(event.port)"
    if !denied.contains(name) { denied.append(name) }
  }
}
