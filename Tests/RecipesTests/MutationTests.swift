import Testing

@testable import Recipes

/// Valid texts with random damage: whatever comes, the parsers return or throw their own error.
/// The damage is the same in every run.
struct MutationTests {
  /// SplitMix64 (Steele, Lea, Flood, "Fast Splittable Pseudorandom Number Generators").
  struct Generator: RandomNumberGenerator {
    var state: UInt64
    mutating func next() -> UInt64 {
      state &+= 0x9E37_79B9_7F4A_7C15
      var mixed = state
      mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
      mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
      return mixed ^ (mixed >> 31)
    }
  }

  static let fragments = [
    "[", "]", "[[", "]]", "{", "}", "\"", "'", "\"\"\"", "'''", "=", ".", ",", "\n", "\r", "#",
    "\\",
    "\\u0000", "\0", "1979-05-27 07:32:00", "1e999", "nan", "0x", "-", "ä", "\u{FEFF}", "[step]",
    "[[step]]", "format = 1", "a.b.c.d = 1", "9223372036854775808",
  ].map { Array($0.utf8) }

  static func mutate(_ text: [UInt8], _ random: inout Generator) -> String {
    var bytes = text
    for _ in 0..<Int.random(in: 1...4, using: &random) where !bytes.isEmpty {
      let at = Int.random(in: 0..<bytes.count, using: &random)
      switch Int.random(in: 0..<5, using: &random) {
      case 0: bytes.remove(at: at)
      case 1: bytes[at] = UInt8.random(in: 0...127, using: &random)
      case 2: bytes.insert(contentsOf: fragments.randomElement(using: &random) ?? [], at: at)
      case 3:
        bytes.removeSubrange(at..<min(bytes.count, at + Int.random(in: 1...40, using: &random)))
      default:
        let end = min(bytes.count, at + Int.random(in: 1...200, using: &random))
        bytes.insert(
          contentsOf: Array(bytes[at..<end]), at: Int.random(in: 0..<bytes.count, using: &random))
      }
    }
    return String(decoding: bytes, as: UTF8.self)
  }

  @Test func `damaged recipes are read or refused`() throws {
    let texts = [try Fixture.text("good-everything.toml"), RecipeChainTests.python]
    var random = Generator(state: 1)
    var refused = 0
    for round in 0..<3000 {
      let text = Self.mutate(Array(texts[round % 2].utf8), &random)
      do {
        _ = try RecipeParser.parse(text: text, path: "x.toml")
      } catch {
        refused += 1
        for mistake in error.mistakes {
          #expect(mistake.line >= 1 && mistake.column >= 1)
          #expect(Names.isPrintable(mistake.message), "\(mistake.message)")
        }
      }
    }
    #expect(refused > 1000)
  }

  @Test func `damaged locks are read or refused, and what is read renders to what is read`() throws
  {
    let text = Array(LockTests.lock(try LockTests.chain(), kernel: true).render().utf8)
    var random = Generator(state: 2)
    var accepted = 0
    for _ in 0..<1500 {
      let damaged = Self.mutate(text, &random)
      guard let lock = try? Lock.parse(damaged, path: "x.lock") else { continue }
      accepted += 1
      #expect(try Lock.parse(lock.render(), path: "x.lock") == lock)
    }
    #expect(accepted < 1500)
  }
}
