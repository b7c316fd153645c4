internal import Catalog
internal import Disks
internal import Glibc
package import Host
internal import Launch
internal import Vocabulary

/// One thing that was looked at.
package struct Finding: Sendable, Hashable {
  package enum State: String, Sendable {
    case fine
    /// Something that Hutch can't do without.
    case missing
    /// Works, but not as well as it could.
    case warning
  }

  package var check: String
  package var state: State
  package var detail: String
  /// How to get it.
  package var hint: String?
}

/// What this machine has and lacks. Looks and tries, and changes nothing but the remembered verdict
/// about the accelerator.
package struct Doctor: Sendable {
  private let store: String
  private let environment: HostEnvironment

  package init(store: String?, environment: HostEnvironment = .current) {
    self.store = store ?? environment.storePath
    self.environment = environment
  }

  package func examine() -> [Finding] {
    var findings = tools
    findings.append(namespaces)
    if let identities { findings.append(identities) }
    findings += [filePlace, guest, recipes]
    if let catalog { findings.append(catalog) }
    findings.append(accelerator)
    return findings
  }

  /// Each program that is run, and what for.
  private static let programs = [
    ("mmdebstrap", "building bases"), ("apt-get", "resolving packages"),
    ("gpgv", "checking signatures"), ("curl", "fetching files by their address"),
    ("mke2fs", "modules for VMs"), ("debugfs", "modules for VMs"), ("depmod", "modules for VMs"),
    (Emulator.program, "running VMs"),
    ("git", "workspaces that are repositories"),
  ]

  private var tools: [Finding] {
    let needed = Self.programs + (environment.isRoot ? [] : [("newuidmap", "rootless builds")])
    return needed.map { name, purpose in
      if let path = Processes.find(name) {
        return Finding(check: name, state: .fine, detail: path, hint: nil)
      }
      let package = Processes.debianPackage(of: name)
      return Finding(
        check: name, state: .missing, detail: "needed for \(purpose)",
        hint: "install Debian's package \"\(package)\", or run `make setup`")
    }
  }

  /// Tried, because what forbids them differs from distribution to distribution.
  private var namespaces: Finding {
    do {
      let result = try Processes.run(
        Command("true", []),
        isolation: Isolation(namespaces: [.mount], identities: try IdentityMap.current()))
      if result.status.isSuccess {
        return Finding(
          check: "user namespaces", state: .fine, detail: "can be made", hint: nil)
      }
      return Finding(
        check: "user namespaces", state: .missing, detail: "\(result.status)", hint: nil)
    } catch {
      return missing("user namespaces", error)
    }
  }

  private var identities: Finding? {
    if environment.isRoot { return nil }
    do {
      let map = try IdentityMap.current(environment)
      let range = map.users.last
      return Finding(
        check: "subordinate ids", state: .fine,
        detail: range.map { "\($0.count) from \($0.outside) on" } ?? "", hint: nil)
    } catch {
      return missing("subordinate ids", error)
    }
  }

  private var filePlace: Finding {
    var place = store
    while !Files.isDirectory(place) && Files.parent(of: place) != place {
      place = Files.parent(of: place)
    }
    do {
      try Files.requireSuitableFileSystem(place)
      let free = try Files.freeSpace(place)
      let isLittle = free < .gibibytes(5)
      return Finding(
        check: "store", state: isLittle ? .warning : .fine, detail: "\(store), \(free) free",
        hint: isLittle ? "an image needs some gigabytes while it is built" : nil)
    } catch {
      return missing("store", error)
    }
  }

  private var guest: Finding {
    do {
      let path = try Installation.guestProgram(environment)
      return Finding(check: "guest program", state: .fine, detail: path, hint: nil)
    } catch {
      return missing("guest program", error)
    }
  }

  private var recipes: Finding {
    let path = Installation.recipes(environment)
    if Files.isDirectory(path) {
      return Finding(check: "recipes", state: .fine, detail: path, hint: nil)
    }
    return Finding(
      check: "recipes", state: .warning, detail: "none at \"\(path)\"",
      hint: "run `make install`, or name recipes by their path")
  }

  /// A store that is not there yet is no fault.
  private var catalog: Finding? {
    guard Files.exists(StoreLayout(root: store).catalog) else { return nil }
    do {
      _ = try Session(store: store, environment: environment)
      return Finding(check: "catalog", state: .fine, detail: "can be read", hint: nil)
    } catch {
      return missing("catalog", error)
    }
  }

  private var accelerator: Finding {
    let check = "accelerator"
    if let reason = AcceleratorProbe.openKVM() {
      return Finding(
        check: check, state: .warning, detail: "tcg, several times slower: \(reason)",
        hint: "if this machine has KVM, join its group: usermod -aG kvm \(environment.userName)")
    }
    guard let bundle = newestBundle else {
      return Finding(
        check: check, state: .fine, detail: "kvm can be opened; the first VM proves it", hint: nil)
    }
    do {
      let memory = StoreLayout(root: store).accelerator
      let verdict = try AcceleratorProbe.decide(memory: memory, bundle: bundle)
      let version = verdict.emulator.version
      if verdict.accelerator == .kvm {
        return Finding(check: check, state: .fine, detail: "kvm, QEMU \(version)", hint: nil)
      }
      return Finding(
        check: check, state: .warning,
        detail: "tcg, several times slower, QEMU \(version): \(verdict.reason)", hint: nil)
    } catch {
      return missing(check, error)
    }
  }

  private var newestBundle: BootBundle? {
    guard let session = try? Session(store: store, environment: environment),
      let boots = try? session.catalog.objects(.boot)
    else { return nil }
    return boots.filter { $0.state == .ready }.max { $0.createdAt < $1.createdAt }
      .flatMap { Digest($0.key.id) }
      .flatMap { BootBundle.existing($0, in: session.layout.boot) }
  }

  private func missing(_ check: String, _ error: any Error) -> Finding {
    let failure = error as? any Failure
    return Finding(
      check: check, state: .missing, detail: failure?.message ?? "\(error)",
      hint: failure?.hint)
  }
}
