internal import Host
internal import Planning
internal import Recipes
internal import Vocabulary

/// Where a build's secrets come from: `NAME=FILE` or `NAME=env:VARIABLE`. Their values go to the
/// workers of the steps that name them and nowhere else.
struct SecretSources {
  private let values: [String: Secret]

  private static let sizeLimit = 1 << 20

  static let none = SecretSources()

  private init() { values = [:] }

  /// - Parameter handed: what `json` of another process gave.
  init(_ texts: [String], handed: [UInt8]? = nil, environment: HostEnvironment) throws {
    var values = try handed.map(Self.read) ?? [:]
    for text in texts {
      guard let equals = text.firstIndex(of: "="), Names.isSecret(String(text[..<equals])) else {
        // What stands there may be the secret itself.
        throw PipelineError.badSecret(reason: "it must be NAME=FILE or NAME=env:VARIABLE")
      }
      let name = String(text[..<equals])
      let source = String(text[text.index(after: equals)...])
      if values[name] != nil {
        throw PipelineError.badSecret(reason: "\"\(name)\" is given twice")
      }
      values[name] = try Self.read(name, from: source, environment)
    }
    self.values = values
  }

  private static func read(_ json: [UInt8]) throws -> [String: Secret] {
    guard let members = (try? JSON(parsing: json))?.object else {
      throw PipelineError.badSecret(reason: "standard input holds none")
    }
    return try members.mapValues { value in
      guard let bytes = value.string.flatMap({ Hex.decode($0) }) else {
        throw PipelineError.badSecret(reason: "standard input holds something else")
      }
      return Secret(bytes)
    }
  }

  /// Only ever for a pipe between two processes of ours.
  var json: JSON { .object(values.mapValues { .string(Hex.encode($0.bytes)) }) }

  private static func read(
    _ name: String, from source: String, _ environment: HostEnvironment
  ) throws -> Secret {
    let prefix = "env:"
    guard source.hasPrefix(prefix) else {
      let bytes = try Files.read(source, limit: sizeLimit)
      if bytes.isEmpty { throw PipelineError.badSecret(reason: "the file of \"\(name)\" is empty") }
      return Secret(bytes)
    }
    let variable = String(source.dropFirst(prefix.count))
    guard let value = environment[variable] else {
      throw PipelineError.badSecret(
        reason: "the variable of \"\(name)\" is not in the environment, or empty")
    }
    return Secret(Array(value.utf8))
  }

  /// Refuses steps that would miss one, before the first of them runs.
  ///
  /// - Parameters:
  ///   - verb: what the values have to be given to.
  ///   - subject: what it is about, if not the step's recipe.
  func require(
    for steps: some Sequence<PlannedStep>, verb: String = "build", _ subject: String? = nil
  ) throws {
    for step in steps {
      let missing = step.options.secrets.filter { values[$0] == nil }
      if !missing.isEmpty {
        throw PipelineError.secretsMissing(
          step.id, names: missing, command: "\(verb) \(subject ?? step.id.recipe)")
      }
    }
  }

  func values(for step: PlannedStep) -> [String: Secret] {
    values.filter { step.options.secrets.contains($0.key) }
  }
}
