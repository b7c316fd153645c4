package import Vocabulary

/// Where something stands in a text: both counted from 1, columns in Unicode scalars.
package struct TextPlace: Hashable, Sendable, Comparable {
  package let line: Int
  package let column: Int

  package init(line: Int, column: Int) {
    self.line = line
    self.column = column
  }

  /// What concerns a text as a whole is reported at its beginning.
  package static let beginning = TextPlace(line: 1, column: 1)

  package static func < (left: TextPlace, right: TextPlace) -> Bool {
    (left.line, left.column) < (right.line, right.column)
  }
}

/// One thing that is wrong with a recipe or a lock, with its place.
package struct RecipeMistake: Hashable, Sendable, CustomStringConvertible {
  /// The file as the person who asked knows it.
  package let path: String
  package let line: Int
  package let column: Int
  /// One sentence: lower case, no full stop, the object in quotes.
  package let message: String
  package let hint: String?

  package init(path: String, place: TextPlace, message: String, hint: String? = nil) {
    self.path = path
    line = place.line
    column = place.column
    self.message = message
    self.hint = hint
  }

  /// `path:line:column`
  package var location: String { "\(path):\(line):\(column)" }

  /// `path:line:column: message`, and the hint after a semicolon.
  package var description: String {
    "\(location): \(message)" + (hint.map { "; \($0)" } ?? "")
  }
}

/// Everything that is wrong with a file, in the order of the places: a person corrects a file once,
/// not once per mistake.
package struct RecipeErrors: Failure {
  /// Never empty.
  package let mistakes: [RecipeMistake]
  package let kind: FailureKind

  package init(_ mistakes: [RecipeMistake], kind: FailureKind = .badInput) {
    precondition(!mistakes.isEmpty, "an error says what is wrong")
    self.mistakes = mistakes
    self.kind = kind
  }

  init(
    path: String, place: TextPlace, message: String, hint: String? = nil,
    kind: FailureKind = .badInput
  ) {
    self.init([RecipeMistake(path: path, place: place, message: message, hint: hint)], kind: kind)
  }

  /// A single mistake with its place; for more, a heading and one line each.
  package var message: String {
    if mistakes.count == 1 { return "\(mistakes[0].location): \(mistakes[0].message)" }
    return
      (["\(mistakes.count) mistakes in \"\(mistakes[0].path)\""]
      + mistakes.map { "  " + $0.description }).joined(separator: "\n")
  }

  package var hint: String? { mistakes.count == 1 ? mistakes[0].hint : nil }

  package var path: String? { mistakes[0].location }

  package var description: String {
    mistakes.map(\.description).joined(separator: "\n")
  }
}

/// Gathers the mistakes of one text while it is read.
final class MistakeCollector {
  /// More than anybody reads; keeps hostile input from filling memory and screen.
  static let limit = 100

  let path: String
  private var mistakes: Set<RecipeMistake> = []

  init(path: String) { self.path = path }

  var isEmpty: Bool { mistakes.isEmpty }

  func add(_ place: TextPlace, _ message: String, hint: String? = nil) {
    guard mistakes.count < Self.limit else { return }
    mistakes.insert(RecipeMistake(path: path, place: place, message: message, hint: hint))
  }

  /// Throws what was gathered, in the order of the places; returns if there was nothing.
  func finish() throws(RecipeErrors) {
    guard !mistakes.isEmpty else { return }
    throw RecipeErrors(
      mistakes.sorted { ($0.line, $0.column, $0.message) < ($1.line, $1.column, $1.message) })
  }
}
