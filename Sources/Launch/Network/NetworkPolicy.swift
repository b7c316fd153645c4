package import GuestProtocol

/// What a VM reaches: names, and nothing else.
package struct NetworkPolicy: Sendable, Hashable {
  package let allowed: [AllowedHost]
  /// As the guest gets them.
  package let entries: [String]

  /// - Parameter entries: what is no `AllowedHost` allows nothing.
  package init(entries: [String]) {
    self.entries = entries.filter { AllowedHost($0.utf8) != nil }
    allowed = self.entries.compactMap { AllowedHost($0.utf8) }
  }

  /// Why a connection is not made.
  package enum Refusal: String, Sendable {
    case name = "the name is not on the list"
    case port = "the name is on the list, with other ports"
    case address = "the name leads to an address of this machine or of a private network"
    case nowhere = "the name leads to an address that no service has"
  }

  /// - Parameter name: as `HostName.canonical` gives it.
  package func refusal(of name: [UInt8], port: UInt16) -> Refusal? {
    if allowed.contains(where: { $0.matches(name, port: port) }) { return nil }
    return allowed.contains { $0.matches(name) } ? .port : .name
  }

  /// Those of a name's addresses that may be connected to.
  package func reachable(
    _ addresses: [HostAddress], as name: [UInt8], port: UInt16
  ) -> (addresses: [HostAddress], refusal: Refusal?) {
    let mayBeNear = allowed.contains { $0.allowsPrivate && $0.matches(name, port: port) }
    let good = addresses.filter { address in
      switch address.reach {
      case .everywhere: true
      case .nearby: mayBeNear
      case .nowhere: false
      }
    }
    if !good.isEmpty { return (good, nil) }
    return ([], addresses.contains { $0.reach == .nearby } ? .address : .nowhere)
  }
}
