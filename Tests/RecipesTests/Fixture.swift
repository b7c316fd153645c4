import Glibc

/// Files beside the tests.
enum Fixture {
  static var directory: String {
    let file = #filePath
    return file.split(separator: "/", omittingEmptySubsequences: false).dropLast()
      .joined(separator: "/") + "/Fixtures"
  }

  static var shippedRecipes: String { directory + "/../../../recipes" }

  struct Unreadable: Error { let path: String }

  static func text(_ name: String) throws -> String { try read(directory + "/" + name) }

  static func read(_ path: String) throws -> String {
    guard let file = unsafe fopen(path, "r") else { throw Unreadable(path: path) }
    defer { unsafe fclose(file) }
    var bytes: [UInt8] = []
    while case let byte = unsafe getc(file), byte >= 0 { bytes.append(UInt8(byte)) }
    return String(decoding: bytes, as: UTF8.self)
  }

  /// Whether golden files are to be written anew. Such a run fails, so that it never passes by
  /// accident.
  static var isAccepting: Bool { unsafe getenv("HUTCH_ACCEPT") != nil }

  static func write(_ text: String, to name: String) throws {
    guard let file = unsafe fopen(directory + "/" + name, "w") else {
      throw Unreadable(path: name)
    }
    unsafe fputs(text, file)
    unsafe fclose(file)
  }

  static func failing() throws -> [String] {
    try names().filter { $0.hasPrefix("should-fail-") && $0.hasSuffix(".toml") }.sorted()
  }

  private static func names() throws -> [String] {
    guard let handle = unsafe opendir(directory) else { throw Unreadable(path: directory) }
    defer { unsafe closedir(handle) }
    var names: [String] = []
    while let entry = unsafe readdir(handle) {
      let name = unsafe withUnsafePointer(to: &entry.pointee.d_name) { pointer in
        unsafe String(cString: UnsafeRawPointer(pointer).assumingMemoryBound(to: CChar.self))
      }
      if !name.hasPrefix(".") { names.append(name) }
    }
    return names
  }
}
