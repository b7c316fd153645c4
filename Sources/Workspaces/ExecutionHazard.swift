/// Why a changed file is marked: a program of the host runs what it says without being told to.
///
/// Not marked is what only runs when somebody names it, such as a Makefile or a script: that a
/// changed program does something else is what a change is.
package enum ExecutionHazard: String, Sendable {
  case shellHook = "shell-hook"
  case editorTask = "editor-task"
  case agentSettings = "agent-settings"
  case commitHook = "commit-hook"
  case versionControl = "version-control"
  case packageHook = "package-hook"
  case continuousIntegration = "continuous-integration"
  /// Only of commits: among changed files such a link does not come back.
  case linkOut = "link-out"

  /// For people: what happens with it.
  package var explanation: String {
    switch self {
    case .shellHook: "a shell runs or reads it when you enter the directory"
    case .editorTask: "editors run what it says when they open the directory"
    case .agentSettings: "coding agents run what it says when they start here"
    case .commitHook: "it runs when you commit"
    case .versionControl: "it tells version control which programs to run or what to fetch"
    case .packageHook: "package managers and build tools run what it says by themselves"
    case .continuousIntegration: "it runs with your project's secrets once you push"
    case .linkOut: "the link may lead out of the repository"
    }
  }

  /// Names are compared without regard to case.
  static func of(_ path: [UInt8]) -> ExecutionHazard? {
    let parts = path.split(separator: Paths.slash)
      .map { String(decoding: GitGuard.folded($0), as: UTF8.self) }
    guard let name = parts.last else { return nil }
    for directory in parts {
      if let hazard = directories[directory] { return hazard }
    }
    for (left, right) in zip(parts, parts.dropFirst()) {
      if let hazard = pairs["\(left)/\(right)"] { return hazard }
    }
    if let hazard = files[name] {
      // An installed package's own are read by nobody, and there are thousands.
      return hazard == .packageHook && parts.dropLast().contains("node_modules") ? nil : hazard
    }
    return suffixes.first { name.hasSuffix($0.suffix) }?.hazard
  }

  /// They and everything below them.
  private static let directories: [String: ExecutionHazard] = [
    ".vscode": .editorTask, ".idea": .editorTask, ".fleet": .editorTask, ".zed": .editorTask,
    ".nvim": .editorTask, ".vim": .editorTask, ".devcontainer": .editorTask,
    ".claude": .agentSettings, ".cursor": .agentSettings, ".codex": .agentSettings,
    ".gemini": .agentSettings, ".opencode": .agentSettings, ".windsurf": .agentSettings,
    ".agents": .agentSettings,
    ".husky": .commitHook, ".githooks": .commitHook, ".lefthook": .commitHook,
    ".hg": .versionControl, ".jj": .versionControl, ".sl": .versionControl,
    ".bzr": .versionControl, ".svn": .versionControl,
    ".cargo": .packageHook, ".mvn": .packageHook, ".gradle": .packageHook,
    ".bundle": .packageHook, ".yarn": .packageHook,
    ".circleci": .continuousIntegration, ".woodpecker": .continuousIntegration,
  ]

  private static let pairs: [String: ExecutionHazard] = [
    ".github/workflows": .continuousIntegration, ".github/actions": .continuousIntegration,
    ".gitlab/ci": .continuousIntegration, ".forgejo/workflows": .continuousIntegration,
    ".gitea/workflows": .continuousIntegration, "gradle/wrapper": .packageHook,
  ]

  private static let files: [String: ExecutionHazard] = [
    ".envrc": .shellHook, ".env": .shellHook, ".autoenv": .shellHook, ".autoenv.zsh": .shellHook,
    ".mise.toml": .shellHook, "mise.toml": .shellHook, ".tool-versions": .shellHook,
    ".exrc": .editorTask, ".vimrc": .editorTask, ".nvimrc": .editorTask,
    ".nvim.lua": .editorTask, ".lvimrc": .editorTask, ".dir-locals.el": .editorTask,
    ".dir-locals-2.el": .editorTask, ".devcontainer.json": .editorTask,
    ".mcp.json": .agentSettings, "opencode.json": .agentSettings,
    ".aider.conf.yml": .agentSettings,
    ".pre-commit-config.yaml": .commitHook, ".pre-commit-hooks.yaml": .commitHook,
    "lefthook.yml": .commitHook, "lefthook.yaml": .commitHook, ".lefthook.yml": .commitHook,
    ".lintstagedrc": .commitHook,
    ".gitattributes": .versionControl, ".gitmodules": .versionControl,
    ".gitconfig": .versionControl,
    "package.json": .packageHook, ".npmrc": .packageHook, ".yarnrc": .packageHook,
    ".yarnrc.yml": .packageHook, ".pnpmfile.cjs": .packageHook, ".pnp.cjs": .packageHook,
    ".pnp.loader.mjs": .packageHook, "pnpm-workspace.yaml": .packageHook,
    "composer.json": .packageHook, "setup.py": .packageHook, "conftest.py": .packageHook,
    "sitecustomize.py": .packageHook, "usercustomize.py": .packageHook,
    "build.rs": .packageHook, "binding.gyp": .packageHook,
    ".gitlab-ci.yml": .continuousIntegration, ".travis.yml": .continuousIntegration,
    ".drone.yml": .continuousIntegration, "jenkinsfile": .continuousIntegration,
    "azure-pipelines.yml": .continuousIntegration,
    "bitbucket-pipelines.yml": .continuousIntegration,
  ]

  private static let suffixes: [(suffix: String, hazard: ExecutionHazard)] = [
    (".code-workspace", .editorTask), (".sublime-project", .editorTask), (".pth", .packageHook),
  ]
}
