internal import Inputs
internal import Recipes
internal import Vocabulary

/// Something with a version that a lock holds.
struct LockContent: Sendable, Hashable {
  enum Kind: String, Sendable { case apt, pip, npm, oci, kernel }

  var kind: Kind
  /// The step that installs it; `nil` for the kernel.
  var step: StepID?
  var name: String
  var version: String
  /// Of the one file that it is; `nil` for an image.
  var input: Digest?
}

/// What of a lock is resolved again, though it fits its recipe.
struct LockRenewal: Sendable, Hashable {
  /// By step, the packages that may become newer; the step's others stay where that is possible.
  var names: [StepID: [String]] = [:]
  var kernel = false
}

extension Lock {
  /// What people call the kernel, whatever its package is called today.
  static let kernelName = "kernel"

  /// In the order of the steps, then by name; the kernel last.
  var contents: [LockContent] {
    steps.flatMap(\.contents)
      + (kernel?.packages ?? []).map { package in
        LockContent(
          kind: .kernel, name: Self.kernelName, version: package.version, input: package.digest)
      }
  }
}

extension LockedStep {
  fileprivate var contents: [LockContent] {
    switch ask.kind {
    case "pip":
      files.compactMap { file in
        WheelName(file.name).map {
          LockContent(
            kind: .pip, step: id, name: $0.package, version: $0.version, input: file.digest)
        }
      }
    case "npm":
      files.compactMap { file in
        file.npm.map {
          LockContent(
            kind: .npm, step: id, name: $0.package, version: $0.version, input: file.digest)
        }
      }
    case "oci":
      // The one thing with a version is the image as a whole.
      files.filter { $0.blob?.mediaType.contains("manifest") == true }.map {
        LockContent(kind: .oci, step: id, name: "image", version: $0.digest.short)
      }
    case "fetch": []
    default:
      packages.map {
        LockContent(kind: .apt, step: id, name: $0.name, version: $0.version, input: $0.digest)
      }
    }
  }
}

extension LockContent {
  /// Whether a person means it; pip's names have many spellings.
  func isCalled(_ text: String) -> Bool {
    name == (kind == .pip ? PipRequirement.package(of: text) : text)
  }
}

extension Lock {
  func holds(_ name: String) -> Bool { contents.contains { $0.isCalled(name) } }
}

extension LockRenewal {
  /// - Parameter names: those that the lock holds.
  init(of names: [String], in lock: Lock) {
    for content in lock.contents where names.contains(where: content.isCalled) {
      if let step = content.step {
        self.names[step, default: []].append(content.name)
      } else {
        kernel = true
      }
    }
  }
}
