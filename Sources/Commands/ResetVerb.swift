internal import ArgumentParser
internal import Glibc
internal import Pipeline
internal import Vocabulary

struct ResetVerb: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "reset", abstract: "Delete the whole store: images, VMs, everything.")

  @OptionGroup var common: CommonOptions
  @Flag(help: "Say what would be deleted; delete nothing.") var dryRun = false
  @Flag(name: [.short, .long], help: "Don't ask.") var yes = false
  @Flag(name: [.short, .long], help: "Also running VMs, and work that nobody has taken.")
  var force = false

  func run() throws {
    let session = try common.session()
    let size = try session.reset(ResetRequest(force: force, isDryRun: true))
    let images = try session.images().count
    let vms = try session.vms().count
    Output.talk(
      "the store \"\(session.layout.root)\" takes \(size): \(images) images, \(vms) VMs")
    if dryRun { return }
    if !yes {
      guard isatty(STDIN_FILENO) == 1 else {
        throw ValidationError("nobody is there to be asked: say --yes")
      }
      Output.write("delete all of it? [y/N] ", to: STDERR_FILENO)
      guard let answer = readLine()?.lowercased(), ["y", "yes"].contains(answer) else { return }
    }
    let freed = try session.reset(ResetRequest(force: force))
    Output.talk("deleted; \(freed) are free again")
  }
}
