internal import Host
package import Vocabulary

/// How much a guest may send as its commits.
package struct GitLimits: Sendable {
  /// Of the pack as it comes.
  package var size: ByteCount
  package var objects: Int
  /// Of all its objects unpacked.
  package var unpacked: ByteCount

  package init(
    size: ByteCount = .gibibytes(4), objects: Int = 4_000_000,
    unpacked: ByteCount = .gibibytes(16)
  ) {
    self.size = size
    self.objects = objects
    self.unpacked = unpacked
  }
}

/// Takes the guest's answer to `GitQuestion` as it comes: one line, then a pack, which is stored
/// and not looked into yet.
package final class GitAnswer {
  /// What the guest calls its last commit; nil if it has none.
  private(set) var tip: String?
  /// Commits on other branches, as the guest says; they don't come.
  package private(set) var others = 0
  /// Where the pack is; there is none if nothing but the line came.
  let pack: String
  private(set) var packSize: Int64 = 0

  private let limits: GitLimits
  private let file: OwnedDescriptor
  private var head: [UInt8] = []
  private var hasLine = false
  private var packHead: [UInt8] = []

  private static let longestLine = 128

  /// - Parameter path: replaced; removed with this object.
  package init(path: String, limits: GitLimits = GitLimits()) throws {
    pack = path
    self.limits = limits
    file = try OwnedDescriptor.open(path, .createTruncated(mode: 0o600))
  }

  deinit { try? Files.remove(pack) }

  package func take(_ bytes: [UInt8]) throws {
    if hasLine { return try store(bytes[...]) }
    head += bytes
    guard let end = head.firstIndex(of: 10) else {
      guard head.count <= Self.longestLine else { throw WorkspacesError.gitRefused(.noAnswer) }
      return
    }
    guard end <= Self.longestLine else { throw WorkspacesError.gitRefused(.noAnswer) }
    try read(String(decoding: head[..<end], as: UTF8.self))
    hasLine = true
    try store(head[(end + 1)...])
    head = []
  }

  package func finish() throws {
    guard hasLine, packSize == 0 || packHead.count == 12 else {
      throw WorkspacesError.gitRefused(.noAnswer)
    }
  }

  private func read(_ line: String) throws {
    let words = line.split(separator: " ", omittingEmptySubsequences: false)
    guard words.count == 3, words[0] == "hutch", words[1] == "none" || GitPlace.isObject(words[1]),
      words[2].utf8.count <= 9, let others = Int(words[2]), others >= 0
    else { throw WorkspacesError.gitRefused(.noAnswer) }
    tip = words[1] == "none" ? nil : String(words[1])
    self.others = others
  }

  private func store(_ bytes: ArraySlice<UInt8>) throws {
    guard !bytes.isEmpty else { return }
    if packHead.count < 12 {
      packHead += bytes.prefix(12 - packHead.count)
      if packHead.count == 12 { try checkPackHead() }
    }
    packSize += Int64(bytes.count)
    guard packSize <= limits.size.bytes else {
      throw WorkspacesError.gitRefused(.tooLarge(limits.size))
    }
    try file.writeAll(bytes)
  }

  /// `PACK`, version 2 or 3, number of objects (gitformat-pack(5)).
  private func checkPackHead() throws {
    let version = packHead[4..<8].reduce(0) { $0 << 8 | Int($1) }
    guard packHead.starts(with: "PACK".utf8), version == 2 || version == 3 else {
      throw WorkspacesError.gitRefused(.noAnswer)
    }
    let count = packHead[8..<12].reduce(0) { $0 << 8 | Int($1) }
    guard count <= limits.objects else {
      throw WorkspacesError.gitRefused(.tooManyObjects(limits.objects))
    }
  }
}
