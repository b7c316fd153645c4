import CGuest
import GuestProtocol

/// Requests that are done by the time they are answered.
enum Requests {
  static func carryOut(_ request: Message) throws(SystemError) {
    switch request {
    case .setTime(let seconds, let nanoseconds):
      try check(guest_set_time(seconds, nanoseconds), "set the clock")
    case .setIdentity(let identity): try Identity.set(identity)
    case .mount(let mount): try carryOut(mount)
    case .freeze: try check(unsafe guest_freeze("/", 1), "freeze \"/\"")
    case .thaw: try check(unsafe guest_freeze("/", 0), "thaw \"/\"")
    default: throw SystemError(operation: "unknown request", errno: 38)
    }
  }

  private static func carryOut(_ mount: GuestMount) throws(SystemError) {
    let target = text(mount.target)
    let source = text(mount.source)
    let type = text(mount.type)
    try makeDirectories(target)
    let readOnly = mount.readOnly ? GUEST_READ_ONLY : 0
    let operation = "mount \"\(source)\" at \"\(target)\""
    if type == "bind" {
      try check(unsafe guest_mount(source, target, nil, UInt32(GUEST_BIND), nil), operation)
      if mount.readOnly {
        let again = GUEST_BIND | GUEST_REMOUNT | readOnly
        try check(unsafe guest_mount(nil, target, nil, UInt32(again), nil), operation)
      }
    } else {
      let options = mount.options.isEmpty ? nil : text(mount.options)
      try check(unsafe guest_mount(source, target, type, UInt32(readOnly), options), operation)
    }
  }
}
