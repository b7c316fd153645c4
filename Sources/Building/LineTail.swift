/// The last lines that a command said, for when it fails.
final class LineTail {
  private var lines: [String] = []

  func add(_ line: String) {
    lines.append(line)
    if lines.count > 60 { lines.removeFirst(30) }
  }

  var text: String { lines.suffix(20).joined(separator: "\n") }
}
