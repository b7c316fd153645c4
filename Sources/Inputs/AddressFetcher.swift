internal import Glibc
internal import Host
package import Vocabulary

/// Brings one file by its address into the store, with the host's curl: its proxies and
/// certificates count, its configuration file does not. What was begun is gone on with after a
/// failure; nothing gets into the store that has not the digest that was asked for.
package struct AddressFetcher: Sendable {
  /// No file that is not locked yet may be larger.
  package static let largest = ByteCount.gibibytes(16)

  private let store: InputStore
  /// How often it is tried; between the tries it waits 2, 4, … seconds.
  private let rounds: Int
  private let largest: ByteCount

  package init(store: InputStore, rounds: Int = 4, largest: ByteCount = AddressFetcher.largest) {
    self.store = store
    self.rounds = rounds
    self.largest = largest
  }

  /// The file is in the store afterwards. Without network if it already is.
  ///
  /// - Parameter size: if it is known: what has another size is refused early.
  /// - Returns: its size.
  @discardableResult
  package func fetch(
    _ url: String, as digest: Digest, size: ByteCount?, progress: (InputProgress) -> Void
  ) throws(InputsError) -> ByteCount {
    if let present = store.size(of: digest), size == nil || size == present { return present }
    guard Processes.find("curl") != nil else {
      throw .host(.missingTool(name: "curl", debianPackage: "curl"))
    }
    try onHost { () throws(HostError) in try Files.makeDirectories(store.ingest) }
    let limit = try room(for: size)
    let work = "\(store.ingest)/address-\(Hex.encode(Randomness.bytes(6))).tmp"
    // What lies there without a lock beside it is garbage that anybody may remove.
    let lock = try store.lockedDirectory(work)
    defer {
      try? Files.removeTree(work)
      try? Files.remove(work + ".lock")
      _ = lock.descriptor
    }
    let transfer = AddressTransfer(url: url, work: work, limit: limit)
    try bring(transfer, size: size, progress)
    return try publish(transfer, as: digest, size: size)
  }

  private func bring(
    _ transfer: AddressTransfer, size: ByteCount?, _ progress: (InputProgress) -> Void
  ) throws(InputsError) {
    for round in 1...rounds {
      let failure = try transfer.run { bytes in
        progress(.fetched(bytes: bytes, of: size ?? .zero, files: 0, ofFiles: 1))
      }
      guard let failure else { return }
      if failure.isFinal || round == rounds {
        throw .addressNotFetched(url: transfer.url, said: failure.said)
      }
      progress(.note("\(failure.said); trying again"))
      try onHost { () throws(HostError) in try Clock.pause(seconds: 1 << round) }
    }
  }

  private func publish(
    _ transfer: AddressTransfer, as digest: Digest, size: ByteCount?
  ) throws(InputsError) -> ByteCount {
    let found = try onHost { () throws(HostError) in try InputStore.measure(transfer.path) }
    guard found.digest == digest, size == nil || size == found.size else {
      throw .wrongFile(
        url: transfer.url, expected: digest, found: found.digest, size: found.size)
    }
    try onHost { () throws(HostError) in
      try store.adopt(transfer.path, as: digest)
      try store.sync()
    }
    return found.size
  }

  /// How many bytes may come: all that were locked, or what there is room for.
  private func room(for size: ByteCount?) throws(InputsError) -> ByteCount {
    try onHost { () throws(HostError) in
      let free = try Files.freeSpace(store.ingest)
      guard let size else { return min(largest, free) }
      if free < size {
        throw .system(operation: "fetch \(size) into", path: store.ingest, errno: ENOSPC)
      }
      return size
    }
  }
}
