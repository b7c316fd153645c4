import Planning
import Recipes
import Testing
import Vocabulary

struct ImageConfigurationTests {
  private func configuration(history: [String] = []) throws -> ImageConfiguration {
    let chain = try Samples.chain()
    return ImageConfiguration(
      layers: [DiffID(Digest.of("one")), DiffID(Digest.of("two"))], architecture: .amd64,
      created: SourceDate(1_750_000_000), environment: chain.environment, machine: chain.machine,
      labels: ["note": "a \"quoted\" ä"], history: history)
  }

  /// The digest of these bytes is what people call an image.
  @Test func `a configuration has its golden bytes`() throws {
    let text = String(decoding: try configuration().render(), as: UTF8.self)
    #expect(
      text
        == #"{"architecture":"amd64","config":{"Env":["LANG=C.UTF-8","TOOL=1"],"#
        + #""Labels":{"hutch.machine.cpus":"4","hutch.machine.init":"systemd","#
        + #""hutch.machine.memory":"1073741824","note":"a \"quoted\" ä"},"User":"agent"},"#
        + #""created":"2025-06-15T15:06:40Z","os":"linux","rootfs":{"diff_ids":["#
        + #""sha256:7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed","#
        + #""sha256:3fc4ccfe745870e2c0d99f71f30ff0656c8dedd41cc1d7d3d376b0dbe685e2f3"],"#
        + #""type":"layers"}}"#)
    #expect(try configuration().imageID.digest == Digest.of(text))
  }

  @Test func `a configuration is read back`() throws {
    for history in [[], ["one", "two"]] {
      let configuration = try configuration(history: history)
      let again = try #require(ImageConfiguration(parsing: configuration.render()))
      #expect(again == configuration)
      #expect(again.imageID == configuration.imageID)
    }
  }

  @Test func `of a foreign configuration what is known is read`() throws {
    let text = """
      {"architecture":"arm64","os":"linux","created":"2024-05-01T10:20:30.123Z","config":
      {"Env":["PATH=/bin","odd"],"Cmd":["sh"],"Labels":{"hutch.machine.cpus":"-3"}},
      "rootfs":{"type":"layers","diff_ids":[]},"history":[{"created_by":"x","empty_layer":true}]}
      """
    let configuration = try #require(ImageConfiguration(parsing: Array(text.utf8)))
    #expect(configuration.architecture == .arm64)
    #expect(configuration.environment == ["PATH": "/bin"])
    #expect(configuration.created == .constant)
    #expect(configuration.machine == MachineSettings())
  }

  @Test(arguments: ["", "{}", "[]", #"{"architecture":"vax","rootfs":{"diff_ids":[]}}"#])
  func `what is no configuration is not read`(text: String) {
    #expect(ImageConfiguration(parsing: Array(text.utf8)) == nil)
  }

  @Test(arguments: [0, 1_577_836_800, 1_709_164_800, 1_750_000_000, 4_102_444_799, 951_782_400])
  func `dates are read as they are written`(seconds: Int64) {
    #expect(SourceDate(rfc3339: SourceDate(seconds).rfc3339) == SourceDate(seconds))
  }

  @Test(arguments: ["2025-02-30T00:00:00Z", "2025-13-01T00:00:00Z", "2025-01-01 00:00:00Z", ""])
  func `dates of another spelling are not`(text: String) {
    #expect(SourceDate(rfc3339: text) == nil)
  }
}
