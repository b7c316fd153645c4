internal import Recipes
internal import Vocabulary

extension Planner {
  /// All fields of a step's record but `parent`, which is known only when the parent is.
  func recordValues(
    _ action: PlannedAction, options: StepOptions, date: SourceDate,
    environment: [String: String], user: String?, sealAllowances: [GuestPath]
  ) -> [String: String] {
    var values = [
      "architecture": architecture.rawValue,
      "date": date.description,
      "format": String(StepRecord.format),
      "normaliser": String(normaliser),
    ]
    switch action {
    case .bootstrap(let suite, let packages):
      // The base comes before all configuration: recipes that differ in it share the base.
      values["configuration"] = "none"
      values["kind"] = "bootstrap"
      values["bootstrap.suite"] = suite
      add(packages, to: &values)
      return values
    case .layer(let image, let index):
      let (file, diff) = image.layer(index)
      values["configuration"] = "none"
      values["kind"] = "oci"
      values["oci.conversion"] = String(Self.conversion)
      values["oci.diff"] = diff.description
      values["oci.layer"] = file.digest.description
      return values
    case .apt(let request, let packages):
      values["kind"] = "apt"
      values["apt.packages"] = request.packages.joined(separator: " ")
      values["apt.recommends"] = String(request.recommends)
      values["apt.upgrade"] = String(request.upgrade)
      add(packages, to: &values)
    case .copy(let request, let files):
      values["kind"] = "copy"
      values["copy.to"] = "/" + Escape.word(request.target.bytes)
      for file in files {
        let name = file.path.isRoot ? "" : "/" + Escape.word(file.path.bytes)
        values["copy.file" + name] = file.recorded(asked: request.mode)
      }
    case .fetch(let request, let file):
      values["kind"] = "fetch"
      values["fetch.sha256"] = file.digest.description
      values["fetch.to"] = "/" + Escape.word(request.target.bytes)
      values["fetch.unpack"] = String(request.unpack)
      if request.unpack {
        values["fetch.strip"] = String(request.strip)
      } else {
        values["fetch.mode"] = octal(request.mode ?? 0o644)
      }
    case .npm(let request, let tarballs):
      values["kind"] = "npm"
      values["npm.packages"] = request.packages.joined(separator: " ")
      values["npm.prefix"] = "/" + Escape.word(request.prefix.bytes)
      values["npm.scripts"] = String(request.scripts)
      values["npm.upgrade"] = String(request.upgrade)
      values["npm.asked"] = tarballs.compactMap(\.npm).filter(\.isAsked)
        .map { "\($0.package)@\($0.version)" }.joined(separator: " ")
      for tarball in tarballs { values["input.\(tarball.name)"] = tarball.digest.description }
    case .pip(let request, let wheels):
      values["kind"] = "pip"
      values["pip.packages"] = request.packages.joined(separator: " ")
      values["pip.upgrade"] = String(request.upgrade)
      values["pip.venv"] = "/" + Escape.word(request.venv.bytes)
      for wheel in wheels { values["input.\(wheel.name)"] = wheel.digest.description }
    case .run(let request):
      values["kind"] = "run"
      values["run.script"] = Digest.of(request.script).description
      values["run.network"] = String(options.network)
      if !options.secrets.isEmpty {
        values["run.secrets"] = options.secrets.joined(separator: " ")
      }
      values["run.user"] = options.user ?? "root"
    }
    values["configuration"] = configuration(environment, user: user).description
    if !sealAllowances.isEmpty {
      // What is allowed changes no byte, but whether there is a layer at all: without it here, a
      // recipe would be refused in one store and pass in another that ran its step when the file
      // was still allowed, and taking an allowance back would do nothing. The reasons are for
      // people. The rules are not here: a layer is held against those of the day it was made.
      values["seal.allow"] = sealAllowances.map { "/" + Escape.word($0.bytes) }
        .joined(separator: " ")
    }
    return values
  }

  /// Changes when the same foreign layer becomes another one of ours.
  private static let conversion = 1

  private func octal(_ mode: UInt32) -> String {
    let digits = String(mode, radix: 8)
    return "0" + String(repeating: "0", count: max(0, 3 - digits.count)) + digits
  }

  private func add(_ packages: [LockedPackage], to values: inout [String: String]) {
    for package in packages {
      values["input.\(package.name):\(package.architecture)"] =
        "\(package.version) \(package.digest)"
    }
  }

  /// Two recipes with equal steps can differ in what is in effect; of the machine only its user
  /// says something about the image's content.
  private func configuration(_ environment: [String: String], user: String?) -> Digest {
    var lines = environment.map { "env.\($0.key)=\($0.value)" }.sorted()
    lines.append("user=\(user ?? "root")")
    return Digest.of(lines.map { $0 + "\n" }.joined())
  }
}
