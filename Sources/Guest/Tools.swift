import CGuest

/// Tools that a VM has besides its image: each a read-only file system of its own, whose
/// `/opt/NAME` is seen in the root, and whose links in `/usr/local/bin` are made there.
enum Tools {
  private static let mounts = "/run/hutch/tools"
  private static let links = "/usr/local/bin"

  /// `/dev/vdb` is the first after the root's.
  static func device(_ index: Int) throws(SystemError) -> String {
    let letters = Array("bcdefghijklmnopqrstuvwxyz")
    guard letters.indices.contains(index) else {
      throw SystemError(operation: "find a name for device \(index)", errno: Errno.noEntry)
    }
    return "/dev/vd\(letters[index])"
  }

  /// - Parameter names: of the devices after the root's, in their order.
  static func mount(_ names: [String]) throws(SystemError) {
    for (index, name) in names.enumerated() {
      let device = try device(index)
      let whole = "\(mounts)/\(name)"
      let home = "/opt/\(name)"
      try Boot.waitFor(device)
      try makeDirectories(whole)
      let flags = UInt32(GUEST_READ_ONLY | GUEST_NO_SUID | GUEST_NO_DEVICES)
      try check(
        unsafe guest_mount(device, whole, "ext4", flags, nil), "mount the tool \"\(name)\"")
      try makeDirectories(home)
      // As read-only as what it shows.
      try check(
        unsafe guest_mount(whole + home, home, nil, UInt32(GUEST_BIND), nil),
        "mount \"\(home)\"")
      try makeDirectories(links)
      try link(from: whole + links)
    }
  }

  /// Makes the same links in the root. What is there and is no link is the image's own and stays.
  private static func link(from source: String) throws(SystemError) {
    let from = unsafe guest_open(source, Int32(GUEST_OPEN_READ))
    // A tool without commands.
    if from == -Errno.noEntry { return }
    try check(from, "open \"\(source)\"")
    defer { _ = guest_close(from) }
    let to = try check(
      unsafe guest_open(links, Int32(GUEST_OPEN_READ)), "open \"\(links)\"")
    defer { _ = guest_close(to) }
    for name in try names(in: from) {
      var target = [UInt8](repeating: 0, count: 4096)
      let count = unsafe guest_readlink_at(from, c(name), &target, target.count)
      guard count > 0, count < target.count else { continue }
      if unsafe guest_is_link("\(links)/\(text(name))") == 1 {
        _ = unsafe guest_unlink_at(to, c(name), 0)
      }
      let made = unsafe guest_symlink_at(c(target.prefix(Int(count))), to, c(name))
      if made < 0 { log("link \"\(links)/\(text(name))\": \(words(-made))") }
    }
  }
}
