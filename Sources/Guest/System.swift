import CGuest

/// A system call that failed, with what was being attempted.
struct SystemError: Error, CustomStringConvertible {
  let operation: String
  let errno: Int32

  var description: String { "\(operation): \(words(errno))" }
}

/// An errno in the system's words, in lower case.
func words(_ errno: Int32) -> String {
  unsafe String(cString: guest_error_text(errno)).lowercased()
}

/// Errno values that change what we do.
enum Errno {
  static let noEntry: Int32 = 2
  static let inputOutput: Int32 = 5
  static let again: Int32 = 11
  static let exists: Int32 = 17
  static let notDirectory: Int32 = 20
  static let isDirectory: Int32 = 21
  static let loop: Int32 = 40
}

@discardableResult
func check(_ result: Int32, _ operation: @autoclosure () -> String) throws(SystemError) -> Int32 {
  guard result >= 0 else { throw SystemError(operation: operation(), errno: -result) }
  return result
}

/// A line on the console, which is the only place for what has no stream.
func log(_ text: String) {
  let bytes = [UInt8]("hutch-guest: \(text)\n".utf8)
  _ = unsafe guest_write(2, bytes, bytes.count)
}

/// `bytes` as a C string for the time of a call.
func c(_ bytes: some Sequence<UInt8>) -> [CChar] {
  bytes.map { CChar(bitPattern: $0) } + [0]
}

func text(_ bytes: some Collection<UInt8>) -> String { String(decoding: bytes, as: UTF8.self) }

/// Calls `body` with a NULL-terminated table of C strings that lives as long as the call.
func withTable<Result>(
  _ strings: [[UInt8]], _ body: (UnsafePointer<UnsafePointer<CChar>?>) -> Result
) -> Result {
  var flat: [CChar] = []
  var starts: [Int] = []
  for string in strings {
    starts.append(flat.count)
    flat += c(string)
  }
  flat.append(0)
  return unsafe flat.withUnsafeBufferPointer { flat in
    var pointers: [UnsafePointer<CChar>?] = unsafe []
    for start in starts { unsafe pointers.append(flat.baseAddress! + start) }
    unsafe pointers.append(nil)
    return unsafe pointers.withUnsafeBufferPointer { unsafe body($0.baseAddress!) }
  }
}

/// Reads up to `count` bytes; an errno if it failed.
func read(_ descriptor: Int32, _ count: Int) -> (bytes: [UInt8], error: Int32) {
  var error: Int32 = 0
  let bytes = unsafe [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
    let result = unsafe guest_read(descriptor, buffer.baseAddress!, count)
    filled = max(0, Int(result))
    if result < 0 { error = Int32(-result) }
  }
  return (bytes, error)
}

/// A whole small file; nil if it can't be read.
func readFile(_ path: String, limit: Int = 1 << 20) -> [UInt8]? {
  let descriptor = unsafe guest_open(path, Int32(GUEST_OPEN_READ))
  guard descriptor >= 0 else { return nil }
  defer { _ = guest_close(descriptor) }
  var bytes: [UInt8] = []
  while bytes.count < limit {
    let part = read(descriptor, min(limit - bytes.count, 65536))
    guard part.error == 0 else { return nil }
    if part.bytes.isEmpty { break }
    bytes += part.bytes
  }
  return bytes
}

/// Writes all of `bytes` to a blocking descriptor.
func writeAll(_ descriptor: Int32, _ bytes: ArraySlice<UInt8>) throws(SystemError) {
  let error = unsafe bytes.withUnsafeBufferPointer { buffer -> Int32 in
    var done = 0
    while done < buffer.count {
      let result = unsafe guest_write(
        descriptor, buffer.baseAddress! + done, buffer.count - done)
      guard result >= 0 else { return Int32(-result) }
      done += Int(result)
    }
    return 0
  }
  guard error == 0 else { throw SystemError(operation: "write", errno: error) }
}

/// Replaces the content of a file where it stands.
func writeFile(_ path: String, _ bytes: [UInt8]) throws(SystemError) {
  let descriptor = unsafe guest_open(path, Int32(GUEST_OPEN_REPLACE))
  try check(descriptor, "open \"\(path)\"")
  defer { _ = guest_close(descriptor) }
  try writeAll(descriptor, bytes[...])
}

func exists(_ path: String) -> Bool { unsafe guest_exists(path) == 1 }

/// The names in a directory, sorted by bytes.
func names(in descriptor: Int32) throws(SystemError) -> [[UInt8]] {
  // The box lives on this frame for the whole call that gets its address.
  var names: [[UInt8]] = []
  let result = unsafe withUnsafeMutablePointer(to: &names) { box in
    unsafe guest_for_each_entry(
      descriptor,
      { context, name, length in
        let box = unsafe context!.assumingMemoryBound(to: [[UInt8]].self)
        let bytes = unsafe UnsafeRawBufferPointer(start: name, count: length)
        unsafe box.pointee.append([UInt8](bytes))
        return 0
      }, box)
  }
  try check(result, "list directory")
  return names.sorted { $0.lexicographicallyPrecedes($1) }
}

/// The names in the directory `path`; none if it can't be read.
func names(in path: String) -> [String] {
  let descriptor = unsafe guest_open(path, Int32(GUEST_OPEN_READ))
  guard descriptor >= 0 else { return [] }
  defer { _ = guest_close(descriptor) }
  return ((try? names(in: descriptor)) ?? []).map { text($0) }
}

/// Makes a directory and its parents; follows links, since the path is the host's.
func makeDirectories(_ path: String, made: (String) -> Void = { _ in }) throws(SystemError) {
  var current = ""
  for part in path.split(separator: "/") {
    current += "/" + part
    let result = unsafe guest_mkdir(current, 0o755)
    if result == 0 {
      made(current)
    } else if result != -Errno.exists, !exists(current) {
      try check(result, "make directory \"\(current)\"")
    }
  }
}
