internal import Vocabulary

/// Takes secrets out of what a step says, line by line.
final class SecretFilter {
  private let texts: [String]
  private let onLine: (String) -> Void
  /// Pieces of one line that came in several.
  private var pending = ""

  /// Lines come in pieces of so many bytes at most, and a secret may lie across two.
  private static let pieceLimit = 4096
  /// Beyond it nobody reads a line, and its rest is left out.
  private static let lineLimit = 64 << 10

  /// A secret of several lines is taken out line by line, as that is how it is said.
  init(_ secrets: some Sequence<Secret>, onLine: @escaping (String) -> Void) {
    self.onLine = onLine
    texts = Set(
      secrets.flatMap { secret in
        secret.bytes.split { $0 == 0x0A || $0 == 0x0D }.map { line in
          String(decoding: line, as: UTF8.self)
        }
      }
    ).filter { $0.utf8.count >= 4 }
      // The longer first: one may be a part of another.
      .sorted { ($1.utf8.count, $0) < ($0.utf8.count, $1) }
  }

  func add(_ line: String) {
    if texts.isEmpty { return onLine(line) }
    if pending.utf8.count < Self.lineLimit { pending += line }
    if line.utf8.count <= Self.pieceLimit { finish() }
  }

  /// What is said has been said.
  func finish() {
    if pending.isEmpty { return }
    onLine(texts.reduce(pending) { $0.replacing($1, with: "(a secret)") })
    pending = ""
  }
}
