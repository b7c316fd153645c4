internal import Catalog
internal import Disks
internal import Dispatch
internal import Host
internal import Launch
internal import Synchronization
internal import Vocabulary

/// Compares files of a store with what the catalog says of them.
struct FileCheck {
  /// What was found, and the file as it was then: another one at the same place is another matter.
  struct Finding {
    var kind: DamageKind
    var detail: String
    /// `nil` if there was none.
    var status: FileStatus?
  }

  let layout: StoreLayout
  let isQuick: Bool

  /// One finding for each file, `nil` where all is well, in their order. Reads on all processors.
  ///
  /// - Parameter progress: bytes read so far, from any thread, one at a time.
  func check(
    _ files: [ExpectedFile], progress: @Sendable @escaping (Int64) -> Void
  ) throws -> [Finding?] {
    struct State {
      var next = 0
      var findings: [Finding?]
      var done: Int64 = 0
      var failure: (any Error)?
    }
    let state = Mutex(State(findings: Array(repeating: nil, count: files.count)))
    let lanes = isQuick ? 1 : max(1, min(HostEnvironment.current.cpuCount, 16, files.count))
    DispatchQueue.concurrentPerform(iterations: lanes) { _ in
      while true {
        let index: Int? = state.withLock { state in
          guard state.failure == nil, state.next < files.count else { return nil }
          state.next += 1
          return state.next - 1
        }
        guard let index else { return }
        do {
          let finding = try check(files[index]) { count in
            state.withLock { state in
              state.done += Int64(count)
              progress(state.done)
            }
          }
          state.withLock { $0.findings[index] = finding }
        } catch {
          state.withLock { $0.failure = $0.failure ?? error }
        }
      }
    }
    return try state.withLock { state in
      if let failure = state.failure { throw failure }
      return state.findings
    }
  }

  private func check(_ file: ExpectedFile, onBytes: (Int) -> Void) throws -> Finding? {
    let path = layout.root + "/" + file.path
    guard let status = Files.status(path) else {
      return Finding(kind: .missing, detail: "there is no such file", status: nil)
    }
    func finding(_ kind: DamageKind, _ detail: String) -> Finding {
      Finding(kind: kind, detail: detail, status: status)
    }
    switch file.key.kind {
    case .tree, .boot:
      guard status.kind == .directory else {
        return finding(.wrongSize, "it is no directory")
      }
      if file.key.kind == .boot, let id = Digest(file.key.id),
        BootBundle.existing(id, in: layout.boot) == nil
      {
        return finding(.wrongSize, "its files are not whole")
      }
      return nil
    default: break
    }
    guard status.kind == .regular else { return finding(.wrongSize, "it is no file") }
    if let size = file.size, size.bytes != status.size {
      return finding(
        .wrongSize, "\(status.size) bytes where there should be \(size.bytes)")
    }
    guard !isQuick, let expected = file.digest else { return nil }
    // Disks of earlier formatters have a digest that is not worked out any more.
    if file.key.kind == .disk, !file.key.id.hasSuffix("/" + DiskWriter.formatterKey) { return nil }
    do {
      let found = try digest(of: path, file.key.kind, status, onBytes: onBytes)
      if found == expected { return nil }
      return finding(
        .wrongDigest, "digest \(found.short) where there should be \(expected.short)")
    } catch HostError.interrupted(let signal) {
      throw HostError.interrupted(signal: signal)
    } catch {
      let reason = (error as? any Failure)?.message ?? "\(error)"
      return finding(.unreadable, reason)
    }
  }

  private func digest(
    of path: String, _ kind: ObjectKind, _ status: FileStatus, onBytes: (Int) -> Void
  ) throws -> Digest {
    let file = try OwnedDescriptor.open(path, .read)
    if kind == .disk {
      defer { onBytes(Int(clamping: status.allocated)) }
      return try BlockDigest.of(file)
    }
    var stream = DigestStream()
    while true {
      try Interrupt.check()
      let part = try file.read(upTo: 1 << 20)
      if part.isEmpty { return stream.finish() }
      stream.update(part)
      onBytes(part.count)
    }
  }
}

extension FileStatus {
  /// Whether nobody wrote to the file or put another in its place.
  func isSameFile(as other: FileStatus) -> Bool {
    (inode, size, changed, changedNanoseconds)
      == (other.inode, other.size, other.changed, other.changedNanoseconds)
  }
}
