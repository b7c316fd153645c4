package import GuestProtocol

/// What happens on one stream, in the order of its arrival.
package enum StreamEvent: Sendable, Equatable {
  case started(pid: UInt32)
  /// Within the window; whoever gets it says `consumed` once he has passed it on.
  case data(GuestChannel, [UInt8])
  /// No more output comes, or no more input is wanted.
  case ended(GuestChannel)
  /// So many more bytes of input may be sent.
  case credit(UInt32)
  /// Final once both outputs ended.
  case exited(GuestExit)
  case done([UInt8])
  case failed(GuestFailure)
  case reset
}

/// Who hears what happens on a stream.
package protocol StreamEndpoint: AnyObject {
  func streamReceived(_ event: StreamEvent, on stream: UInt32) throws
}

/// The rules of one stream, as seen by the host.
struct StreamState {
  let endpoint: any StreamEndpoint
  let form: Form
  /// An `open`; else a request that is answered by `done` or `failed`.
  var isOpen: Bool { form != .request }

  enum Form {
    case request
    case command
    /// Nothing travels on standard error: a connection, or shared files.
    case connection

    init(_ message: Message) {
      guard case .open(let request) = message else {
        self = .request
        return
      }
      switch request.kind {
      case .exec, .unpack, .pack: self = .command
      case .connection, .files: self = .connection
      }
    }

    /// The windows that it can make us hold: two outputs, and the input that the guest does not
    /// take. On a connection nothing comes but its bytes, and input waits in the kernel.
    var channels: Int {
      switch self {
      case .request: 0
      case .command: 3
      case .connection: 1
      }
    }
  }

  var isStarted = false
  var input = SendWindow()
  var output = ReceiveWindow()
  var error = ReceiveWindow()
  /// We sent `end` for input, or the guest wants no more.
  var inputEnded = false
  var outputEnded = false
  var errorEnded = false
  var exited = false
  var resetSent = false

  var isOver: Bool { exited && outputEnded && errorEnded }
}
