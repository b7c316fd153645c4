import Testing
import Vocabulary

@testable import Building

@Suite struct JavaKeyStoreTests {
  private let date = SourceDate(1_700_000_000)

  private func number(_ value: Int, _ width: Int) -> [UInt8] {
    (0..<width).reversed().map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
  }

  private func text(_ text: String) -> [UInt8] { number(text.utf8.count, 2) + Array(text.utf8) }

  private func blob(_ count: Int) -> [UInt8] {
    number(count, 4) + [UInt8](repeating: 7, count: count)
  }

  /// A certificate and a key with a chain of one, as they were added then.
  private func store(added moment: Int, password: String = "changeit") -> [UInt8] {
    let body =
      number(0xFEED_FEED, 4) + number(2, 4) + number(2, 4) + number(2, 4) + text("debian:a.pem")
      + number(moment, 8) + text("X.509") + blob(300) + number(1, 4) + text("key")
      + number(moment + 5, 8) + blob(40) + number(1, 4) + text("X.509") + blob(20)
    let secret = password.utf16.flatMap { [UInt8($0 >> 8), UInt8($0 & 255)] }
    return body + SHA1.digest(of: secret + Array("Mighty Aphrodite".utf8) + body)
  }

  @Test func `stores that were made at different times become the same`() throws {
    let one = try #require(JavaKeyStore.withDates(store(added: 1_795_000_000_123), date))
    let other = try #require(JavaKeyStore.withDates(store(added: 1_795_000_777_000), date))
    #expect(one == other)
    // Whole as before: what was made can be made again.
    #expect(JavaKeyStore.withDates(one, date) == one)
    #expect(one.count == store(added: 0).count)
  }

  @Test func `what is damaged, cut off or somebody's own stays as it is`() {
    let whole = store(added: 1)
    for count in 0..<whole.count {
      #expect(JavaKeyStore.withDates(Array(whole.prefix(count)), date) == nil)
    }
    for index in stride(from: 8, to: whole.count, by: 7) {
      var changed = whole
      changed[index] ^= 0xFF
      #expect(JavaKeyStore.withDates(changed, date) == nil)
    }
    #expect(JavaKeyStore.withDates(store(added: 1, password: "secret"), date) == nil)
  }
}
