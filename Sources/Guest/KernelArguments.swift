import GuestProtocol

/// What the host says on the kernel command line, as `hutch.KEY=VALUE`.
struct KernelArguments {
  enum Mode: String {
    case run
    case start
    case probe
  }

  var mode = Mode.run
  /// The disk with the root file system (ext4).
  var root = "/dev/vda"
  /// 16 bytes that the first hello repeats.
  var nonce = [UInt8](repeating: 0, count: 16)
  /// Who runs commands that name nobody.
  var user = ""
  var hostname = ""
  var machineID: [UInt8]?
  /// Names of tools, for the devices after the first.
  var tools: [String] = []
  /// The kernel release whose modules are on the device after those of the tools; or empty.
  var modules = ""
  /// What `start` hands over to.
  var initPath = "/sbin/init"

  init(_ line: [UInt8]) {
    for word in text(line).split(whereSeparator: { $0 == " " || $0 == "\n" }) {
      guard word.hasPrefix("hutch."), let equals = word.firstIndex(of: "=") else { continue }
      let value = String(word[word.index(after: equals)...])
      switch word[..<equals] {
      case "hutch.mode": mode = Mode(rawValue: value) ?? .run
      case "hutch.root": root = value
      case "hutch.nonce": nonce = KernelArguments.hexadecimal(value) ?? nonce
      case "hutch.user": user = value
      case "hutch.hostname": hostname = value
      case "hutch.machine_id": machineID = KernelArguments.hexadecimal(value)
      case "hutch.tools": tools = value.split(separator: ",").map { String($0) }
      case "hutch.modules": modules = value
      case "hutch.init": initPath = value
      default: break
      }
    }
  }

  /// 32 digits.
  private static func hexadecimal(_ text: String) -> [UInt8]? {
    let digits = text.compactMap { $0.hexDigitValue }
    guard text.utf8.count == 32, digits.count == 32 else { return nil }
    return (0..<16).map { UInt8(digits[2 * $0] << 4 | digits[2 * $0 + 1]) }
  }
}
