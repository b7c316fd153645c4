internal import Glibc
internal import Host
package import Vocabulary

/// Results go to standard output, talk to standard error.
enum Output {
  /// A reader that went away is no error of ours: `hutch images | head -1`. A result that is lost
  /// for another reason is one.
  static func write(_ text: String, to descriptor: Int32 = STDOUT_FILENO) {
    var bytes = Array(text.utf8)[...]
    while !bytes.isEmpty {
      let count = unsafe bytes.withUnsafeBytes {
        unsafe Glibc.write(descriptor, $0.baseAddress, $0.count)
      }
      if count <= 0 {
        if count < 0 && errno == EINTR { continue }
        if errno != EPIPE && descriptor == STDOUT_FILENO { lose(errno) }
        return
      }
      bytes = bytes.dropFirst(count)
    }
  }

  private static func lose(_ errno: Int32) -> Never {
    let error = HostError.system(
      operation: "write to", path: "standard output", errno: errno)
    talk(ErrorReport.text(error))
    exit(ErrorReport.status(of: error))
  }

  static func line(_ text: String) { write(text + "\n") }
  static func talk(_ text: String) { write(text + "\n", to: STDERR_FILENO) }
}

/// A list in the two forms that every listing has: columns for people, objects for programs.
package struct Listing: Sendable {
  package struct Column: Sendable {
    package var title: String
    package var alignsRight: Bool
    package init(_ title: String, alignsRight: Bool = false) {
      self.title = title
      self.alignsRight = alignsRight
    }
  }

  /// What kind of things they are; `kind` of the JSON root, in the plural.
  package var kind: String
  package var columns: [Column]
  package var rows: [[String]] = []
  package var items: [JSON] = []
  /// Further members of the JSON root, such as totals.
  package var members: [String: JSON] = [:]
  /// Said to people in place of an empty table.
  package var nothing: String

  package init(kind: String, columns: [Column], nothing: String) {
    self.kind = kind
    self.columns = columns
    self.nothing = nothing
  }

  package mutating func add(_ row: [String], _ item: [String: JSON]) {
    rows.append(row)
    items.append(.object(item))
  }

  /// `{"hutch":1,"kind":…,"items":[…]}`; members are only ever added.
  package var json: JSON {
    .object(
      ["hutch": .integer(1), "kind": .string(kind), "items": .array(items)]
        .merging(members) { first, _ in first })
  }

  /// Columns as wide as their widest cell, two spaces apart.
  package var table: String {
    if rows.isEmpty { return nothing + "\n" }
    let cells = [columns.map { $0.title.uppercased() }] + rows
    let widths = columns.indices.map { index in cells.map { $0[index].count }.max() ?? 0 }
    var text = ""
    for row in cells {
      var line = ""
      for (index, cell) in row.enumerated() {
        let padding = String(repeating: " ", count: widths[index] - cell.count)
        line += columns[index].alignsRight ? padding + cell : cell + padding
        if index + 1 < row.count { line += "  " }
      }
      while line.last == " " { line.removeLast() }
      text += line + "\n"
    }
    return text
  }

  func print(as format: OutputFormat) {
    switch format {
    case .table: Output.write(table)
    case .json: Output.write(json.indented)
    }
  }
}

/// Times as people read them in a list: "3 min ago".
package enum Age {
  package static func text(of moment: Int64, now: Int64 = Clock.now()) -> String {
    let seconds = max(0, now - moment)
    switch seconds {
    case ..<60: return "\(seconds) s ago"
    case ..<3600: return "\(seconds / 60) min ago"
    case ..<172_800: return "\(seconds / 3600) h ago"
    default: return "\(seconds / 86_400) days ago"
    }
  }
}
