package import Vocabulary

/// What an image holds: one recipe file, checked, as values.
package struct Recipe: Sendable, Equatable {
  /// What the recipe is called: its file's name without `.toml`.
  package let name: String
  /// The file as the person who asked knows it. Copied files lie beside it.
  package let path: String
  /// The file, byte for byte.
  package let text: String
  package let summary: String?
  package let origin: RecipeOrigin
  /// Where `from` stands, for mistakes that only show when it is followed.
  package let originPlace: TextPlace
  package let steps: [RecipeStep]
  /// `tool`: what it adds is for VMs of all images, not for an image of its own.
  package let isTool: Bool
  /// `with`: names of the recipes whose tools VMs of the image get, in that order.
  package let tools: [String]
  /// `[env]`: the environment of what runs in a VM. Steps don't see it.
  package let environment: [String: String]
  package let machine: MachineSettings
  package let network: NetworkSettings?
  package let agent: AgentSettings?
  package let sealAllowances: [SealAllowance]
  /// A shell script that shows that the image does what it is for.
  package let check: String?

  /// Of the text.
  package var digest: Digest { Digest.of(text) }
}

/// What a recipe begins with.
package enum RecipeOrigin: Sendable, Hashable {
  /// The last layer of another recipe.
  case recipe(String)
  /// A fresh Debian of that suite.
  case debian(suite: String)
  /// The layers of an image that others made.
  case image(OCIReference)
}

/// One `[[step]]`.
package struct RecipeStep: Sendable, Equatable {
  package let action: StepAction
  package let options: StepOptions
  package let place: TextPlace
}

package enum StepAction: Sendable, Hashable {
  case apt(AptRequest)
  case copy(CopyRequest)
  case fetch(FetchRequest)
  case npm(NpmRequest)
  case pip(PipRequest)
  case run(RunRequest)
}

/// Debian packages by name; their versions stand in the lock.
package struct AptRequest: Sendable, Hashable {
  /// Sorted, each once.
  package let packages: [String]
  /// Whether what the packages recommend comes with them.
  package let recommends: Bool
  /// Whether packages of the parents may be replaced by newer ones.
  package let upgrade: Bool

  package init(packages: [String], recommends: Bool = false, upgrade: Bool = false) {
    self.packages = packages.sorted()
    self.recommends = recommends
    self.upgrade = upgrade
  }
}

/// A file, a link or a directory with all in it, from beside the recipe into the image.
package struct CopyRequest: Sendable, Hashable {
  /// Relative to the recipe's directory and below it: no `.`, no `..`, no slash at either end.
  package let source: String
  /// Where the file itself, or the directory itself, will stand. Never the root.
  package let target: GuestPath
  /// The permissions of every regular file (`07777`). Without it 0755 for what its owner may
  /// execute, else 0644.
  package let mode: UInt32?

  package init(source: String, target: GuestPath, mode: UInt32? = nil) {
    self.source = source
    self.target = target
    self.mode = mode
  }
}

/// A script for `/bin/sh -eu`.
package struct RunRequest: Sendable, Hashable {
  package let script: String

  package init(script: String) { self.script = script }
}

package struct StepOptions: Sendable, Hashable {
  /// Whether the step reaches the network: it is impure then.
  package let network: Bool
  /// Names only, sorted.
  package let secrets: [String]
  /// How long the step may take. No part of its key: it doesn't show in the result.
  package let timeoutSeconds: Int64?
  /// Who runs the script; root without it.
  package let user: String?

  package init(
    network: Bool = false, secrets: [String] = [], timeoutSeconds: Int64? = nil,
    user: String? = nil
  ) {
    self.network = network
    self.secrets = secrets.sorted()
    self.timeoutSeconds = timeoutSeconds
    self.user = user
  }
}

/// `[machine]`: what a VM of the image gets. `nil`: not said here.
package struct MachineSettings: Sendable, Hashable {
  package var cpus: Int?
  package var memory: ByteCount?
  package var disk: ByteCount?
  package var diskLimit: ByteCount?
  package var user: String?
  package var initSystem: InitSystem?

  package init(
    cpus: Int? = nil, memory: ByteCount? = nil, disk: ByteCount? = nil,
    diskLimit: ByteCount? = nil, user: String? = nil, initSystem: InitSystem? = nil
  ) {
    self.cpus = cpus
    self.memory = memory
    self.disk = disk
    self.diskLimit = diskLimit
    self.user = user
    self.initSystem = initSystem
  }

  /// These, and the parent's where nothing is said here.
  package func over(_ parent: MachineSettings) -> MachineSettings {
    MachineSettings(
      cpus: cpus ?? parent.cpus, memory: memory ?? parent.memory, disk: disk ?? parent.disk,
      diskLimit: diskLimit ?? parent.diskLimit, user: user ?? parent.user,
      initSystem: initSystem ?? parent.initSystem)
  }
}

/// What `start` boots.
package enum InitSystem: String, Sendable, CaseIterable {
  case systemd
  case none
}

/// `[network]`: what a VM of the image reaches.
package struct NetworkSettings: Sendable, Hashable {
  package enum Mode: String, Sendable, CaseIterable {
    case none, allow, open
  }

  package let mode: Mode
  /// Sorted, each once: `@apt`, `@pip`, `@npm`, `[*.]host[:port][@private]`.
  package let allow: [String]

  package init(mode: Mode, allow: [String]) {
    self.mode = mode
    self.allow = allow
  }
}

/// `[agent]`: what an agent's image says of the agent.
package struct AgentSettings: Sendable, Hashable {
  /// What is run where the agent is asked for and no command.
  package let command: [String]
  /// What `hutch login` runs; `command` if it is empty.
  package let login: [String]
  /// Files below the user's home that hold its tokens, sorted.
  package let credentials: [String]

  package init(command: [String], login: [String] = [], credentials: [String]) {
    self.command = command
    self.login = login
    self.credentials = credentials.sorted()
  }
}

/// `[[seal.allow]]`: a file that looks like a secret and is none.
package struct SealAllowance: Sendable, Hashable {
  package let path: GuestPath
  package let reason: String
}
