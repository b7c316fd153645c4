internal import Glibc
internal import Host
package import Recipes
internal import Vocabulary

/// Brings locked packages into the store: from the mirrors of the host's apt configuration, by
/// apt's own methods, so that its proxies and credentials count. Nothing gets into the store
/// that has not the locked size and digest.
package struct InputFetcher: Sendable {
  private let store: InputStore
  private let sources: AptSources
  /// How often all places are asked; between them it waits 2, 4, … seconds.
  private let rounds: Int

  package init(store: InputStore, sources: AptSources, rounds: Int = 3) {
    self.store = store
    self.sources = sources
    self.rounds = rounds
  }

  /// What is not in the store yet.
  package func missing(_ packages: [LockedPackage]) -> [LockedPackage] {
    var seen: Set<Digest> = []
    return packages.sorted().filter {
      !store.holds($0.digest, size: $0.size) && seen.insert($0.digest).inserted
    }
  }

  /// All of them are in the store afterwards. Without network if they already are.
  package func fetch(
    _ packages: [LockedPackage], progress: (InputProgress) -> Void
  ) throws(InputsError) {
    let missing = missing(packages)
    if missing.isEmpty { return }
    for package in missing where !PoolPath.isUsable(package.path) {
      throw .unusablePath(package.path)
    }
    try onHost { () throws(HostError) in try Files.makeDirectories(store.ingest) }
    try requireRoom(for: missing)
    let work = "\(store.ingest)/fetch-\(Hex.encode(Randomness.bytes(6))).tmp"
    // What lies there without a lock beside it is garbage that anybody may remove.
    let lock = try store.lockedDirectory(work)
    defer {
      try? Files.removeTree(work)
      try? Files.remove(work + ".lock")
      _ = lock.descriptor
    }
    var count = FetchCount(packages: missing)
    progress(count.progress)
    var left = missing
    var said = ""
    for round in 0..<rounds {
      for base in sources.bases where !left.isEmpty {
        let attempt = FetchAttempt(work: work, base: base)
        said = try attempt.run(left) { bytes in progress(count.progress(adding: bytes)) }
        left = try publish(left, from: attempt, &count, &said)
        progress(count.progress)
      }
      if left.isEmpty { break }
      // What is not there will not be there in two seconds either.
      if round + 1 == rounds || FetchAttempt.isFinal(said) { break }
      progress(.note("\(left.count) packages could not be fetched, trying again"))
      try onHost { () throws(HostError) in try Clock.pause(seconds: 2 << round) }
    }
    try onHost { () throws(HostError) in try store.sync() }
    if let package = left.first {
      throw .notFetched(
        package: package.name, path: package.path, digest: package.digest, said: said)
    }
  }

  /// Without it a file would come shortened, and look like one that was not locked.
  private func requireRoom(for packages: [LockedPackage]) throws(InputsError) {
    let needed = packages.reduce(ByteCount.zero) { $0 + $1.size }
    try onHost { () throws(HostError) in
      if try Files.freeSpace(store.ingest) < needed {
        throw .system(operation: "fetch \(needed) into", path: store.ingest, errno: ENOSPC)
      }
    }
  }

  /// Those that are still missing.
  private func publish(
    _ packages: [LockedPackage], from attempt: FetchAttempt, _ count: inout FetchCount,
    _ said: inout String
  ) throws(InputsError) -> [LockedPackage] {
    var left: [LockedPackage] = []
    for package in packages {
      let path = attempt.path(of: package)
      let published = try onHost { () throws(HostError) -> Bool? in
        guard let status = Files.status(path) else { return nil }
        if status.kind == .symlink { try attempt.copyLinked(path, limit: package.size) }
        return try store.publish(path, as: package.digest, size: package.size)
      }
      if published == true {
        count.add(package)
        continue
      }
      if published == false {
        said = "what came is not what was locked"
        try onHost { () throws(HostError) in try Files.remove(path) }
      }
      left.append(package)
    }
    return left
  }
}

/// How far one call of `fetch` is.
private struct FetchCount {
  private var bytes: Int64 = 0
  private var files = 0
  private let allBytes: Int64
  private let allFiles: Int

  init(packages: [LockedPackage]) {
    allBytes = packages.reduce(0) { $0 + $1.size.bytes }
    allFiles = packages.count
  }

  mutating func add(_ package: LockedPackage) {
    bytes += package.size.bytes
    files += 1
  }

  var progress: InputProgress { progress(adding: .zero) }

  /// With what has come but is not verified yet.
  func progress(adding more: ByteCount) -> InputProgress {
    .fetched(
      bytes: ByteCount(min(allBytes, bytes + more.bytes)), of: ByteCount(allBytes), files: files,
      ofFiles: allFiles)
  }
}
