internal import Building
internal import Catalog
internal import Host
internal import Inputs
internal import Planning
internal import Recipes
internal import Vocabulary

/// Packages that the image's own tools bring: what they ask for depends on the image (which
/// Python, which platform), so they run over the layers before the step, with network, and
/// nothing of what they do stays but the files that they bring.
extension Session {
  /// The layers of all steps that the lock holds so far, those that are not known yet built.
  ///
  /// - Parameter count: how many steps, if not all.
  func buildLocked(
    _ chain: RecipeChain, _ lock: Lock, files: [StepID: [Planning.CopiedFile]],
    first count: Int = .max, _ terms: BuildTerms, _ lease: Lease
  ) throws -> [DiffID] {
    var timings = Timings()
    let steps = try planner.lockedSteps(chain, lock: lock, files: files)
    var layers: [DiffID] = []
    for step in steps.prefix(count) {
      let key = step.record(over: ChainID(of: layers)).key
      if let known = try known(step, key, terms.pins, lease) {
        layers.append(known)
        continue
      }
      try terms.secrets.require(for: [step])
      try requireRoom(for: [step])
      try fetchInputs(of: [step], lease, &timings)
      layers.append(
        try run(
          step, among: steps, of: chain, over: layers, terms, lease, &timings))
    }
    return layers
  }

  /// All files that a step needs over those layers, in the store; as the lock will have them.
  ///
  /// - Parameter kept: files that are to come again rather than newer ones; of `pip` steps.
  func resolveFiles(
    of step: ChainStep, _ chain: RecipeChain, over layers: [DiffID],
    keeping kept: [LockedFile] = [],
    _ lease: Lease
  ) throws -> [LockedFile] {
    try withJobDirectory { directory in
      let variables = chain.environment(through: step.recipeIndex)
      switch step.action {
      case .npm(let request):
        let script = try Npm.resolve(
          request, with: HostNpm.fromHost(environment), settings: directory + "/settings")
        let out = try download(
          script, what: step.action.summary, environment: variables, over: layers,
          in: directory, lease
        ) { Npm.refusal(of: request, said: $0) }
        try requireFile(Npm.tree, in: out)
        let found = try Npm.found(try Files.read("\(out)/\(Npm.tree)", limit: 16 << 20))
        return try keep(found.map { try measure($0, in: out) }, from: out, lease)
      case .pip(let request):
        let script = try Pip.resolve(
          request, keeping: kept, with: HostPip.fromHost(environment),
          settings: directory + "/settings")
        let out = try download(
          script, what: step.action.summary, environment: variables, over: layers,
          in: directory, lease
        ) { Pip.refusal(of: request, said: $0) }
        let installed = try Files.read(out + "/" + Pip.installed, limit: 16 << 20)
        let names = try Pip.wanted(
          try Files.list(out), installed: String(decoding: installed, as: UTF8.self))
        return try keep(names.map { try measure($0, in: out) }, from: out, lease)
      case .apt, .bootstrap, .copy, .fetch, .image, .run: return []
      }
    }
  }

  /// Versions that a step would get today, by the names of packages; the image's own tools say.
  func survey(
    _ step: ChainStep, _ chain: RecipeChain, over layers: [DiffID], _ lease: Lease
  ) throws -> [String: String] {
    try withJobDirectory { directory in
      let variables = chain.environment(through: step.recipeIndex)
      let settings = directory + "/settings"
      let limit = 64 << 20
      switch step.action {
      case .npm(let request):
        let script = try Npm.survey(
          request, with: HostNpm.fromHost(environment), settings: settings)
        let out = try download(
          script, what: step.action.summary, environment: variables, over: layers,
          in: directory, lease
        ) { Npm.refusal(of: request, said: $0) }
        var versions: [String: String] = [:]
        for (index, text) in request.packages.enumerated() {
          try requireFile(Npm.report(index), in: out)
          versions[NpmName.package(of: text)] = try Npm.surveyed(
            try Files.read("\(out)/\(Npm.report(index))", limit: limit))
        }
        return versions
      case .pip(let request):
        let script = try Pip.survey(
          request, with: HostPip.fromHost(environment), settings: settings)
        let out = try download(
          script, what: step.action.summary, environment: variables, over: layers,
          in: directory, lease
        ) { Pip.refusal(of: request, said: $0) }
        try requireFile(Pip.report, in: out)
        return try Pip.surveyed(try Files.read("\(out)/\(Pip.report)", limit: limit))
      case .apt, .bootstrap, .copy, .fetch, .image, .run: return [:]
      }
    }
  }

  /// The files of a step that is about to run are in the store.
  func fetch(
    _ files: [LockedFile], _ step: PlannedStep, of chain: RecipeChain, over layers: [DiffID],
    _ lease: Lease
  ) throws {
    try obtain(files.map(WantedInput.init), lease) { inputs in
      let missing = files.filter { file in
        !inputStore.holds(file.digest, size: file.size)
          && inputs.contains { $0.digest == file.digest }
      }
      if missing.isEmpty { return }
      try withJobDirectory { directory in
        let script = try self.script(
          toFetch: missing, step.action, settings: directory + "/settings")
        let out = try download(
          script, what: "fetch packages", environment: step.environment, over: layers,
          in: directory, lease
        ) { said in
          if case .npm = step.action { return Npm.loss(of: missing, said: said) }
          return Pip.loss(of: missing, said: said)
        }
        for file in missing { try adopt(file, from: out) }
        try inputStore.sync()
      }
    }
  }

  private func script(
    toFetch files: [LockedFile], _ action: PlannedAction, settings: String
  ) throws -> ToolScript {
    switch action {
    case .npm(let request, _):
      try Npm.fetch(files, request, with: HostNpm.fromHost(environment), settings: settings)
    case .pip(let request, _):
      try Pip.fetch(files, request, with: HostPip.fromHost(environment), settings: settings)
    case .apt, .bootstrap, .copy, .fetch, .layer, .run:
      preconditionFailure("no tool brings files for it")
    }
  }

  // MARK: What all of them have in common

  /// Runs a script with network where a step stands; the directory with what it brought.
  ///
  /// - Parameter explain: what the end of its output means if it fails.
  private func download(
    _ script: ToolScript, what: String, environment: [String: String],
    over layers: [DiffID], in directory: String, _ lease: Lease,
    explain: (String) -> InputsError
  ) throws -> String {
    try makeTrees(of: layers, lease)
    let out = directory + "/out"
    try Files.makeDirectories(out)
    let job = StepJob(
      trees: layout.trees, lower: StoreLayout.treeNames(layers),
      directory: directory + "/job", date: .constant, environment: environment,
      work: .tool(ToolWork(script, what: what, writable: [Pip.output: out])), hasNetwork: true,
      secrets: script.secrets)
    do {
      _ = try workers.perform(.download(job)) { report(.line($0)) }
    } catch BuildingError.stepFailed(_, _, let tail) {
      throw explain(tail)
    }
    return out
  }

  private func measure(_ name: String, in out: String) throws -> LockedFile {
    try requireFile(name, in: out)
    let found = try InputStore.measure("\(out)/\(name)")
    return LockedFile(name: name, size: found.size, digest: found.digest)
  }

  private func measure(
    _ found: (package: String, version: String, isAsked: Bool), in out: String
  ) throws -> LockedFile {
    let name = NpmName.file(of: found.package, found.version)
    try requireFile(name, in: out)
    let file = try InputStore.measureForRegistry("\(out)/\(name)")
    return LockedFile(
      name: name, size: file.size, digest: file.digest,
      npm: LockedNpm(
        package: found.package, version: found.version, isAsked: found.isAsked,
        integrity: file.integrity))
  }

  /// Files that came and were measured, taken into the store.
  private func keep(
    _ files: [LockedFile], from out: String, _ lease: Lease
  ) throws -> [LockedFile] {
    try obtain(files.map(WantedInput.init), lease) { inputs in
      for file in files where inputs.contains(where: { $0.digest == file.digest }) {
        if inputStore.holds(file.digest, size: file.size) { continue }
        try inputStore.adopt("\(out)/\(file.name)", as: file.digest)
      }
      try inputStore.sync()
    }
    return files.sorted()
  }

  private func adopt(_ file: LockedFile, from out: String) throws {
    try requireFile(file.name, in: out)
    let found = try InputStore.measureForRegistry("\(out)/\(file.name)")
    guard (found.size, found.digest) == (file.size, file.digest) else {
      throw InputsError.filesDiffer(
        files: [file.name], said: "what came has the sha256 \(found.digest.hex)")
    }
    if let npm = file.npm, npm.integrity != found.integrity {
      throw InputsError.filesDiffer(
        files: [file.name], said: "what came has the integrity \(found.integrity)")
    }
    try inputStore.adopt("\(out)/\(file.name)", as: file.digest)
  }

  /// What lies there was put there by a program of the image's.
  private func requireFile(_ name: String, in out: String) throws {
    guard Files.status("\(out)/\(name)")?.kind == .regular else {
      throw InputsError.filesDiffer(files: [name], said: "it did not come")
    }
  }

  /// A directory of locked files by their names, for a step to read.
  func shelf(_ files: [LockedFile], in directory: String) throws -> String {
    let path = directory + "/shelf"
    try Files.makeDirectories(path)
    for file in files {
      try Files.link(inputStore.path(of: file.digest), to: "\(path)/\(file.name)")
    }
    return path
  }
}

extension ToolWork {
  init(_ script: ToolScript, what: String, writable: [String: String] = [:]) {
    self.init(
      what: what, script: script.text, files: script.files, readable: script.directories,
      writable: writable, environment: script.environment)
  }
}
