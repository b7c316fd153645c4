import Host
import Inputs
import Recipes
import TestSupport
import Testing
import Vocabulary

@Suite struct PublishedFilesTests {
  private func path(_ text: String) throws -> GuestPath { try #require(GuestPath(text)) }

  @Test func `a file is public if a package has the same bytes at the same place`() throws {
    guard present("published files", "dpkg-deb") else { return }
    let place = try Workplace()
    let packages = [
      try place.package("alpha", contents: "one"), try place.package("beta", contents: "two"),
    ]
    for package in packages { try place.keep(package) }
    let files = [
      try path("/file-alpha"): Digest.of("one"), try path("/file-beta"): Digest.of("changed"),
      try path("/usr/file-alpha"): Digest.of("one"),
    ]
    #expect(
      try PublishedFiles.among(files, of: packages, in: place.store) == [try path("/file-alpha")])
    #expect(try PublishedFiles.among(files, of: [packages[1]], in: place.store).isEmpty)
  }

  @Test func `a package that is not in the store says nothing`() throws {
    guard present("published files", "dpkg-deb") else { return }
    let place = try Workplace()
    let package = try place.package("alpha", contents: "one")
    let files = [try path("/file-alpha"): Digest.of("one")]
    #expect(try PublishedFiles.among(files, of: [package], in: place.store).isEmpty)
  }

  @Test func `a package that speaks of lib means usr lib`() throws {
    guard present("published files", "dpkg-deb") else { return }
    let place = try Workplace()
    let tree = place("tree-gamma")
    try Files.makeDirectories(tree + "/lib/gamma")
    try Files.write(tree + "/lib/gamma/key", Array("key".utf8))
    let package = try place.package("gamma")
    try place.keep(package)
    let files = [try path("/usr/lib/gamma/key"): Digest.of("key")]
    #expect(
      try PublishedFiles.among(files, of: [package], in: place.store) == Set(files.keys))
  }
}
