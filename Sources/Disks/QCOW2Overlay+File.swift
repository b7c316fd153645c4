package import Host
internal import Vocabulary

extension QCOW2Overlay {
  /// Writes the overlay to a name that must not exist, mode 0600, holes left as holes.
  ///
  /// - Parameter durable: syncs the file and its directory. Without it the file may be missing,
  ///   empty or short after a crash; reading its header tells.
  package func write(to path: String, durable: Bool) throws(DisksError) {
    try onHost { () throws(HostError) in
      let file = try OwnedDescriptor.open(path, .createExclusive(mode: 0o600))
      do throws(HostError) {
        for (offset, bytes) in segments { try file.pwriteAll(bytes, at: offset) }
        try file.truncate(to: fileSize)
        if durable {
          try file.sync()
          try Files.syncDirectory(Files.parent(of: path))
        }
      } catch {
        try? Files.remove(path)
        throw error
      }
    }
  }
}

extension QCOW2Header {
  /// Reads the header of an open file; `path` is only for errors.
  package static func read(
    from file: borrowing OwnedDescriptor, path: String
  ) throws(DisksError) -> QCOW2Header {
    let beginning: [UInt8]
    let size: Int64
    do {
      beginning = try file.pread(at: 0, count: Int(QCOW2.clusterSize))
      size = try file.status().size
    } catch {
      throw .host(error)
    }
    return try QCOW2Header(beginning, fileSize: size, path: path)
  }
}
