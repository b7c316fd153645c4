internal import Host
package import Vocabulary

/// A look into a `.deb`: an `ar` archive of `debian-binary`, `control.tar.*` and `data.tar.*`
/// (`deb(5)`).
package struct DebianArchive: Sendable {
  /// The control file as it stands in the package, without empty lines around it.
  package let control: String
  /// The newest time of its members. Kept by Debian's archive, so the same everywhere.
  package let date: SourceDate

  /// More than Debian's largest, by far.
  private static let controlLimit = 16 << 20

  /// Every length is checked against the file; data is stepped over, not read.
  package init(path: String) throws(InputsError) {
    let file = try onHost { () throws(HostError) in try OwnedDescriptor.open(path, .read) }
    let members = try Self.members(of: file, path)
    guard let member = members.first(where: { $0.name.hasPrefix("control.tar") }) else {
      throw .damagedPackage(path: path, what: "it has no control archive")
    }
    guard member.size <= Self.controlLimit else {
      throw .damagedPackage(path: path, what: "its control archive is too large")
    }
    let compressed = try onHost { () throws(HostError) in
      try file.pread(at: member.offset, count: Int(member.size))
    }
    date = SourceDate(members.map(\.modified).max() ?? 0)
    guard let bytes = ControlArchive.file("control", in: compressed),
      let text = String(validating: bytes, as: UTF8.self)
    else { throw .damagedPackage(path: path, what: "its control archive has no control file") }
    // A second paragraph, or a blank line in the first, would become a package of its own.
    guard ControlStanza.parse(text).count == 1 else {
      throw .damagedPackage(path: path, what: "its control file is not one paragraph")
    }
    control = text.split(separator: "\n").joined(separator: "\n")
  }

  private struct Member {
    var name: String
    var modified: Int64
    var offset: Int64
    var size: Int64
  }

  private static func members(
    of file: borrowing OwnedDescriptor, _ path: String
  ) throws(InputsError) -> [Member] {
    func damaged(_ what: String) -> InputsError { .damagedPackage(path: path, what: what) }
    func read(_ offset: Int64, _ count: Int) throws(InputsError) -> [UInt8] {
      try onHost { () throws(HostError) in try file.pread(at: offset, count: count) }
    }
    let end = try onHost { () throws(HostError) in try file.status() }.size
    guard try read(0, 8) == Array("!<arch>\n".utf8) else {
      throw damaged("it is no ar archive")
    }
    var members: [Member] = []
    var offset: Int64 = 8
    while offset < end {
      // ar(5): name 16, time 12, owner 6, group 6, mode 8, size 10, two bytes to end it.
      let header = try read(offset, 60)
      guard header.count == 60, header[58] == 0x60, header[59] == 0x0A else {
        throw damaged("an entry has no header")
      }
      func field(_ range: Range<Int>) -> Substring {
        let text = String(decoding: header[range], as: UTF8.self)
        return text.prefix(while: { $0 != " " })
      }
      guard let modified = Int64(field(16..<28)), let size = Int64(field(48..<58)),
        modified >= 0, size >= 0, size <= end - offset - 60
      else { throw damaged("an entry's size or time can't be") }
      let name = field(0..<16)
      members.append(
        Member(
          name: String(name.hasSuffix("/") ? name.dropLast() : name), modified: modified,
          offset: offset + 60, size: size))
      guard members.count <= 16 else { throw damaged("it has too many entries") }
      offset += 60 + size + size % 2
    }
    guard members.first?.name == "debian-binary" else { throw damaged("it is not marked as one") }
    return members
  }
}
