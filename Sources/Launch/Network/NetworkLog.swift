internal import Host
package import Vocabulary

/// What became of a connection that a VM wanted to make.
package struct NetworkEvent: Sendable, Equatable {
  package enum Verdict: String, Sendable {
    /// It was made. Said at once, so that a VM can't hide it by never ending it.
    case allowed
    case denied
    /// Allowed, and not reached.
    case failed
    /// One that was made has ended; the bytes are all that it carried.
    case ended
  }

  package var time: SourceDate
  package var verdict: Verdict
  package var name: String
  /// 0 where only the name's address was asked for.
  package var port: UInt16
  package var address: String?
  /// From the VM, and to it.
  package var sent: ByteCount = .zero
  package var received: ByteCount = .zero
  package var reason: String?

  package var json: JSON {
    .object([
      "time": .string(time.rfc3339), "verdict": .string(verdict.rawValue),
      "name": .string(name), "port": .integer(Int64(port)), "address": .optional(address),
      "sent_bytes": .integer(sent.bytes), "received_bytes": .integer(received.bytes),
      "reason": .optional(reason),
    ])
  }

  package init?(_ json: JSON) {
    guard let time = json["time"]?.string.flatMap(SourceDate.init(rfc3339:)),
      let verdict = json["verdict"]?.string.flatMap(Verdict.init(rawValue:)),
      let name = json["name"]?.string,
      let port = json["port"]?.integer.flatMap(UInt16.init(exactly:)),
      let sent = json["sent_bytes"]?.integer, let received = json["received_bytes"]?.integer
    else { return nil }
    self.init(time: time, verdict: verdict, name: name, port: port)
    address = json["address"]?.string
    self.sent = ByteCount(sent)
    self.received = ByteCount(received)
    reason = json["reason"]?.string
  }

  package init(time: SourceDate, verdict: Verdict, name: String, port: UInt16) {
    self.time = time
    self.verdict = verdict
    self.name = name
    self.port = port
  }
}

/// The connections of a VM in a file, one JSON object a line, that never grows beyond a limit: when
/// it is full, its older half goes.
package final class NetworkLog {
  private let file: OwnedDescriptor?
  private var size: Int
  private let limit: Int

  /// Goes on with a file that is there. Without a path nothing is kept.
  package init(path: String?, limit: Int = 512 << 10) throws {
    self.limit = limit
    guard let path else {
      file = nil
      size = 0
      return
    }
    file = try OwnedDescriptor.open(
      path, Files.exists(path) ? .readWrite : .createTruncated(mode: 0o600))
    size = Int(Files.status(path)?.size ?? 0)
  }

  /// A log that can't be written is no reason to cut a connection.
  package func append(_ event: NetworkEvent) {
    guard file != nil else { return }
    let line = event.json.rendered + [0x0A]
    if size + line.count > limit { forgetHalf() }
    try? file?.pwriteAll(line, at: Int64(size))
    size += line.count
  }

  private func forgetHalf() {
    let start = max(0, size - limit / 2)
    let tail = (try? file?.pread(at: Int64(start), count: size - start)) ?? []
    let kept = tail.firstIndex(of: 0x0A).map { tail[($0 + 1)...] } ?? []
    try? file?.truncate(to: 0)
    try? file?.pwriteAll(Array(kept), at: 0)
    size = kept.count
  }

  /// The events of a file, the oldest first; what is no event is left out.
  package static func events(in text: [UInt8]) -> [NetworkEvent] {
    text.split(separator: 0x0A).compactMap { line in
      (try? JSON(parsing: Array(line))).flatMap { NetworkEvent($0) }
    }
  }
}
