internal import Catalog
internal import Host
internal import Inputs
internal import Launch
internal import Planning
internal import Recipes
internal import Vocabulary

/// A boot bundle in the store.
struct BootFiles {
  var key: ObjectKey
  var bundle: BootBundle
}

extension Session {
  /// Kernel and initrd for VMs of an image: from the kernel package that the image was locked
  /// with and the guest program of this Hutch. Derived, made when it is missing.
  func makeBoot(
    of image: ImageRecord, _ lease: Lease, _ timings: inout Timings
  ) throws -> BootFiles {
    let program = try Installation.guestProgram(environment)
    guard let kernel = try catalog.kernel(of: image.id, lease) else {
      throw PipelineError.noKernel(image.tags.first ?? image.id.digest.short)
    }
    let id = BootBundle.identify(kernelPackage: kernel, guestProgram: try digest(of: program))
    let key = ObjectKey.boot(id.description)
    let name = BootBundle.name(id)
    guard try takeTurn(key, ["boot/\(name)"], lease) else {
      if let bundle = BootBundle.existing(id, in: layout.boot) {
        return BootFiles(key: key, bundle: bundle)
      }
      // Somebody touched it: what is left of it is put aside and it is made anew.
      try catalog.quarantine(key, reason: "its files are not whole")
      return try makeBoot(of: image, lease, &timings)
    }
    let clock = Stopwatch()
    return try report.stage("make the boot bundle", &timings) {
      try withJobDirectory { directory in
        let made = try BootBundle.make(
          kernelPackage: layout.input(kernel), digest: kernel, guestProgram: program,
          in: directory)
        guard made.id == id else { throw PipelineError.guestProgramChanged(path: program) }
        let bytes = try Files.allocated(below: made.directory)
        var publication = Publication(size: bytes, allocated: bytes)
        publication.derived = true
        publication.rebuildMilliseconds = Int64(clock.milliseconds)
        removeTree("\(layout.boot)/\(name)")
        try catalog.publish(key, publication, lease) {
          try Files.rename(made.directory, to: "\(layout.boot)/\(name)", replacing: false)
          try Files.syncDirectory(layout.boot)
        }
        guard let bundle = BootBundle.existing(id, in: layout.boot) else {
          throw PipelineError.noKernel(image.id.digest.short)
        }
        return BootFiles(key: key, bundle: bundle)
      }
    }
  }

  /// Reading and hashing the program takes longer than making a clone, so the catalog remembers
  /// which file had which digest.
  private func digest(of program: String) throws -> Digest {
    let path = Files.canonical(program) ?? program
    guard let status = Files.status(path) else {
      throw PipelineError.guestProgramMissing(path: program)
    }
    let signature = "\(path) \(status.inode) \(status.size) \(status.modified)"
    if let known = try catalog.fact(Self.guestFact)?.split(separator: "\n"), known.count == 2,
      known[0] == signature, let digest = Digest(String(known[1]))
    {
      return digest
    }
    let digest = Digest.of(try Files.read(path, limit: 256 << 20))
    try catalog.setFact(Self.guestFact, "\(signature)\n\(digest)")
    return digest
  }

  private static let guestFact = "guest-program"

  /// What the kernel package of a lock is to an image: recorded beside it, so that a VM can be
  /// made of the image without its recipe.
  func recordKernel(of lock: Lock, for image: ImageID, _ lease: Lease) throws {
    guard let package = lock.kernel?.packages.first else { return }
    try catalog.setKernel(package.digest, of: image, lease)
  }

  /// The emulator, and whether it may use the processor's own virtualisation here.
  func accelerator(for bundle: BootBundle) throws -> AcceleratorVerdict {
    try AcceleratorProbe.decide(memory: layout.accelerator, bundle: bundle)
  }
}
