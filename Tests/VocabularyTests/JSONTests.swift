import Testing
import Vocabulary

@Suite struct JSONTests {
  @Test func `one value has one rendering`() throws {
    let value: JSON = .object([
      "b": .array([.integer(-1), .bool(true), .null]), "a": .string("x\"\\\n\u{1}é"),
    ])
    #expect(value.description == #"{"a":"x\"\\\n\u0001é","b":[-1,true,null]}"#)
    #expect(try JSON(parsing: value.rendered) == value)
    #expect(try JSON(parsing: Array(value.indented.utf8)) == value)
  }

  @Test func `escapes are understood`() throws {
    let text = #"["\u00e9\ud83e\udda6\/\b\f\r\t"]"#
    #expect(
      try JSON(parsing: Array(text.utf8)) == .array([.string("é🦦/\u{8}\u{c}\r\t")]))
  }

  @Test(arguments: [
    "", "{", "[1,]", "{\"a\":1,\"a\":2}", "1.5", "1e3", "01", "-", "\"\u{1}\"", "\"\\x\"",
    "\"\\ud800\"", "nul", "[1] 2", "{a:1}", "99999999999999999999", "\"",
  ])
  func `what is no JSON of ours is refused`(text: String) {
    #expect(throws: JSONError.self) { try JSON(parsing: Array(text.utf8)) }
  }

  @Test func `nesting has an end`() {
    let text = [UInt8](repeating: UInt8(ascii: "["), count: 100_000)
    #expect(throws: JSONError.self) { try JSON(parsing: text) }
  }

  @Test func `no input makes the parser trap`() {
    var random = SystemRandomNumberGenerator()
    let seed = Array(#"{"a":[1,-2,"x\u00e9\ud83e\udda6"],"b":{"c":null,"d":true}}"#.utf8)
    for _ in 0..<20_000 {
      var bytes = seed
      for _ in 0..<Int.random(in: 1...4, using: &random) {
        bytes[Int.random(in: 0..<bytes.count, using: &random)] = UInt8.random(
          in: 0...255, using: &random)
      }
      _ = try? JSON(parsing: Array(bytes.prefix(Int.random(in: 0...bytes.count, using: &random))))
    }
  }
}
