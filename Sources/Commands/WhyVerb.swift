internal import ArgumentParser
internal import Catalog
internal import Host
internal import Pipeline
internal import Vocabulary

struct WhyVerb: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "why", abstract: "Say what keeps something in the store, or that nothing does.")

  @OptionGroup var common: CommonOptions
  @OptionGroup var output: FormatOption
  @OptionGroup var thing: ThingArgument

  func run() throws {
    let answer = try common.session().why(thing.reference, kind: thing.kind)
    switch output.format {
    case .table: for line in answer.lines(now: Clock.now()) { Output.line(line) }
    case .json: Output.write(answer.json.indented)
    }
  }
}

extension WhyAnswer {
  /// For people: the way from the root, then what else there is to know.
  func lines(now: Int64) -> [String] {
    switch self {
    case .vm(let vm):
      if vm.unsynced { return ["vm \(vm.name) holds work that nobody has taken: it never goes"] }
      return [
        vm.ephemeral && !vm.supervised
          ? "vm \(vm.name) is the rest of a throwaway run: `hutch gc` takes it"
          : "vm \(vm.name) stays until it is removed: `hutch rm \(vm.name)`"
      ]
    case .object(let holding): return Self.lines(holding, now)
    }
  }

  private static func lines(_ holding: Holding, _ now: Int64) -> [String] {
    guard let (root, objects) = holding.path else { return free(holding, now) }
    var lines = ["\(root)"]
    for (depth, object) in objects.enumerated() {
      lines.append(
        String(repeating: "   ", count: depth) + "└─ " + Tally.shortened(object.description))
    }
    let others = holding.roots.filter { $0 != root }.map(\.description)
    if !others.isEmpty {
      let more = others.count > 5 ? " and \(others.count - 5) more" : ""
      lines.append("also held by: \(others.prefix(5).joined(separator: ", "))\(more)")
    }
    if !holding.isNeeded, let fate = fate(holding.key.kind) { lines.append(fate) }
    return lines
  }

  /// Of what is only wanted: when it goes all the same.
  private static func fate(_ kind: ObjectKind) -> String? {
    switch kind {
    case .tree, .warm, .disk, .boot: "can be made again: it goes where a limit asks for room"
    case .input: "can be fetched again, while a mirror has it: it goes with `hutch gc --inputs`"
    default: nil
    }
  }

  private static func free(_ holding: Holding, _ now: Int64) -> [String] {
    var lines = ["nothing holds \(Tally.shortened(holding.key.description))"]
    if !holding.formerTags.isEmpty {
      lines.append(
        "another image has its name now: \(holding.formerTags.joined(separator: ", "))")
    }
    let rest = (holding.goesAt ?? 0) - now
    if holding.state == .writing {
      lines.append("whoever was writing it is gone: `hutch gc` takes it")
    } else if rest > 0 {
      lines.append("`hutch gc` takes it in \((rest + 59) / 60) min, `hutch gc --now` at once")
    } else {
      lines.append("`hutch gc` takes it")
    }
    return lines
  }

  var json: JSON {
    var members: [String: JSON] = ["hutch": .integer(1), "kind": .string("why")]
    switch self {
    case .vm(let vm):
      members["subject"] = .string("vm \(vm.name)")
      members["held"] = .bool(vm.unsynced || !vm.ephemeral || vm.supervised)
      members["needed"] = members["held"]
      members["root"] = .string("vm \(vm.name)")
      members["path"] = .array([])
      members["roots"] = .array([.string("vm \(vm.name)")])
      members["goes_at"] = .null
    case .object(let holding):
      members["subject"] = .string(holding.key.description)
      members["held"] = .bool(holding.path != nil)
      members["needed"] = .bool(holding.isNeeded)
      members["root"] = .optional(holding.path?.root.description)
      members["path"] = .array(
        (holding.path?.objects ?? []).map { .string($0.description) })
      members["roots"] = .array(holding.roots.map { .string($0.description) })
      members["goes_at"] = holding.goesAt.map { .string(SourceDate($0).rfc3339) } ?? .null
    }
    return .object(members)
  }
}
