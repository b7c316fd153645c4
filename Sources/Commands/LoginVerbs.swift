internal import ArgumentParser
internal import Host
internal import Pipeline
internal import Recipes

struct LogInVerb: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "login", abstract: "Log an agent in, in a VM that is thrown away.",
    discussion: """
      Runs what the agent's recipe says for it, or the agent itself: end it when you are logged in. \
      Only the files that the recipe names as its credentials are kept, in one directory of yours. \
      VMs get them with --credentials, as in `hutch run claude --credentials claude`; what one of \
      them makes of a token, all have.
      """)

  @OptionGroup var common: CommonOptions
  @Option(
    help: ArgumentHelp(
      "A name that the VM may reach besides, as for `hutch run`.", valueName: "name"))
  var allow: [String] = []
  @Flag(help: "Refuse to build a missing image.") var noBuild = false
  @Argument(help: "The agent: a tool such as claude.") var agent: String
  @Argument(
    parsing: .postTerminator, help: "Behind `--`: what is run in place of what the recipe says.")
  var words: [String] = []

  func validate() throws {
    for entry in allow where !Names.isNetworkTarget(entry) {
      throw ValidationError(
        "--allow takes a name such as api.example.com, *.example.com:8443 or @apt, not \"\(entry)\""
      )
    }
  }

  func run() throws {
    let logIn = try common.session().logIn(
      LogInRequest(agent: agent, words: words, allow: allow, mayBuild: !noBuild))
    Output.line(
      "the log-in of \"\(logIn.agent)\" is \(logIn.isNew ? "kept" : "as it was"): "
        + logIn.files.joined(separator: ", "))
  }
}

struct LogOutVerb: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "logout", abstract: "Forget the log-in of an agent.",
    discussion: """
      Running VMs that share it lose it too. Who gave the token does not hear of it: take it back \
      there.
      """)

  @OptionGroup var common: CommonOptions
  @Argument(help: "The agent.") var agent: String

  func run() throws { try common.session().logOut(agent) }
}
