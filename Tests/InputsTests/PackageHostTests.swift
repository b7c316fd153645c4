import Testing

@testable import Inputs

@Suite struct PackageHostTests {
  @Test(arguments: [
    ("https://packages.example/simple", "packages.example"),
    ("http://user:secret@Packages.Example:8080/x?y", "packages.example:8080"),
    ("https://packages.example", "packages.example"), ("file:///srv/wheels", nil),
    ("/srv/wheels", nil), ("https://[::1]/x", nil), ("https:///x", nil), ("", nil),
  ])
  func `of an address the host counts, and its port`(address: String, host: String?) {
    #expect(PackageHosts.host(of: address) == host)
  }
}
