import Host
import Inputs
import TestSupport
import Testing

@Suite struct VersionTests {
  /// In ascending order.
  static let ordered = [
    "~~", "~", "", "1.0~rc1", "1.0", "1.0-1", "1.0-1+b1", "1.0-1.1", "1.0-2~bpo12+1", "1.0-2",
    "1.0-10", "1.0a", "1.0+dfsg", "1.2", "1.10", "1.100000000000000000000000000001", "2", "a",
    "1:0.1", "1:0.1-1", "2:~1",
  ]

  @Test func `versions are ordered as dpkg orders them`() {
    for (index, left) in Self.ordered.enumerated() {
      for (other, right) in Self.ordered.enumerated() {
        #expect(
          (DebianVersion(left) < DebianVersion(right)) == (index < other), "\(left) < \(right)")
        #expect((DebianVersion(left) == DebianVersion(right)) == (index == other))
      }
    }
    for (left, right) in [("1.0", "1.00"), ("0:1", "1"), ("1-0", "1")] {
      #expect(DebianVersion(left) == DebianVersion(right))
    }
  }

  @Test(.with("dpkg")) func `dpkg says the same`() throws {
    let versions = Self.ordered.filter { $0.first?.isNumber == true }
    for (left, right) in zip(versions, versions.dropFirst()) {
      let said = try Processes.run(
        Command("dpkg", ["--compare-versions", left, "lt", right]))
      #expect(said.status.isSuccess, "\(left) < \(right)")
    }
  }

  @Test func `packages that came, went, rose and fell are named`() {
    func status(_ packages: [(String, String)]) -> InstalledPackages {
      InstalledPackages(
        status: Array(
          packages.map {
            "Package: \($0)\nStatus: install ok installed\nVersion: \($1)\n\n"
          }.joined().utf8))
    }
    let before = status([("fell", "2"), ("rose", "1.9"), ("same", "1"), ("went", "1")])
    let after = status([("came", "3"), ("fell", "1~"), ("rose", "1.10"), ("same", "1")])
    let changes = before.changes(to: after)
    #expect(changes.map(\.name) == ["came", "fell", "rose", "went"])
    #expect(changes.map(\.kind) == [.added, .downgraded, .upgraded, .removed])
    #expect(before.changes(to: before).isEmpty)
  }
}
