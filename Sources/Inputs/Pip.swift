internal import Host
package import Recipes
package import Vocabulary

/// A script for a step's root, with what it needs there.
package struct ToolScript: Sendable, Hashable {
  package var text: String
  /// Texts by their place in the root.
  package var files: [String: String] = [:]
  /// Directories of this machine by their place in the root, to be read only.
  package var directories: [String: String] = [:]
  package var environment: [String: String] = [:]
  /// Files below `/run/secrets`, in memory; what stands in them is taken out of all output.
  package var secrets: [String: Secret] = [:]
}

/// How pip is asked and made to install, by the image's own Python. Wheels only: a source
/// distribution would run its maker's program. Pure, but for what `download` writes.
package enum Pip {
  /// Where the directory for what comes has to be mounted.
  package static let output = "/run/hutch/out"
  /// Where wheels have to be mounted for `install`.
  package static let wheels = "/run/hutch/wheels"
  /// What `resolve` leaves beside the wheels: `name==version` of all that was there before.
  package static let installed = "installed.txt"
  /// What `survey` leaves: pip's report ("Installation Report", pip's documentation).
  package static let report = "report.json"
  private static let kept = "/run/hutch/kept.txt"
  private static let requirements = "/run/hutch/requirements.txt"

  // MARK: With network

  /// All wheels that `request` needs, over what the root has in the environment.
  ///
  /// - Parameters:
  ///   - kept: wheels that are to come again rather than newer ones, if one of them is needed.
  ///   - directory: a new one, for settings of the host's.
  package static func resolve(
    _ request: PipRequest, keeping kept: [LockedFile] = [], with host: HostPip,
    settings directory: String
  ) throws(InputsError) -> ToolScript {
    var keep = constraints(of: request)
    if !kept.isEmpty { keep += "-c \(Pip.kept) " }
    let words = words(of: request)
    var script = try download(
      request, with: host, settings: directory,
      """
      cp "$work/installed" \(output)/\(installed)
      if ! download \(keep)-- \(words); then
        missing=$(sed -n 's/.*No matching distribution found for \\([A-Za-z0-9._-]*\\).*/\\1/p' \
      "$work/log" | tail -n 1)
        if [ -n "$missing" ] && pip index versions "$missing" >/dev/null 2>&1 &&
          ! pip download --only-binary :all: --no-deps -d "$work/probe" "$missing" >/dev/null 2>&1
        then
          echo "\(onlySource)$missing" >&2
        fi
        exit 1
      fi

      """)
    if !kept.isEmpty { script.files[Pip.kept] = try versions(of: kept) }
    return script
  }

  /// Which wheels `request` would need today. They may come for it to be known, and don't stay.
  package static func survey(
    _ request: PipRequest, with host: HostPip, settings directory: String
  ) throws(InputsError) -> ToolScript {
    try download(
      request, with: host, settings: directory,
      """
      pip install --dry-run --ignore-installed --only-binary :all: --no-cache-dir \
        --progress-bar off --report \(output)/\(report) \
        \(constraints(of: request))-- \(words(of: request))

      """)
  }

  /// What `survey` found: versions by the names of packages, in their one spelling.
  package static func surveyed(_ text: [UInt8]) throws(InputsError) -> [String: String] {
    guard let entries = (try? JSON(parsing: text))?["install"]?.array else {
      throw .unreadableToolOutput(tool: "pip", what: "which packages it would install")
    }
    var versions: [String: String] = [:]
    for entry in entries {
      guard let name = entry["metadata"]?["name"]?.string,
        let version = entry["metadata"]?["version"]?.string
      else { throw .unreadableToolOutput(tool: "pip", what: "which packages it would install") }
      versions[PipRequirement.package(of: name)] = version
    }
    return versions
  }

  private static func words(of request: PipRequest) -> String {
    request.packages.map { Command($0, []).display }.joined(separator: " ")
  }

  /// The versions that are there are kept by being asked for.
  private static func constraints(of request: PipRequest) -> String {
    request.upgrade ? "" : "-c \"$work/installed\" "
  }

  private static func versions(of wheels: [LockedFile]) throws(InputsError) -> String {
    var text = ""
    for file in wheels {
      guard let wheel = WheelName(file.name) else { throw .unusableFile(file.name) }
      text += "\(wheel.package)==\(wheel.version)\n"
    }
    return text
  }

  /// Exactly those wheels.
  package static func fetch(
    _ wheels: [LockedFile], _ request: PipRequest, with host: HostPip, settings directory: String
  ) throws(InputsError) -> ToolScript {
    var script = try download(
      request, with: host, settings: directory,
      "download --no-deps --require-hashes -r \(requirements)\n")
    script.files[requirements] = try requirements(for: wheels)
    return script
  }

  private static func download(
    _ request: PipRequest, with host: HostPip, settings directory: String, _ body: String
  ) throws(InputsError) -> ToolScript {
    var (options, directories) = host.moved()
    let hasCertificates = try HostNetwork.describe(
      into: directory, certificates: options["cert"]?.first)
    options["cert"] = hasCertificates ? [HostNetwork.certificates] : nil
    try onHost { () throws(HostError) in
      let text = Array(HostPip.render(options).utf8)
      try Files.write(directory + "/pip.conf", text, durable: false)
    }
    directories[HostNetwork.place] = directory
    let text =
      HostNetwork.script + environment(at: request.venv, settings: HostNetwork.place + "/pip.conf")
        + """
        pip() { "$venv/bin/python" -m pip "$@"; }
        download() {
          pip download --only-binary :all: --no-cache-dir --progress-bar off --log "$work/log" \
        -d \(output) "$@"
        }
        work=$(mktemp -d)
        # An environment that was just made has nothing that must be kept.
        if [ -n "$new" ]; then : >"$work/installed"; else
          pip list --format=freeze >"$work/installed"
        fi

        """ + body
    return ToolScript(
      text: text, directories: directories, environment: HostNetwork.proxies)
  }

  // MARK: Without network

  /// `wheels` lie in a directory that is mounted.
  package static func install(
    _ wheels: [LockedFile], _ request: PipRequest
  ) throws(InputsError) -> ToolScript {
    let text =
      environment(at: request.venv, settings: "/dev/null")
        + """
        if [ -n "$new" ]; then
          # What made them did not have all of our settings.
          find "$venv" -name __pycache__ -type d -prune -exec rm -rf {} +
        fi
        if [ -s \(requirements) ]; then
          "$venv/bin/python" -m pip install --no-index --find-links \(Pip.wheels) --require-hashes \
        --no-deps --no-compile --no-cache-dir --progress-bar off --upgrade -r \(requirements)
        fi
        "$venv/bin/python" /run/hutch/compile.py "$venv"

        """
    return ToolScript(
      text: text,
      files: [requirements: try requirements(for: wheels), "/run/hutch/compile.py": compiler])
  }

  /// Bytecode for all modules that have none: one process in one order, and with the hash of the
  /// source in place of its time (PEP 552), so that it is the same every time.
  private static let compiler = """
    import importlib.util, os, py_compile, sys

    for folder, folders, names in os.walk(sys.argv[1]):
        folders.sort()
        for name in sorted(names):
            source = os.path.join(folder, name)
            if not name.endswith(".py") or os.path.islink(source):
                continue
            target = importlib.util.cache_from_source(source)
            if os.path.exists(target):
                continue
            try:
                py_compile.compile(
                    source, cfile=target, doraise=True,
                    invalidation_mode=py_compile.PycInvalidationMode.CHECKED_HASH)
            except (py_compile.PyCompileError, ValueError, OSError):
                # Templates and modules for other versions: Python itself would say so when asked.
                pass

    """

  // MARK: Both

  /// The environment, made if it is not there (`new` is set then), and nothing of what the recipe
  /// may have set for pip in the image: what is installed is the lock's affair.
  private static func environment(at venv: GuestPath, settings: String) -> String {
    """
    for name in $(env | sed -n 's/^\\(PIP_[A-Z_]*\\)=.*/\\1/p'); do unset "$name"; done
    export PIP_CONFIG_FILE=\(settings) PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_INPUT=1
    export PIP_ROOT_USER_ACTION=ignore PYTHONDONTWRITEBYTECODE=1
    venv=\(Command(venv.description, []).display)
    new=
    if [ ! -x "$venv/bin/python" ]; then
      if ! command -v python3 >/dev/null; then
        echo "\(noPython)" >&2
        exit 1
      fi
      python3 -m venv "$venv"
      new=1
    fi

    """
  }

  private static let onlySource = "hutch: only source: "
  private static let noPython = "hutch: no python3"

  static func requirements(for wheels: [LockedFile]) throws(InputsError) -> String {
    var text = ""
    for file in wheels {
      guard let wheel = WheelName(file.name) else { throw .unusableFile(file.name) }
      text += "\(wheel.package)==\(wheel.version) --hash=sha256:\(file.digest.hex)\n"
    }
    return text
  }

  /// Of the files that `resolve` brought, those that were not installed before; by their names.
  package static func wanted(_ names: [String], installed: String) throws(InputsError) -> [String] {
    let present = Set(
      installed.split(separator: "\n").map { line in
        let parts = line.split(separator: "=", omittingEmptySubsequences: true)
        return "\(PipRequirement.package(of: parts.first ?? ""))==\(parts.last ?? "")"
      })
    var wanted: [String] = []
    for name in names where name != Pip.installed {
      guard let wheel = WheelName(name), Names.isFile(name) else { throw .unusableFile(name) }
      if !present.contains("\(wheel.package)==\(wheel.version)") { wanted.append(name) }
    }
    return wanted
  }

  /// Why pip could not do it, in our words where we know better.
  package static func refusal(of request: PipRequest, said tail: String) -> InputsError {
    let lines = tail.split(separator: "\n")
    if lines.contains(where: { $0.hasPrefix(noPython) }) {
      return .toolMissing(name: "python3", package: "python3-venv")
    }
    if let line = lines.last(where: { $0.hasPrefix(onlySource) }) {
      return .onlySource(package: String(line.dropFirst(onlySource.count)))
    }
    return .unresolved(
      kind: "pip", packages: request.packages, said: complaint(tail),
      keeps: !request.upgrade && tail.contains("(constraint)"))
  }

  /// Why locked wheels did not come.
  package static func loss(of wheels: [LockedFile], said tail: String) -> InputsError {
    let names = wheels.map(\.name)
    guard tail.contains("DO NOT MATCH THE HASHES") else {
      return .filesNotFetched(files: names, said: complaint(tail))
    }
    // Below it each package stands with its hashes.
    let packages = tail.split(separator: "\n").filter { $0.contains(" from ") }.flatMap { line in
      wheels.filter { line.contains(WheelName($0.name).map { $0.package + "==" } ?? $0.name) }
    }
    return .filesDiffer(
      files: packages.isEmpty ? names : packages.map(\.name),
      said: "pip's sources have another file of that name")
  }

  private static func complaint(_ tail: String) -> String {
    let lines = tail.split(separator: "\n")
    let errors = lines.filter { $0.hasPrefix("ERROR: ") }.map { $0.dropFirst("ERROR: ".count) }
    let said = errors.isEmpty ? lines.suffix(3).map { $0[...] } : Array(errors.suffix(2))
    return said.joined(separator: "; ")
  }
}

/// What the file name of a wheel says ("Binary distribution format", PyPA specifications).
package struct WheelName: Equatable, Sendable {
  /// In its one spelling.
  package let package: String
  package let version: String

  package init?(_ name: String) {
    guard name.hasSuffix(".whl") else { return nil }
    let parts = name.dropLast(".whl".count).split(separator: "-", omittingEmptySubsequences: false)
    guard 5...6 ~= parts.count, parts.allSatisfy({ !$0.isEmpty }) else { return nil }
    let requirement = "\(parts[0])==\(parts[1])"
    guard PipRequirement.isUsable(requirement), !parts[1].contains("*") else { return nil }
    package = PipRequirement.package(of: parts[0])
    version = String(parts[1])
  }
}
