import CGuest

/// A user of the image, read from its own files.
struct User {
  var uid: UInt32
  var gid: UInt32
  /// All groups, the first one included.
  var groups: [UInt32]
  var name: String
  var home: String
  var shell: String

  /// Looks up `name`, `uid`, `name:group` or `uid:gid`; nil if there is no such user or group.
  /// A number needs no entry in `/etc/passwd`.
  static func find(_ request: String) -> User? {
    let parts = request.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
    let wanted = parts.first.map(String.init) ?? ""
    let passwd = records("/etc/passwd", fields: 7)
    let group = records("/etc/group", fields: 4)
    let entry = passwd.first { $0[0] == wanted } ?? passwd.first { number($0[2]) == number(wanted) }
    var user: User
    if let entry, let uid = number(entry[2]), let gid = number(entry[3]), !wanted.isEmpty {
      user = User(
        uid: uid, gid: gid, groups: [gid], name: entry[0], home: entry[5],
        shell: entry[6].isEmpty ? "/bin/sh" : entry[6])
    } else if let uid = number(wanted) {
      user = User(
        uid: uid, gid: uid, groups: [uid], name: wanted, home: "/", shell: "/bin/sh")
    } else if wanted == "root" {
      user = User(uid: 0, gid: 0, groups: [0], name: "root", home: "/", shell: "/bin/sh")
    } else {
      return nil
    }
    if parts.count == 2 {
      let name = String(parts[1])
      guard
        let gid = group.first(where: { $0[0] == name }).flatMap({ number($0[2]) })
          ?? number(name)
      else { return nil }
      user.gid = gid
      user.groups = [gid]
    } else {
      for record in group where record[3].split(separator: ",").contains(Substring(user.name)) {
        if let gid = number(record[2]), !user.groups.contains(gid) { user.groups.append(gid) }
      }
    }
    return user
  }

  private static func number(_ text: String) -> UInt32? {
    text.utf8.first.map { $0 != UInt8(ascii: "+") } == true ? UInt32(text) : nil
  }

  private static func records(_ path: String, fields: Int) -> [[String]] {
    text(readFile(path) ?? []).split(separator: "\n").compactMap { line in
      let parts = line.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
      return parts.count == fields ? parts : nil
    }
  }
}
