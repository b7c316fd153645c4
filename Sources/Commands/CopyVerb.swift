internal import ArgumentParser
internal import Pipeline

struct CopyVerb: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "cp", abstract: "Copy files and directories into or out of a running VM.",
    discussion: """
      One of the two is NAME:PATH with an absolute path; a file here with a colon in its name is \
      written ./a:b. A target that is a directory gets the copy in it, under its own name. Modes, \
      times and links are kept; on the way out git's own files and links that may lead elsewhere \
      stay in the VM, files are replaced, and directories never are.
      """)

  @OptionGroup var common: CommonOptions
  @Argument(help: "What is copied.") var source: String
  @Argument(help: "Where the copy goes.") var target: String
  @Option(name: [.short, .long], help: "Whose the copy is in the VM; else as the image says.")
  var user: String?

  func run() throws {
    switch (CopyEnd(source), CopyEnd(target)) {
    case (.here(let source), .inside(let vm, let path)):
      try common.session().copy(source, into: vm, path: path, user: user)
    case (.inside(let vm, let path), .here(let target)):
      try common.session().copy(from: vm, path: path, to: target)
    default: throw ValidationError("one of the two, and only one, is in a VM: NAME:PATH")
    }
  }
}
