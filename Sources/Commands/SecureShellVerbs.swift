internal import ArgumentParser
internal import Host
internal import Pipeline

struct SecureShellVerb: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "ssh", abstract: "OpenSSH into a running VM; it needs no network.",
    discussion: """
      The connection goes over the VM's own channel, so nothing listens on this machine. The image \
      needs an OpenSSH server, as `base` has. Keys are made and checked by themselves.
      """)

  @OptionGroup var common: CommonOptions
  @Argument(help: "A VM.") var name: String
  @Argument(
    parsing: .captureForPassthrough, help: "Options of ssh, then a command for the VM's shell.")
  var words: [String] = []

  func run() throws {
    // Options stand before ssh's host name, the command behind it.
    let given = words.first == "--" ? Array(words.dropFirst()) : words
    let options = Self.options(given)
    try Processes.replace(
      with: try common.session().secureShell(
        name, options: options, command: Array(given.dropFirst(options.count))))
  }

  /// ssh(1): those that take a value of their own.
  private static let valued = Set("BbcDEeFIiJLlmOoPpQRSWw")

  /// The options in front, with their values.
  static func options(_ words: [String]) -> [String] {
    var options: [String] = []
    var rest = words[...]
    while let word = rest.first, word.hasPrefix("-"), word.count > 1 {
      options.append(word)
      rest = rest.dropFirst()
      if let letter = word.last, word.dropFirst().count == 1, valued.contains(letter),
        let value = rest.first
      {
        options.append(value)
        rest = rest.dropFirst()
      }
    }
    return options
  }
}

struct SecureShellConfigurationVerb: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "ssh-config", abstract: "Print what ssh, rsync and editors need to reach VMs.",
    discussion: """
      `hutch ssh-config > ~/.ssh/hutch.conf`, and `Include hutch.conf` at the top of \
      ~/.ssh/config: then `ssh hutch-NAME` works, and all that builds on it.
      """)

  @OptionGroup var common: CommonOptions
  @Argument(help: "VMs; all if none is named.") var names: [String] = []

  func run() throws {
    Output.write(try common.session().secureShellConfiguration(names))
  }
}

struct ForwardVerb: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "forward", abstract: "Reach ports of a running VM on this machine's loopback.",
    discussion: """
      PORT is the VM's; PORT:HERE takes another number here. It goes on until Ctrl-C, by ssh: see \
      `hutch ssh`.
      """)

  @OptionGroup var common: CommonOptions
  @Argument(help: "A VM.") var name: String
  @Argument(help: "3000, or 3000:8080.") var ports: [String]

  func run() throws {
    let pairs = try ports.map { text in
      let numbers = text.split(separator: ":", omittingEmptySubsequences: false).map {
        UInt16($0).flatMap { $0 > 0 ? $0 : nil }
      }
      guard (1...2).contains(numbers.count), let inside = numbers[0], let here = numbers.last ?? nil
      else { throw ValidationError("\"\(text)\" is no PORT and no PORT:HERE") }
      return (inside: inside, here: here)
    }
    var options = ["-N", "-o", "ExitOnForwardFailure=yes"]
    for pair in pairs { options += ["-L", "127.0.0.1:\(pair.here):127.0.0.1:\(pair.inside)"] }
    let command = try common.session().secureShell(name, options: options, command: [])
    for pair in pairs {
      Output.talk("127.0.0.1:\(pair.here) is port \(pair.inside) of \"\(name)\" until Ctrl-C")
    }
    try Processes.replace(with: command)
  }
}

struct SecureShellProxyVerb: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: Session.secureShellProxyVerb, abstract: "What ssh starts to reach a VM.",
    shouldDisplay: false)

  @OptionGroup var common: CommonOptions
  @Argument var name: String

  func run() throws { throw ExitCode(try common.session().secureShellProxy(name)) }
}
