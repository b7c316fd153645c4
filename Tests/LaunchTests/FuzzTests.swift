import GuestProtocol
import Host
import Launch
import Testing

/// Numbers that are the same in every run (xorshift64*).
struct SeededNumbers: RandomNumberGenerator {
  private var state: UInt64

  init(_ seed: UInt64) { state = seed | 1 }

  mutating func next() -> UInt64 {
    state ^= state >> 12
    state ^= state << 25
    state ^= state >> 27
    return state &* 2_685_821_657_736_338_717
  }
}

/// Resident memory of this process, in bytes.
func residentBytes() -> Int {
  let bytes = (try? Files.read("/proc/self/statm", limit: 4096)) ?? []
  let words = String(decoding: bytes, as: UTF8.self).split(separator: " ")
  return words.count > 1 ? (Int(words[1]) ?? 0) * 4096 : 0
}

struct FuzzTests {
  /// What a guest says in a session with two commands and a request.
  private static let control: [UInt8] = [
    (0, Message.hello(Hello(nonce: [UInt8](1...16)))), (0, .ready(milliseconds: 900)),
    (0, .ping(7)), (1, .started(pid: 10)), (1, .credit(.standardInput, bytes: 5)), (3, .done([])),
    (2, .failed(GuestFailure(.notFound, errno: 2, text: [UInt8]("no".utf8)))),
    (1, .exit(.exited(3))),
  ].flatMap { $1.encoded(stream: $0) }

  private static let streams: [UInt8] = [
    (0, Message.hello(Hello(nonce: [UInt8](1...16)))),
    (1, .data(.standardOutput, [UInt8](repeating: 65, count: 100))),
    (1, .data(.standardError, [UInt8](repeating: 66, count: 40))), (1, .end(.standardOutput)),
    (1, .end(.standardError)),
  ].flatMap { $1.encoded(stream: $0) }

  private static func mutated(
    _ bytes: [UInt8], _ numbers: inout SeededNumbers
  ) -> [UInt8] {
    var bytes = bytes
    for _ in 0..<Int.random(in: 0...4, using: &numbers) where !bytes.isEmpty {
      let at = bytes.indices.randomElement(using: &numbers) ?? 0
      switch Int.random(in: 0..<6, using: &numbers) {
      case 0: bytes[at] = UInt8.random(in: 0...255, using: &numbers)
      case 1: bytes[at] ^= 1 << UInt8.random(in: 0..<8, using: &numbers)
      case 2: bytes.removeSubrange(at..<min(bytes.count, at + 12))
      case 3: bytes.insert(contentsOf: bytes[at..<min(bytes.count, at + 24)], at: at)
      case 4: bytes.insert(UInt8.random(in: 0...255, using: &numbers), at: at)
      default: bytes.removeSubrange(at...)
      }
    }
    return bytes
  }

  @Test func `twenty thousand broken sessions neither crash nor pile up memory`() throws {
    var numbers = SeededNumbers(20_251_125)
    var refused = 0
    let before = residentBytes()
    for _ in 0..<20_000 {
      let guest = try RawGuest()
      let witness = Witness()
      witness.consumes = guest.connection
      for _ in 0..<2 { _ = try guest.connection.request(.open(.exec("x")), endpoint: witness) }
      _ = try guest.connection.request(.freeze, endpoint: witness)
      guest.send(Self.mutated(Self.control, &numbers), .control)
      guest.send(Self.mutated(Self.streams, &numbers), .streams)
      do {
        try guest.settle(turns: 3)
      } catch {
        refused += 1
      }
    }
    #expect(refused > 1000)
    #expect(residentBytes() - before < 64 << 20)
  }
}
