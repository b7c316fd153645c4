import Building
import Host
import Testing
import Vocabulary

@Suite struct SecretTests {
  private static let value = "open sesame 4711"

  @Test func `a step finds its secrets below /run/secrets, for itself alone, in memory`() throws {
    let place = try Workplace()
    let outcome = try place.script(
      """
      ls -A /run/secrets
      stat -c '%a %u %s' /run/secrets/token
      test "$(cat /run/secrets/token)" = '\(Self.value.dropLast())'1 && echo the same
      wc -c </run/secrets/binary
      ls /run/hutch
      env
      """, secrets: ["token": Secret(Array(Self.value.utf8)), "binary": Secret([1, 0, 2, 0])])
    #expect(outcome.lines.prefix(4) == ["binary", "token", "400 0 16", "the same"])
    #expect(outcome.lines[4] == "4")
    #expect(!outcome.lines.contains { $0.contains("sesame") })
    #expect(outcome.names.isEmpty)
    #expect(outcome.findings.isEmpty)
  }

  @Test func `a step without secrets has no such directory`() throws {
    #expect(try Workplace().script("test ! -e /run/secrets && echo none").lines == ["none"])
  }

  @Test func `what a step says is told without its secrets`() throws {
    let place = try Workplace()
    let secrets = ["token": Secret(Array("\(Self.value)\n".utf8)), "other": Secret([1, 2])]
    let outcome = try place.script(
      """
      cat /run/secrets/token
      echo "one $(cat /run/secrets/token) two $(cat /run/secrets/token)" >&2
      printf '%4090s%s\\n' '' "$(cat /run/secrets/token)"
      """, secrets: secrets)
    #expect(outcome.lines.prefix(2) == ["(a secret)", "one (a secret) two (a secret)"])
    // A line that is longer than what is handed on at once.
    let long = outcome.lines.dropFirst(2).joined()
    #expect(long.hasSuffix(" (a secret)") && long.utf8.count > 4096)
    let error = #expect(throws: BuildingError.self) {
      try place.script("cat /run/secrets/token; exit 3", secrets: secrets)
    }
    #expect(
      error?.message == "\"run cat /run/secrets/token; exit 3\" ended with status 3\n  (a secret)")
  }

  @Test func `a secret that ends in the layer is told`() throws {
    let place = try Workplace()
    let outcome = try place.script(
      "cp /run/secrets/token /opt/kept", secrets: ["token": Secret(Array(Self.value.utf8))])
    #expect(outcome.findings.map(\.path.description) == ["/opt/kept"])
    #expect(outcome.findings.map(\.isHandedIn) == [true])
    #expect(BuildingError.holdsSecrets(outcome.findings).hint?.contains("seal.allow") == false)
  }

  @Test func `a secret prints as nothing, also inside of other values`() {
    let secret = Secret(Array(Self.value.utf8))
    for text in [
      "\(secret)", "\([secret])", String(reflecting: secret), "\(["a": secret])",
      "\(Isolation.Action.writeSecret("/x", secret))",
    ] {
      #expect(!text.contains("111"), "\(text)")
      #expect(text.contains("(a secret)"), "\(text)")
    }
    var dumped = ""
    dump(secret, to: &dumped)
    #expect(!dumped.contains("111"))
  }
}
