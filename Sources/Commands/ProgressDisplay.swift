internal import Glibc
internal import Host
internal import Pipeline
internal import Synchronization
internal import Vocabulary

/// Shows what the pipeline reports. On a terminal one line moves; it is wiped when the stage ends,
/// so that what stays is one line for each stage that took over a second.
final class ProgressDisplay: Sendable {
  private struct State {
    var stage = ""
    var started: UInt64 = 0
    var lastDrawn: UInt64 = 0
    var isDirty = false
  }

  private let form: ProgressForm
  private let state = Mutex(State())

  private init(_ form: ProgressForm) { self.form = form }

  static func reporter(_ form: ProgressForm) -> Reporter {
    var form = form
    if form == .auto && isatty(STDERR_FILENO) == 0 { form = .none }
    let display = ProgressDisplay(form)
    return Reporter { display.show($0) }
  }

  private func show(_ report: Report) {
    switch form {
    case .jsonl: Output.talk(Self.json(report).description)
    case .none:
      if case .note(let text) = report { Output.talk(Self.clean(text)) }
    case .plain:
      if let line = Self.plain(report) { Output.talk(line) }
    case .auto: draw(report)
    }
  }

  /// The line that stands for a report where nothing moves.
  static func plain(_ report: Report) -> String? {
    switch report {
    case .began(let stage): clean(stage) + " …"
    case .finished(let stage, let milliseconds): "\(clean(stage)): \(seconds(milliseconds))"
    case .note(let text): clean(text)
    case .line(let text): "  " + clean(text)
    case .bytes: nil
    }
  }

  private func draw(_ report: Report) {
    state.withLock { state in
      let now = Clock.monotonic()
      switch report {
      case .began(let stage):
        state.stage = stage
        state.started = now
        state.lastDrawn = now
      case .finished(let stage, let milliseconds):
        wipe(&state)
        if milliseconds >= 1000 {
          Output.talk("\(Self.clean(stage)) (\(Self.seconds(milliseconds)))")
        }
      case .note(let text):
        wipe(&state)
        Output.talk(Self.clean(text))
      case .line(let text): redraw(&state, now, text)
      case .bytes(let done, let total):
        redraw(&state, now, total.map { "\(done) of \($0)" } ?? "\(done)")
      }
    }
  }

  private func redraw(_ state: inout State, _ now: UInt64, _ detail: String) {
    // Nothing moves for what takes less than half a second, nor more than ten times a second.
    guard now - state.started > 500_000_000, now - state.lastDrawn > 100_000_000 else { return }
    state.lastDrawn = now
    let seconds = (now - state.started) / 1_000_000_000
    let line = Self.clean("\(state.stage) (\(seconds) s) \(detail)")
    Output.write("\r\u{1B}[K" + String(line.prefix(width() - 1)), to: STDERR_FILENO)
    state.isDirty = true
  }

  private func wipe(_ state: inout State) {
    if state.isDirty { Output.write("\r\u{1B}[K", to: STDERR_FILENO) }
    state.isDirty = false
  }

  private func width() -> Int {
    var size = winsize()
    let known = unsafe ioctl(STDERR_FILENO, UInt(TIOCGWINSZ), &size) == 0 && size.ws_col > 20
    return known ? Int(size.ws_col) : 80
  }

  /// One line of text of a package's or a guest's making, safe to show: without control
  /// characters, which move the cursor, and without those that turn the direction of writing
  /// (Unicode Standard Annex 9), which make one path look like another.
  static func clean(_ text: String) -> String {
    var cleaned = String.UnicodeScalarView()
    for scalar in text.unicodeScalars {
      switch scalar.value {
      case 0x09: cleaned.append(" ")
      case ..<0x20, 0x7F..<0xA0, 0x200E...0x200F, 0x2028...0x202E, 0x2066...0x2069: break
      default: cleaned.append(scalar)
      }
    }
    return String(cleaned)
  }

  /// The same of text with line ends, which stay. By scalars: a carriage return and a line feed
  /// are one `Character`.
  static func cleanLines(_ text: String) -> String {
    text.unicodeScalars.split(separator: "\n", omittingEmptySubsequences: false)
      .map { clean(String($0)) }.joined(separator: "\n")
  }

  static func seconds(_ milliseconds: Int) -> String {
    milliseconds < 10_000
      ? "\(milliseconds / 1000).\(milliseconds / 100 % 10) s" : "\(milliseconds / 1000) s"
  }

  static func json(_ report: Report) -> JSON {
    switch report {
    case .began(let stage): .object(["event": .string("began"), "stage": .string(stage)])
    case .line(let text): .object(["event": .string("line"), "text": .string(text)])
    case .bytes(let done, let total):
      .object([
        "event": .string("bytes"), "done_bytes": .integer(done.bytes),
        "total_bytes": total.map { .integer($0.bytes) } ?? .null,
      ])
    case .finished(let stage, let milliseconds):
      .object([
        "event": .string("finished"), "stage": .string(stage),
        "milliseconds": .integer(Int64(milliseconds)),
      ])
    case .note(let text): .object(["event": .string("note"), "text": .string(text)])
    }
  }
}
