import Glibc
import Host
import Testing

@testable import Workspaces

private let nobody: UInt32 = 65534

/// Does it with the rights of a user whom nothing belongs to, where the tests are root's, who may
/// do everything. Others do it as they are.
///
/// Only this thread's rights on files change: `setfsuid(2)`.
func asNobody<Value>(_ body: () throws -> Value) throws -> Value {
  guard geteuid() == 0 else { return try body() }
  typealias Setter = @convention(c) (UInt32) -> Int32
  let found = unsafe dlsym(dlopen(nil, RTLD_NOW), "setfsuid")
  guard let symbol = unsafe found else { throw NoFailure() }
  let setUser = unsafe unsafeBitCast(symbol, to: Setter.self)
  _ = setUser(nobody)
  defer { _ = setUser(0) }
  return try body()
}

extension Workplace {
  /// Makes the workspace, with all in it, the property of whom `asNobody` stands for.
  func give() throws {
    guard geteuid() == 0 else { return }
    try run("chown", ["-hR", "\(nobody)", path])
  }
}
