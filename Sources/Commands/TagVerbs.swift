internal import ArgumentParser
internal import Pipeline

struct TagVerb: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "tag", abstract: "Give an image a name.")

  @OptionGroup var common: CommonOptions
  @Argument(help: "An image.") var image: String
  @Argument(help: "The tag: a name, or name:version.") var name: String

  func run() throws { try common.session().tag(image, as: name) }
}

struct UntagVerb: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "untag", abstract: "Take a name away; `hutch gc` may then collect the image.")

  @OptionGroup var common: CommonOptions
  @Argument(help: "Tags.") var names: [String]

  func run() throws {
    let session = try common.session()
    for name in names { try session.untag(name) }
  }
}
