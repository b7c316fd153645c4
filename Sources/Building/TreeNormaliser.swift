package import Host
package import Vocabulary

/// Applies the table to what a step changed, in place: the tree on the disk then says what its
/// layer says, and a later step sees the same whether its parents were just built or unpacked.
///
/// Runs inside the user namespace that the tree's owners belong to.
package struct TreeNormaliser {
  private let date: SourceDate
  /// By the number of parts of their patterns: most files lie too deep for any.
  private let rules: [Int: [(pattern: PathPattern, rule: NormalisationRule)]]
  /// The parents' merged tree; `nil` for a base.
  private let lower: Lower?

  private final class Lower {
    let root: OwnedDescriptor
    init(_ root: consuming OwnedDescriptor) { self.root = root }
  }

  /// - Parameter lower: the merged tree of all parents, mounted read-only.
  package init(date: SourceDate, lowerPath: String?) throws(HostError) {
    self.date = date
    rules = Dictionary(
      grouping: Normalisation.rules(forBase: lowerPath == nil).map {
        (pattern: PathPattern($0.pattern), rule: $0)
      }, by: \.pattern.depth)
    if let lowerPath {
      lower = Lower(try OwnedDescriptor.open(lowerPath, .directory))
    } else {
      lower = nil
    }
  }

  /// Below `tree` afterwards: the rules applied, copied-up but unchanged files gone, no
  /// modification time after the step's date, none with a fraction of a second.
  package func apply(to tree: borrowing OwnedDescriptor) throws(HostError) {
    var linked: [LinkedName] = []
    try visit(tree, .root, lower, above: nil, &linked)
    try removeUnchanged(linked, from: tree)
    try clampTimes(of: [], in: tree, try tree.status())
  }

  /// - Parameters:
  ///   - lower: the parents' tree as far as it shows through here: below a directory that they
  ///     don't have, or that was made anew, it does not.
  ///   - above: the same for the directory above.
  ///   - linked: gets the unchanged files that have other names in `tree`.
  private func visit(
    _ directory: borrowing OwnedDescriptor, _ path: GuestPath, _ lower: Lower?, above: Lower?,
    _ linked: inout [LinkedName]
  ) throws(HostError) {
    for name in try directory.entries() {
      try Interrupt.check()
      guard let below = path.appending(name) else { continue }
      var status = try directory.status(of: name)
      let rule = rule(for: below)
      if try apply(rule, to: name, status, in: directory) { continue }
      switch status.kind {
      case .directory:
        let child = try directory.openBeneath(name, .directory)
        let shows = try shows(lower, name, below, in: directory)
        try visit(child, below, shows ? lower : nil, above: lower, &linked)
      case .regular where try isStaleBytecode(name, below, in: directory, above):
        try directory.unlink(name)
        continue
      case .regular, .symlink:
        if let before = try unchanged(name, status, below, in: directory, lower) {
          if status.links == 1 {
            try directory.unlink(name)
            continue
          }
          linked.append(LinkedName(path: below, inode: status.inode, inodeBefore: before.inode))
        }
      default: break
      }
      // What was worked on has new times.
      if rule != nil || status.kind == .directory { status = try directory.status(of: name) }
      try clampTimes(of: name, in: directory, status)
    }
  }

  private func rule(for path: GuestPath) -> NormalisationRule? {
    let parts = path.parts
    return rules[parts.count]?.first { $0.pattern.matches(parts) }?.rule
  }

  /// Whether the entry is gone afterwards.
  private func apply(
    _ rule: NormalisationRule?, to name: [UInt8], _ status: FileStatus,
    in directory: borrowing OwnedDescriptor
  ) throws(HostError) -> Bool {
    guard let rule, !isWhiteout(status) else { return false }
    switch rule.action {
    case .remove:
      try directory.removeTree(name)
      return true
    case .clear where status.kind == .directory:
      let child = try directory.openBeneath(name, .directory)
      for entry in try child.entries() { try child.removeTree(entry) }
    case .truncate where status.kind == .regular:
      try replace(name, with: [], in: directory)
    case .rewrite(let text) where status.kind == .regular:
      try replace(name, with: Array(text.utf8), in: directory)
    case .rewrite(let text) where status.kind == .symlink:
      // A link here would point into the running system of whoever made it.
      try directory.unlink(name)
      _ = try directory.openBeneath(name, .createExclusive(mode: 0o644)).raw
      try directory.setMode(of: name, 0o644)
      try replace(name, with: Array(text.utf8), in: directory)
    case .fixPasswordDates where status.kind == .regular:
      let text = try directory.openBeneath(name, .read).readAll(limit: 16 << 20)
      try replace(name, with: Normalisation.fixPasswordDates(text, date: date), in: directory)
    case .fixKeyStoreDates where status.kind == .regular:
      let store = try directory.openBeneath(name, .read).readAll(limit: 16 << 20)
      guard let fixed = JavaKeyStore.withDates(store, date) else { return false }
      try replace(name, with: fixed, in: directory)
    default: break
    }
    return false
  }

  private func replace(
    _ name: [UInt8], with bytes: [UInt8], in directory: borrowing OwnedDescriptor
  ) throws(HostError) {
    let file = try directory.openBeneath(name, .readWrite)
    try file.truncate(to: 0)
    try file.writeAll(bytes)
  }

  private func isWhiteout(_ status: FileStatus) -> Bool {
    status.kind == .characterDevice && status.major == 0 && status.minor == 0
  }

  /// Whether the parents have a directory at this place that was not made anew.
  private func shows(
    _ lower: Lower?, _ name: [UInt8], _ path: GuestPath, in directory: borrowing OwnedDescriptor
  ) throws(HostError) -> Bool {
    guard let lower, try lower.root.statusIfPresent(of: path.bytes)?.kind == .directory else {
      return false
    }
    return try !directory.extendedAttributes(of: name).contains { attribute in
      attribute.name.elementsEqual("user.overlay.opaque".utf8)
        && attribute.value.elementsEqual("y".utf8)
    }
  }

  // MARK: Python's bytecode

  private func isStaleBytecode(
    _ name: [UInt8], _ path: GuestPath, in directory: borrowing OwnedDescriptor, _ lower: Lower?
  ) throws(HostError) -> Bool {
    guard name.suffix(4).elementsEqual(".pyc".utf8),
      let cache = path.parent, cache.name.elementsEqual("__pycache__".utf8),
      let source = Self.source(of: name)
    else { return false }
    let header = try directory.openBeneath(name, .read).pread(at: 0, count: 16)
    var modified = try directory.statusIfPresent(of: Array("../".utf8) + source)?.modified
    if modified == nil, let place = cache.parent?.appending(source) {
      modified = try lower?.root.statusIfPresent(of: place.bytes)?.modified
    }
    return !Normalisation.keepsBytecode(
      header: header, sourceModified: modified.map { min($0, date.seconds) })
  }

  /// `__pycache__/module.cpython-313.opt-1.pyc` comes from `module.py` (PEP 3147).
  private static func source(of name: [UInt8]) -> [UInt8]? {
    guard let tag = name.firstRange(of: Array(".cpython-".utf8)) else { return nil }
    return Array(name[..<tag.lowerBound]) + Array(".py".utf8)
  }

  // MARK: Copied up, not changed

  /// A name of a file that has several: overlayfs copies up one name, so the step itself linked
  /// the others to it.
  private struct LinkedName {
    let path: GuestPath
    let inode: UInt64
    let inodeBefore: UInt64
  }

  /// Removes those whose file had the same names before; with one name gone, the others of a new
  /// link would become files of their own.
  private func removeUnchanged(
    _ linked: [LinkedName], from tree: borrowing OwnedDescriptor
  ) throws(HostError) {
    for (_, names) in Dictionary(grouping: linked, by: \.inode) {
      guard let first = names.first,
        try tree.status(of: first.path.bytes).links == UInt64(names.count),
        names.allSatisfy({ $0.inodeBefore == first.inodeBefore })
      else { continue }
      for name in names {
        guard let parent = name.path.parent else { continue }
        let directory = try tree.openBeneath(
          parent.isRoot ? [UInt8(ascii: ".")] : parent.bytes, .directory)
        try directory.unlink(Array(name.path.name))
        try clampTimes(of: [], in: directory, try directory.status())
      }
    }
  }

  /// What the parents have in this place, if the step left it as it was.
  private func unchanged(
    _ name: [UInt8], _ status: FileStatus, _ path: GuestPath,
    in directory: borrowing OwnedDescriptor, _ lower: Lower?
  ) throws(HostError) -> FileStatus? {
    guard let lower, let before = try lower.root.statusIfPresent(of: path.bytes),
      before.kind == status.kind, before.mode == status.mode, before.uid == status.uid,
      before.gid == status.gid, before.size == status.size, before.modified == status.modified
    else { return nil }
    let attributes = try directory.extendedAttributes(of: name).filter(Self.counts)
    let attributesBefore = try lower.root.extendedAttributes(of: path.bytes).filter(Self.counts)
    guard attributes.count == attributesBefore.count,
      zip(attributes, attributesBefore).allSatisfy({ $0.name == $1.name && $0.value == $1.value })
    else { return nil }
    if status.kind == .symlink {
      return try directory.readLink(name) == lower.root.readLink(path.bytes) ? before : nil
    }
    let after = try directory.openBeneath(name, .read)
    let original = try lower.root.openBeneath(path.bytes, .read)
    while true {
      let part = try after.read(upTo: 1 << 20)
      let same = try original.read(upTo: 1 << 20)
      if part != same { return nil }
      if part.isEmpty { return before }
    }
  }

  private static func counts(_ attribute: (name: [UInt8], value: [UInt8])) -> Bool {
    !attribute.name.starts(with: "user.overlay.".utf8)
      && !attribute.name.starts(with: "trusted.overlay.".utf8)
  }

  // MARK: Times

  private func clampTimes(
    of name: [UInt8], in directory: borrowing OwnedDescriptor, _ status: FileStatus
  ) throws(HostError) {
    if isWhiteout(status) { return }
    let clamped = min(status.modified, date.seconds)
    if clamped != status.modified || status.modifiedNanoseconds != 0 {
      try directory.setTimes(of: name, seconds: clamped)
    }
  }
}
