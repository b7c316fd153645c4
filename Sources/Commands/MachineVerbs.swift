internal import ArgumentParser
internal import Catalog
internal import Launch
internal import Pipeline
internal import Recipes
internal import Vocabulary

/// The shape of a new VM.
struct MachineOptions: ParsableArguments {
  @Option(help: "Processors.") var cpus: Int?
  @Option(help: "Memory, such as 2G.") var memory: ByteCount?
  @Option(help: "Size of the disk as the VM sees it, such as 100G.") var disk: ByteCount?
  @Option(help: "What the VM reaches: nothing, or what is allowed; else as the recipe says.")
  var network: NetworkMode?
  @Option(
    help: ArgumentHelp(
      "A name that the VM may reach besides: [*.]NAME[:PORT][@private], @apt, @pip or @npm.",
      valueName: "name"))
  var allow: [String] = []

  @Option(
    help: ArgumentHelp(
      "A tool that the VM has besides: the name of its recipe, such as claude.",
      valueName: "tool"))
  var with: [String] = []

  @Option(
    help: ArgumentHelp(
      "An agent of the VM whose log-in it shares (see `hutch login`).", valueName: "agent"))
  var credentials: [String] = []

  var wishes: MachineWishes {
    MachineWishes(
      cpus: cpus, memory: memory, disk: disk,
      network: network.map { $0 == NetworkMode.none ? NetworkSettings.Mode.none : .allow },
      allow: allow, tools: with, credentials: credentials)
  }

  func validate() throws {
    if let cpus, !(1...255).contains(cpus) {
      throw ValidationError("--cpus takes a number from 1 to 255")
    }
    for entry in allow where !Names.isNetworkTarget(entry) {
      throw ValidationError(
        "--allow takes a name such as api.example.com, *.example.com:8443 or @apt, not \"\(entry)\""
      )
    }
    if network == NetworkMode.none, !allow.isEmpty {
      throw ValidationError("--allow and --network none exclude each other")
    }
    if let memory, memory < .mebibytes(64) {
      throw ValidationError("--memory takes 64M or more")
    }
    if let disk, disk < .gibibytes(64) {
      throw ValidationError("--disk takes 64G or more: the file systems of images are that large")
    }
  }
}

enum NetworkMode: String, ExpressibleByArgument, CaseIterable {
  case none, allow
}

struct CloneVerb: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "clone", abstract: "Make VMs of an image, without starting them.")

  @OptionGroup var common: CommonOptions
  @OptionGroup var output: FormatOption
  @OptionGroup var machine: MachineOptions
  @Argument(help: "An image.") var image: String
  @Argument(help: "The VM's name.") var name: String?
  @Option(help: "How many; names get numbers.") var count = 1
  @Flag(help: "Refuse to build a missing image.") var noBuild = false

  func validate() throws {
    if !(1...100_000).contains(count) {
      throw ValidationError("--count takes a number from 1 to 100000")
    }
  }

  func run() throws {
    let vms = try common.session().clone(
      CloneRequest(
        image: image, name: name, count: count, machine: machine.wishes, mayBuild: !noBuild))
    if output.format == .json { return try Listing.vms(vms).print(as: .json) }
    for vm in vms { Output.line(vm.name) }
  }
}

struct StartVerb: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "start", abstract: "Start a VM in the background, with its own init system.",
    discussion: """
      Of a VM that was made before, only what it reaches can be changed, with --network or --allow, \
      which then say all of it that is not in the recipe; and with --credentials the log-ins that it \
      shares.
      """)

  @OptionGroup var common: CommonOptions
  @OptionGroup var machine: MachineOptions
  @OptionGroup var output: FormatOption
  @Argument(help: ArgumentHelp("A VM or an image.", valueName: "vm-or-image"))
  var reference: String
  @Option(help: "Name of the VM that is made of an image.") var name: String?
  @Flag(help: "Refuse to build a missing image.") var noBuild = false

  func run() throws {
    let vm = try common.session().start(
      StartRequest(
        reference: reference, name: name, machine: machine.wishes, mayBuild: !noBuild))
    if output.format == .json { return try Listing.vms([vm]).print(as: .json) }
    Output.line(vm.name)
  }
}

struct StopVerb: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "stop", abstract: "Stop VMs: asks the guest, waits, then ends it.")

  @OptionGroup var common: CommonOptions
  @Argument(help: "VMs.") var names: [String]
  @Option(help: "How many seconds the guest has to shut down.") var wait = 30

  func run() throws {
    let session = try common.session()
    for name in names { try session.stop(name, seconds: wait) }
  }
}

struct RestartVerb: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "restart", abstract: "Stop VMs and start them again; a stopped one only starts.")

  @OptionGroup var common: CommonOptions
  @Argument(help: "VMs.") var names: [String]
  @Option(help: "How many seconds the guest has to shut down.") var wait = 30

  func run() throws {
    let session = try common.session()
    for name in names { try session.restart(name, seconds: wait) }
  }
}

struct PauseVerb: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "pause", abstract: "Halt the processors of running VMs; their memory stays.")

  @OptionGroup var common: CommonOptions
  @Argument(help: "VMs.") var names: [String]

  func run() throws {
    let session = try common.session()
    for name in names { try session.pause(name) }
  }
}

struct ResumeVerb: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "resume", abstract: "Let paused VMs go on.")

  @OptionGroup var common: CommonOptions
  @Argument(help: "VMs.") var names: [String]

  func run() throws {
    let session = try common.session()
    for name in names { try session.resume(name) }
  }
}

struct RemoveVerb: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "rm", abstract: "Remove VMs with all that is in them.")

  @OptionGroup var common: CommonOptions
  @Argument(help: "VMs.") var names: [String]
  @Flag(name: [.short, .long], help: "Also when it runs, or holds work that nobody has taken.")
  var force = false

  func run() throws {
    let session = try common.session()
    for name in names { try session.remove(name, force: force) }
  }
}

struct LogsVerb: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "logs",
    abstract: "Print the console of a VM: the last of what its kernel said.",
    discussion: """
      With --network it prints what the VM reached and what it did not: the last half MiB of it. A \
      line without a port is a name whose address was asked for.
      """)

  @OptionGroup var common: CommonOptions
  @OptionGroup var output: FormatOption
  @Argument(help: "A VM.") var name: String
  @Flag(help: "The connections of the VM instead.") var network = false
  @Flag(help: "What it was denied, as lines for `allow` in a recipe; with --network.")
  var denied = false

  func validate() throws {
    if denied, !network { throw ValidationError("--denied belongs to --network") }
    if output.format == .json, !network {
      throw ValidationError("--format json belongs to --network: a console is text")
    }
  }

  func run() throws {
    let session = try common.session()
    if network { return printNetwork(try session.networkEvents(of: name)) }
    var text = String(decoding: try session.console(of: name), as: UTF8.self)
    if text.utf8.last != UInt8(ascii: "\n") { text += "\n" }
    // A guest may print what moves the cursor or sets the title of the reader's terminal.
    Output.write(ProgressDisplay.cleanLines(text))
  }

  private func printNetwork(_ events: [NetworkEvent]) {
    guard denied else { return Listing.network(events).print(as: output.format) }
    let missed = events.filter { $0.verdict == .denied }
    if output.format == .json { return Listing.network(missed).print(as: .json) }
    var seen: Set<String> = []
    for event in missed {
      let isUsual = [0, 80, 443].contains(event.port)
      let entry = isUsual ? event.name : "\(event.name):\(event.port)"
      if seen.insert(entry).inserted { Output.line("\"\(entry)\",") }
    }
  }
}

extension Listing {
  /// What a VM reached and what it did not.
  static func network(_ events: [NetworkEvent]) -> Listing {
    var listing = Listing(
      kind: "connections",
      columns: [
        Column("TIME"), Column("VERDICT"), Column("NAME"), Column("PORT", alignsRight: true),
        Column("ADDRESS"), Column("SENT", alignsRight: true), Column("GOT", alignsRight: true),
        Column(""),
      ], nothing: "no connections; names that are looked up and allowed are not listed")
    for event in events {
      listing.add(
        [
          event.time.rfc3339, event.verdict.rawValue, ProgressDisplay.clean(event.name),
          event.port == 0 ? "" : "\(event.port)", event.address ?? "", "\(event.sent)",
          "\(event.received)", event.reason ?? "",
        ], event.json.object ?? [:])
    }
    return listing
  }
}
