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
      if case .note(let text) = report { Output.talk(text) }
    case .plain: plain(report)
    case .auto: draw(report)
    }
  }

  private func plain(_ report: Report) {
    switch report {
    case .began(let stage): Output.talk("\(stage) …")
    case .finished(let stage, let milliseconds):
      Output.talk("\(stage): \(Self.seconds(milliseconds))")
    case .note(let text): Output.talk(text)
    case .line(let text): Output.talk("  " + text)
    case .bytes: break
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
        Output.talk(text)
      case .line(let text): redraw(&state, now, Self.clean(text))
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
    let line = "\(state.stage) (\(seconds) s) \(detail)"
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

  /// What a package's script prints must not move the cursor of the person who builds it.
  static func clean(_ text: String) -> String {
    String(
      String.UnicodeScalarView(
        text.unicodeScalars.filter { $0.value >= 0x20 && !(0x7F..<0xA0).contains($0.value) }))
  }

  static func seconds(_ milliseconds: Int) -> String {
    milliseconds < 10_000
      ? "\(milliseconds / 1000).\(milliseconds / 100 % 10) s" : "\(milliseconds / 1000) s"
  }

  private static func json(_ report: Report) -> JSON {
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
