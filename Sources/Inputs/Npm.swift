internal import Host
package import Recipes
internal import Vocabulary

/// How npm is asked and made to install: the image's own, with scripts of ours for the image's own
/// Node.js. Packages of a registry only. Pure, but for what `resolve` and `fetch` write.
package enum Npm {
  /// Where the directory for what comes has to be mounted.
  package static let output = "/run/hutch/out"
  /// Where tarballs have to be mounted for `install`.
  package static let tarballs = "/run/hutch/tarballs"
  /// What `resolve` leaves beside the tarballs: which packages they are.
  package static let tree = "tree.json"
  private static let program = "/run/hutch/program.js"
  private static let subject = "/run/hutch/subject.json"

  // MARK: With network

  /// The tarballs of all that `request` needs, over what the root has below the prefix.
  ///
  /// - Parameter directory: a new one, for what the host knows of the network.
  package static func resolve(
    _ request: NpmRequest, with host: HostNpm, settings directory: String
  ) throws(InputsError) -> ToolScript {
    let ask = JSON.object([
      "prefix": .string(request.prefix.description), "upgrade": .bool(request.upgrade),
      "packages": .array(
        request.packages.map { text in
          .object(["request": .string(text), "name": .string(NpmName.package(of: text))])
        }),
    ])
    return try script(
      with: host, settings: directory, prefix: request.prefix, "node \(program)\n",
      files: [program: NpmPrograms.resolve, subject: ask.description])
  }

  /// Exactly those tarballs.
  package static func fetch(
    _ tarballs: [LockedFile], _ request: NpmRequest, with host: HostNpm, settings directory: String
  ) throws(InputsError) -> ToolScript {
    let words = tarballs.compactMap(\.npm).map { package in
      Command("\(package.package)@\(package.version)", []).display
    }
    return try script(
      with: host, settings: directory, prefix: request.prefix,
      "npm pack --loglevel=warn --pack-destination \(output) -- "
        + words.joined(separator: " ") + " >/dev/null\n", files: [:])
  }

  /// Which version of each package that `request` asks for there is today, one answer a file.
  package static func survey(
    _ request: NpmRequest, with host: HostNpm, settings directory: String
  ) throws(InputsError) -> ToolScript {
    let lines = request.packages.enumerated().map { index, text in
      "npm view --json -- \(Command(text, []).display) version >\(output)/\(report(index))\n"
    }
    return try script(
      with: host, settings: directory, prefix: request.prefix, lines.joined(), files: [:])
  }

  /// Where `survey` leaves the answer for the package of that index.
  package static func report(_ index: Int) -> String { "report-\(index).json" }

  /// The newest version of an answer: there is one, or a list that ends with the newest.
  package static func surveyed(_ text: [UInt8]) throws(InputsError) -> String {
    let answer = try? JSON(parsing: text)
    guard let version = answer?.string ?? answer?.array?.last?.string,
      NpmName.isVersion(version)
    else { throw .unreadableToolOutput(tool: "npm", what: "which versions there are") }
    return version
  }

  private static func script(
    with host: HostNpm, settings directory: String, prefix: GuestPath, _ body: String,
    files: [String: String]
  ) throws(InputsError) -> ToolScript {
    let hasCertificates = try HostNetwork.describe(
      into: directory, certificates: host.settings["cafile"]?.first)
    return ToolScript(
      text: HostNetwork.script
        + environment(
          prefix,
          ["userconfig": HostNpm.place, "cache": output + "/cache", "ignore_scripts": "true"])
        + body,
      files: files, directories: [HostNetwork.place: directory],
      environment: HostNetwork.proxies,
      secrets: host.secrets(certificates: hasCertificates ? HostNetwork.certificates : nil))
  }

  /// What `resolve` said of the files that it brought: the packages, each with whether the recipe
  /// asks for it.
  package static func found(
    _ text: [UInt8]
  ) throws(InputsError) -> [(package: String, version: String, isAsked: Bool)] {
    guard let entries = (try? JSON(parsing: text))?.array else {
      throw .unreadableToolOutput(tool: "npm", what: "which packages it installed")
    }
    var found: [(package: String, version: String, isAsked: Bool)] = []
    var names: Set<String> = []
    for entry in entries {
      guard let package = entry["package"]?.string, let version = entry["version"]?.string,
        let isAsked = entry["asked"]?.bool
      else { throw .unreadableToolOutput(tool: "npm", what: "which packages it installed") }
      guard NpmName.isPackage(package), NpmName.isVersion(version) else {
        throw .unusableFile("\(package)@\(version)")
      }
      guard names.insert(NpmName.file(of: package, version)).inserted else {
        throw .sameFileName(NpmName.file(of: package, version))
      }
      found.append((package, version, isAsked))
    }
    return found
  }

  // MARK: Without network

  /// `tarballs` lie in a directory that is mounted. npm has a registry of exactly those, and lays
  /// out what it finds there.
  package static func install(_ tarballs: [LockedFile], _ request: NpmRequest) -> ToolScript {
    let locked = tarballs.compactMap { file in
      file.npm.map { package in
        JSON.object([
          "file": .string(file.name), "package": .string(package.package),
          "version": .string(package.version), "asked": .bool(package.isAsked),
          "integrity": .string(package.integrity.description),
        ])
      }
    }
    // On the disk: large packages would not fit into memory. What is left there goes with the step.
    let cache = "/var/tmp/hutch-npm"
    let modules = Command("\(request.prefix)/lib/node_modules", []).display
    let text =
      environment(
        request.prefix,
        [
          "userconfig": "/run/hutch/none/user", "cache": cache, "fetch_retries": "0",
          "ignore_scripts": String(!request.scripts), "foreground_scripts": "true",
          "registry": "http://127.0.0.1:4873/", "replace_registry_host": "always",
        ])
        + """
        unset http_proxy https_proxy all_proxy HTTP_PROXY HTTPS_PROXY ALL_PROXY
        if [ "$(cat \(subject))" = "[]" ]; then exit 0; fi
        node \(program)
        rm -rf \(cache) \(modules)/.package-lock.json
        # Tools leave there what they worked out in their install scripts.
        find \(modules) -path '*/node_modules/.cache' -prune -exec rm -rf {} +

        """
    return ToolScript(
      text: text,
      files: [program: NpmPrograms.install, subject: JSON.array(locked).description])
  }

  // MARK: Both

  /// Nothing of what the recipe may have set for npm in the image: what is installed is the lock's
  /// affair. Nothing is said to anybody but the registry, and no log is left.
  private static func environment(_ prefix: GuestPath, _ settings: [String: String]) -> String {
    let all = settings.merging([
      "prefix": prefix.description, "globalconfig": "/run/hutch/none/global", "audit": "false",
      "fund": "false", "update_notifier": "false", "logs_max": "0", "progress": "false",
      "color": "false", "git": "/bin/false",
    ]) { own, _ in own }
    let lines = all.sorted { $0.key < $1.key }.map { name, value in
      "export npm_config_\(name)=\(Command(value, []).display)\n"
    }
    return """
      for tool in node npm; do
        if ! command -v $tool >/dev/null; then
          echo "\(noNpm)" >&2
          exit 1
        fi
      done
      own='[Nn][Pp][Mm]_[Cc][Oo][Nn][Ff][Ii][Gg]_[A-Za-z0-9_]*'
      for name in $(env | sed -n "s/^\\($own\\)=.*/\\1/p"); do unset "$name"; done
      cd /

      """ + lines.joined()
  }

  private static let noNpm = "hutch: no npm"
  private static let kept = "hutch: kept: "
  private static let elsewhere = "hutch: elsewhere: "

  /// Why npm could not do it, in our words where we know better.
  package static func refusal(of request: NpmRequest, said tail: String) -> InputsError {
    let lines = tail.split(separator: "\n")
    if lines.contains(where: { $0.hasPrefix(noNpm) }) {
      return .toolMissing(name: "npm", package: "npm")
    }
    if let line = lines.last(where: { $0.hasPrefix(kept) }) {
      return .unresolved(
        kind: "npm", packages: request.packages,
        said: "the parents have \(line.dropFirst(kept.count))", keeps: true)
    }
    if let line = lines.last(where: { $0.hasPrefix(elsewhere) }) {
      let words = line.dropFirst(elsewhere.count).split(separator: " ").map(String.init)
      return .notInRegistry(
        package: words.first ?? "", wants: words.dropFirst().joined(separator: " from "))
    }
    if tail.contains("EINTEGRITY") { return .badIntegrity(said: complaint(tail)) }
    return .unresolved(
      kind: "npm", packages: request.packages, said: complaint(tail), keeps: false)
  }

  /// Why locked tarballs did not come.
  package static func loss(of tarballs: [LockedFile], said tail: String) -> InputsError {
    let said = complaint(tail)
    if tail.contains("EINTEGRITY") { return .badIntegrity(said: said) }
    let named = tarballs.filter { file in
      file.npm.map { said.contains($0.package) || said.contains(file.name) } ?? false
    }
    return .filesNotFetched(files: (named.isEmpty ? tarballs : named).map(\.name), said: said)
  }

  /// `npm error` of version 10, `npm ERR!` of those before.
  private static func complaint(_ tail: String) -> String {
    let lines = tail.split(separator: "\n")
    let errors = lines.compactMap { line -> Substring? in
      guard let start = ["npm error ", "npm ERR! "].first(where: line.hasPrefix) else {
        return nil
      }
      return line.dropFirst(start.count)
    }.filter { line in
      !line.hasPrefix("code ") && !line.contains("complete log of this run")
        && !line.contains("In most cases you or one of your dependencies")
        && !line.allSatisfy { $0.isNumber || $0.isWhitespace }
    }
    let said = errors.isEmpty ? lines.suffix(3).map { $0 } : Array(errors.prefix(2))
    return said.joined(separator: "; ")
  }
}
