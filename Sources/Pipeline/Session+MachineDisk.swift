internal import Catalog
internal import Disks
internal import Host
internal import Vocabulary

/// The disk of a VM that does not run, and the one of its image that it began with.
struct MachineDisk {
  var now: Ext4Reader
  var before: Ext4Reader
}

extension Session {
  /// Opens a VM's disk for reading, as its kernel would find it: also one that was not closed.
  func openDisk(of vm: VMRecord) throws -> MachineDisk {
    guard let disk = vm.diskFiles.first else { throw CatalogError.unknownObject(vm.disk) }
    let stored = try storedChain(disk, calledAs: backingName(of: disk))
    let before = try Ext4Reader.open(try DiskReader(stored))
    guard let overlay = try overlay(of: vm) else {
      return MachineDisk(now: before, before: before)
    }
    return MachineDisk(
      now: try Ext4Reader.open(try DiskReader([overlay] + stored)), before: before)
  }

  /// The files of a disk in the store, the topmost first. Which lies below which stands in them,
  /// and they are the store's own; all the same only files beside each other are taken.
  ///
  /// - Parameter name: what the overlay of a VM calls it.
  private func storedChain(_ disk: String, calledAs name: String) throws -> [ChainFile] {
    var chain: [ChainFile] = []
    var path = "\(layout.root)/\(disk)"
    var name = name
    var format = format(of: disk)
    while true {
      let file = ChainFile(
        try OwnedDescriptor.open(path, .read), path: path, name: name, format: format)
      chain.append(file)
      // `DiskReader` says so if they are too many.
      if format == .raw || chain.count > DiskReader.mostFiles { return chain }
      let header = try file.header()
      guard !header.backingName.contains("/") else {
        throw DisksError.refusedImage(path: path, reason: .foreignBacking(header.backingName))
      }
      (name, format) = (header.backingName, header.backingFormat)
      path = "\(layout.disks)/\(name)"
    }
  }

  /// What a VM wrote; `nil` if it never ran: until then its file can be missing or short.
  private func overlay(of vm: VMRecord) throws -> ChainFile? {
    let path = layout.virtualMachine(vm.name) + "/overlay.qcow2"
    guard Files.exists(path) else {
      if vm.state == .created { return nil }
      throw PipelineError.overlayMissing(vm.name)
    }
    let file = ChainFile(
      try OwnedDescriptor.open(path, .read), path: path, name: "", format: .qcow2)
    do {
      _ = try file.header()
    } catch {
      if vm.state == .created { return nil }
      throw error
    }
    return file
  }
}
