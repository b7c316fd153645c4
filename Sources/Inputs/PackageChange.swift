/// A package that is installed in one tree and not, or in another version, in another.
package struct PackageChange: Sendable, Hashable {
  package enum Kind: String, Sendable { case added, removed, upgraded, downgraded }

  package let name: String
  /// The version that was there; `nil` if there was none.
  package let before: String?
  package let after: String?

  package init(name: String, before: String?, after: String?) {
    self.name = name
    self.before = before
    self.after = after
  }

  package var isUpgrade: Bool { kind == .upgraded && before != after }

  /// Two spellings of one version count as an upgrade: something else was installed.
  package var kind: Kind {
    guard let before else { return .added }
    guard let after else { return .removed }
    return DebianVersion(after) < DebianVersion(before) ? .downgraded : .upgraded
  }
}

extension InstalledPackages {
  /// By name.
  package func changes(to other: InstalledPackages) -> [PackageChange] {
    Set(names + other.names).sorted().compactMap { name in
      let (before, after) = (self[name], other[name])
      return before == after ? nil : PackageChange(name: name, before: before, after: after)
    }
  }
}
