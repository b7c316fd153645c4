import Testing
import Vocabulary

@Suite struct VocabularyTests {
  @Test func `a digest has one spelling`() throws {
    let hex = String(repeating: "ab", count: 32)
    #expect(Digest("sha256:" + hex)?.description == "sha256:" + hex)
    #expect(Digest("sha256:" + hex.uppercased()) == nil)
    #expect(Digest("sha512:" + hex) == nil)
    #expect(Digest("sha256:" + hex.dropLast()) == nil)
  }

  @Test func `the digest of nothing is the one that everybody knows`() {
    #expect(
      Digest.of("").hex == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
  }

  @Test func `an integrity has one spelling, which is the one that registries give`() throws {
    var stream = IntegrityStream()
    stream.update(Array("abc".utf8))
    // FIPS 180-2, C.1, in Base64.
    let abc =
      "3a81oZNherrMQXNJriBBMRLm+k6JqX6iCp7u5ktV05ohkpkqJ0/BqDa6PCOj/uu9RU1EI2Q86A4qmslPpUyknw=="
    let integrity = stream.finish()
    #expect(integrity.description == "sha512-" + abc)
    #expect(Integrity("sha512-" + abc) == integrity)
    let others = [
      abc, "sha512-" + abc.dropLast(), "sha512-" + abc.dropLast(4), "sha256-" + abc,
      "sha512-" + abc.replacing("nw==", with: "nx=="), "sha512-" + abc.replacing("+", with: "-"),
      "sha512-\(abc) sha512-\(abc)", "sha512-", "sha512-" + abc.replacing("3a81", with: "=a81"),
    ]
    for text in others { #expect(Integrity(text) == nil, "\(text)") }
  }

  @Test func `a chain of one layer is named by that layer`() throws {
    let first = DiffID(Digest.of("a"))
    let second = DiffID(Digest.of("b"))
    #expect(ChainID(of: [first])?.digest == first.digest)
    #expect(ChainID(of: [first, second])?.digest == Digest.of("\(first) \(second)"))
    #expect(ChainID(of: []) == nil)
  }

  @Test(arguments: [
    ("4G", 4 << 30), ("512M", 512 << 20), ("64KiB", 64 << 10), ("17", 17), ("1TB", 1 << 40),
  ])
  func `sizes are read as people write them`(text: String, bytes: Int) {
    #expect(ByteCount(text)?.bytes == Int64(bytes))
  }

  @Test(arguments: ["", "G", "-1", "4X", "9223372036854775807K", "1.5G", "4 G"])
  func `what is no size is refused`(text: String) {
    #expect(ByteCount(text) == nil)
  }

  @Test(arguments: [
    (0, "1970-01-01T00:00:00Z"), (1_577_836_800, "2020-01-01T00:00:00Z"),
    (951_782_400, "2000-02-29T00:00:00Z"), (-1, "1969-12-31T23:59:59Z"),
    (1_709_210_096, "2024-02-29T12:34:56Z"),
  ])
  func `dates are printed in UTC`(seconds: Int, text: String) {
    #expect(SourceDate(Int64(seconds)).rfc3339 == text)
  }

  @Test(arguments: ["/etc/passwd", "./etc/passwd", "etc/passwd", "etc/passwd/"])
  func `a path in an image has one form`(text: String) {
    #expect(GuestPath(text)?.description == "/etc/passwd")
  }

  @Test(arguments: ["../etc", "etc/../x", "a//b", "a/./b", "a\0b", "//"])
  func `a path that could leave the image is no path`(text: String) {
    #expect(GuestPath(text) == nil)
  }

  @Test func `paths know what lies below them`() throws {
    let opt = try #require(GuestPath("opt"))
    #expect(try #require(GuestPath("opt/tool")).isWithin(opt))
    #expect(!(try #require(GuestPath("optional")).isWithin(opt)))
    #expect(opt.isWithin(.root))
  }
}
