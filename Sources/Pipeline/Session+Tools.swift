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
  func buildLocked(
    _ chain: RecipeChain, _ lock: Lock, files: [StepID: [Planning.CopiedFile]],
    _ secrets: SecretSources, _ lease: Lease
  ) throws -> [DiffID] {
    var timings = Timings()
    let steps = try planner.lockedSteps(chain, lock: lock, files: files)
    var layers: [DiffID] = []
    for step in steps {
      let key = step.record(over: ChainID(of: layers)).key
      if let known = try catalog.knownStep(key, lease) {
        layers.append(known)
        continue
      }
      try secrets.require(for: [step])
      try requireRoom(for: [step])
      try fetchInputs(of: [step], lease, &timings)
      layers.append(
        try run(
          step, among: steps, of: chain, over: layers, BuildRequest(recipe: chain.leaf.name),
          secrets, lease, &timings))
    }
    return layers
  }

  /// All wheels that a step needs over those layers, in the store.
  func resolve(
    _ request: PipRequest, _ step: ChainStep, of chain: RecipeChain, over layers: [DiffID],
    _ lease: Lease
  ) throws -> [LockedFile] {
    try withJobDirectory { directory in
      let script = try Pip.resolve(
        request, with: HostPip.fromHost(environment), settings: directory + "/settings")
      let out = try download(
        script, what: step.action.summary, of: chain, at: step.recipeIndex, over: layers,
        in: directory, lease
      ) { Pip.refusal(of: request, said: $0) }
      let installed = try Files.read(out + "/" + Pip.installed, limit: 16 << 20)
      let names = try Pip.wanted(
        try Files.list(out), installed: String(decoding: installed, as: UTF8.self))
      return try keep(names, from: out, lease)
    }
  }

  /// The wheels of a step that is about to run are in the store.
  func fetch(
    _ wheels: [LockedFile], _ request: PipRequest, _ step: PlannedStep, of chain: RecipeChain,
    over layers: [DiffID], _ lease: Lease
  ) throws {
    let wanted = wheels.map(WantedInput.init)
    try obtain(wanted, lease) { inputs in
      let missing = wheels.filter { wheel in
        !inputStore.holds(wheel.digest, size: wheel.size)
          && inputs.contains { $0.digest == wheel.digest }
      }
      if missing.isEmpty { return }
      try withJobDirectory { directory in
        let script = try Pip.fetch(
          missing, request, with: HostPip.fromHost(environment), settings: directory + "/settings")
        let out = try download(
          script, what: "fetch wheels", of: chain, at: chain.steps[layers.count].recipeIndex,
          over: layers, in: directory, lease
        ) { Pip.loss(of: missing, said: $0) }
        for wheel in missing { try adopt(wheel, from: out) }
        try inputStore.sync()
      }
    }
  }

  // MARK: What all of them have in common

  /// Runs a script with network where a step stands; the directory with what it brought.
  ///
  /// - Parameter explain: what the end of its output means if it fails.
  private func download(
    _ script: ToolScript, what: String, of chain: RecipeChain, at recipe: Int,
    over layers: [DiffID], in directory: String, _ lease: Lease,
    explain: (String) -> InputsError
  ) throws -> String {
    try makeTrees(of: layers, lease)
    let out = directory + "/out"
    try Files.makeDirectories(out)
    let job = StepJob(
      trees: layout.trees, lower: layers.reversed().map(StoreLayout.treeName),
      directory: directory + "/job", date: .constant,
      environment: chain.environment(through: recipe),
      work: .tool(ToolWork(script, what: what, writable: [Pip.output: out])), hasNetwork: true)
    do {
      _ = try workers.perform(.download(job)) { report(.line($0)) }
    } catch BuildingError.stepFailed(_, _, let tail) {
      throw explain(tail)
    }
    return out
  }

  /// Files that came, measured and taken into the store; as a lock has them.
  private func keep(
    _ names: [String], from out: String, _ lease: Lease
  ) throws -> [LockedFile] {
    var files: [LockedFile] = []
    for name in names {
      try requireFile(name, in: out)
      let found = try InputStore.measure("\(out)/\(name)")
      files.append(LockedFile(name: name, size: found.size, digest: found.digest))
    }
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
    let found = try InputStore.measure("\(out)/\(file.name)")
    guard found == (file.size, file.digest) else {
      throw InputsError.filesDiffer(
        files: [file.name], said: "what came has the sha256 \(found.digest.hex)")
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
