internal import Archives
internal import Host
package import Recipes
package import Vocabulary

/// What everybody can have from Debian's archive.
package enum PublishedFiles {
  /// Which of the files are, byte for byte, at the same place in one of the packages. Packages are
  /// looked into in the order in which they come, and only as long as there is something to look
  /// for; those that the store does not hold are passed over.
  package static func among(
    _ files: [GuestPath: Digest], of packages: [LockedPackage], in store: InputStore
  ) throws -> Set<GuestPath> {
    // All of a package has to be unpacked to look for one file.
    var wanted = Dictionary(grouping: files.keys.filter(isForPackages), by: merged)
    var found: Set<GuestPath> = []
    for package in packages where store.holds(package.digest, size: package.size) {
      if wanted.isEmpty { break }
      try ForeignArchive.forEachFile(ofPackage: store.path(of: package.digest)) { entry, data in
        guard entry.kind == .file, let path = entry.guestPath.map(merged),
          let places = wanted[path]
        else { return true }
        var stream = DigestStream()
        while true {
          let part = try data.read(upTo: 1 << 18)
          if part.isEmpty { break }
          stream.update(part)
        }
        let digest = stream.finish()
        let same = places.filter { files[$0] == digest }
        found.formUnion(same)
        if !same.isEmpty { wanted[path] = nil }
        return !wanted.isEmpty
      }
    }
    return found
  }

  /// Which of the files are, byte for byte, in one of the tarballs of npm's packages, at a path
  /// that theirs end with: below which directories they are laid out is npm's affair.
  package static func among(
    _ files: [GuestPath: Digest], ofTarballs tarballs: [LockedFile], in store: InputStore
  ) throws -> Set<GuestPath> {
    var wanted = files
    var found: Set<GuestPath> = []
    for tarball in tarballs where store.holds(tarball.digest, size: tarball.size) {
      if wanted.isEmpty { break }
      try ForeignArchive.forEachEntry(of: store.path(of: tarball.digest)) { entry, data in
        guard entry.kind == .file, let parts = entry.guestPath?.parts.dropFirst() else {
          return true
        }
        let places = wanted.keys.filter { $0.parts.suffix(parts.count).elementsEqual(parts) }
        if places.isEmpty || parts.isEmpty { return true }
        var stream = DigestStream()
        while true {
          let part = try data.read(upTo: 1 << 18)
          if part.isEmpty { break }
          stream.update(part)
        }
        let digest = stream.finish()
        for place in places where wanted[place] == digest {
          found.insert(place)
          wanted[place] = nil
        }
        return !wanted.isEmpty
      }
    }
    return found
  }

  /// Whether packages of Debian may have files there at all (Filesystem Hierarchy Standard 3.0;
  /// Debian Policy 9.1). Most secrets that somebody left are elsewhere.
  private static func isForPackages(_ path: GuestPath) -> Bool {
    let others = ["home", "media", "mnt", "opt", "root", "srv", "usr/local", "workspace"]
    return !others.contains { place in GuestPath(place).map(path.isWithin) ?? false }
  }

  /// Packages may still say `/lib/x` for what stands at `/usr/lib/x` in all images.
  private static func merged(_ path: GuestPath) -> GuestPath {
    let top = ["bin", "sbin", "lib", "lib32", "lib64", "libx32"]
    guard let first = path.parts.first, top.contains(String(decoding: first, as: UTF8.self)),
      let usr = GuestPath("usr")
    else { return path }
    return usr.appending(path)
  }
}
