/// A toolchain that a project's files ask for, named after the recipe that brings it.
package enum Toolchain: String, Sendable, CaseIterable {
  // In the order in which they make the image: what takes most room comes first, so that it is
  // shared, and the others are installed on it.
  case swift, rust, cpp, java, go, node, python

  /// Files at the top of a project that only it has.
  package var markers: [String] {
    switch self {
    case .swift: ["Package.swift"]
    case .rust: ["Cargo.toml"]
    case .cpp: ["CMakeLists.txt", "meson.build", "configure.ac"]
    case .java: ["pom.xml", "build.gradle", "build.gradle.kts"]
    case .go: ["go.mod", "go.work"]
    case .node: ["package.json"]
    case .python: ["pyproject.toml", "setup.py", "requirements.txt", "Pipfile"]
    }
  }

  /// Debian's packages with the same, for an image that begins with another toolchain.
  var packages: [String] {
    switch self {
    case .swift: ["swiftlang"]
    case .rust: ["cargo", "rustc"]
    case .cpp: ["cmake", "g++", "ninja-build"]
    case .java: ["maven", "openjdk-21-jdk-headless"]
    case .go: ["golang-go"]
    case .node: ["nodejs", "npm"]
    case .python: ["python3", "python3-pip", "python3-venv"]
    }
  }

  var check: String {
    switch self {
    case .swift: "swift --version"
    case .rust: "cargo --version"
    case .cpp: "c++ --version && cmake --version"
    case .java: "javac --version"
    case .go: "go version"
    case .node: "node --version"
    case .python: "python3 --version"
    }
  }

  /// Where its packages come from, as far as this machine's own configuration says it.
  var packageHosts: String? {
    switch self {
    case .node: "@npm"
    case .python: "@pip"
    case .cpp, .go, .java, .rust, .swift: nil
    }
  }
}

/// A first recipe for a project, to be edited by a person.
package struct ProjectRecipe: Sendable, Hashable {
  /// What was found, each with the file that shows it, in the order of `Toolchain`.
  package let found: [(toolchain: Toolchain, marker: String)]
  package let text: String

  package static func == (left: ProjectRecipe, right: ProjectRecipe) -> Bool {
    left.text == right.text
  }
  package func hash(into hasher: inout Hasher) { hasher.combine(text) }

  /// - Parameters:
  ///   - name: the project's.
  ///   - files: the names of the regular files at its top.
  ///   - tools: what its VMs are to have besides.
  package init(name: String, files: Set<String>, tools: [String] = []) {
    found = Toolchain.allCases.compactMap { toolchain in
      toolchain.markers.first(where: files.contains).map { (toolchain, $0) }
    }
    let toolchains = found.map(\.toolchain)
    var lines = [
      "format = 1",
      "summary = " + TOMLEscapes.quote("The machine of " + Self.summary(of: name)),
      "from = \"\(toolchains.first?.rawValue ?? "base")\"",
    ]
    if !tools.isEmpty {
      lines.append("with = [\(tools.map(TOMLEscapes.quote).joined(separator: ", "))]")
    }
    let checks = toolchains.map(\.check)
    if !checks.isEmpty {
      lines.append("check = \"\(checks.joined(separator: " && "))\"")
    }
    let packages = Set(toolchains.dropFirst().flatMap(\.packages)).sorted()
    lines += ["", "# Debian packages that the project needs besides."]
    let step = ["[[step]]", "apt = [\(packages.map { "\"\($0)\"" }.joined(separator: ", "))]"]
    lines += packages.isEmpty ? ["# [[step]]", "# apt = [\"make\"]"] : step
    let hosts = toolchains.compactMap(\.packageHosts).sorted()
    lines += [
      "", "# What its VMs reach, over the network, by name. What was missed:",
      "# hutch logs --network --denied VM", "[network]",
      "allow = [\(hosts.map { "\"\($0)\"" }.joined(separator: ", "))]",
    ]
    text = lines.joined(separator: "\n") + "\n"
  }

  /// One line, printable, and short enough for a summary.
  private static func summary(of name: String) -> String {
    let printable = String(name.unicodeScalars.map { Names.isControl($0) ? " " : Character($0) })
    return printable.unicodeScalars.count <= 150 ? printable : "this project"
  }
}
