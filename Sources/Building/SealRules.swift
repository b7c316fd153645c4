/// What makes a file one that must not be in a layer: layers are shared and kept. One row, one
/// reason.
package struct SealRule: Sendable {
  enum Trigger: Sendable, Hashable {
    /// The place of a regular file. With a slash in front from the root on, else the end of any
    /// path: homes are anywhere. `*` stands for any run of bytes within one part.
    case place(String)
    /// One of these stands in the file, which has at most `SealCheck.contentLimit` bytes.
    case text([String])
  }

  /// What messages call it.
  package let name: String
  let trigger: Trigger
  let isSecret: SealShape.Test
  /// What such a file holds.
  package let reason: String

  init(
    _ name: String, _ trigger: Trigger, _ isSecret: @escaping SealShape.Test, _ reason: String
  ) {
    self.name = name
    self.trigger = trigger
    self.isSecret = isSecret
    self.reason = reason
  }
}

package enum SealRules {
  package static let all: [SealRule] = keys + tokens + machines + agents + tools + histories

  private static let keys: [SealRule] = [
    .init("private-key", .text(["PRIVATE KEY"]), SealShape.privateKey, "a private key"),
    .init(
      "putty-key", .text(["PuTTY-User-Key-File-"]), SealShape.contains("Private-Lines:"),
      "a private key of PuTTY"),
    .init(
      "age-key", .text(["AGE-SECRET-KEY-1"]), SealShape.token(.plain, atLeast: 50),
      "a private key of age"),
  ]

  private static let tokens: [SealRule] = [
    .init(
      "github-token", .text(["ghp_", "gho_", "ghs_", "ghu_", "ghr_"]),
      SealShape.token(.plain, atLeast: 36), "a token of GitHub"),
    .init(
      "github-token", .text(["github_pat_"]),
      SealShape.token([.plain, .underscore], atLeast: 60), "a token of GitHub"),
    .init(
      "gitlab-token", .text(["glpat-"]), SealShape.token(.url, atLeast: 20), "a token of GitLab"),
    .init(
      "anthropic-key", .text(["sk-ant-"]), SealShape.token(.url, atLeast: 40),
      "a key of Anthropic's API"),
    .init(
      "openai-key", .text(["sk-proj-", "sk-svcacct-", "sk-admin-"]),
      SealShape.token(.url, atLeast: 40), "a key of OpenAI's API"),
    // In the middle of all of OpenAI's keys stands its name in base64.
    .init(
      "openai-key", .text(["T3BlbkFJ"]), SealShape.token(.url, around: 40, after: "sk-"),
      "a key of OpenAI's API"),
    .init(
      "openai-key", .text(["sk-"]), SealShape.token(.plain, 32...64),
      "a key of OpenAI's API, or of one like it"),
    .init(
      "aws-key", .text(["AKIA", "ASIA"]), SealShape.awsPair, "a key of Amazon's with its secret"),
    .init("google-key", .text(["AIza"]), SealShape.token(.url, 35...35), "a key of Google's API"),
    .init(
      "slack-token", .text(["xoxb-", "xoxp-", "xoxa-", "xoxr-", "xoxs-", "xoxe-", "xapp-"]),
      SealShape.token([.plain, .dash], atLeast: 24), "a token of Slack"),
    .init("npm-token", .text(["npm_"]), SealShape.token(.plain, 36...36), "a token of npm"),
    .init(
      "pypi-token", .text(["pypi-AgE"]), SealShape.token(.url, atLeast: 60), "a token of PyPI"),
    .init(
      "huggingface-token", .text(["hf_"]), SealShape.token(.plain, 34...34),
      "a token of Hugging Face"),
    .init(
      "stripe-key", .text(["sk_live_", "rk_live_"]), SealShape.token(.plain, atLeast: 24),
      "a key of Stripe's API"),
  ]

  private static let machines: [SealRule] = [
    .init(
      "ssh-host-key", .place("ssh_host_*_key"), SealShape.anything,
      "a host key: all clones would be the same host"),
    .init(
      "machine-id", .place("/etc/machine-id"), SealShape.machineID,
      "an identity: all clones would be the same machine"),
    .init(
      "machine-id", .place("/var/lib/dbus/machine-id"), SealShape.machineID,
      "an identity: all clones would be the same machine"),
    .init(
      "random-seed", .place("random-seed"), SealShape.anything,
      "a seed: all clones would draw the same numbers"),
    .init(
      "machine-secret", .place("/var/lib/systemd/credential.secret"), SealShape.anything,
      "a secret that all clones would share"),
  ]

  private static let agents: [SealRule] = [
    .init(
      "agent-login", .place(".claude/.credentials.json"), SealShape.anything,
      "a log-in of Claude Code"),
    .init(
      "agent-login", .place(".claude.json"),
      SealShape.assigns("primaryApiKey", "accessToken", "refreshToken", "accountUuid"),
      "a log-in of Claude Code"),
    .init("agent-login", .place(".codex/auth.json"), SealShape.anything, "a log-in of Codex"),
    .init(
      "agent-login", .place(".config/github-copilot/hosts.json"), SealShape.anything,
      "a log-in of GitHub Copilot"),
    .init(
      "agent-login", .place(".config/github-copilot/apps.json"), SealShape.anything,
      "a log-in of GitHub Copilot"),
    .init(
      "agent-login", .place(".copilot/config.json"), SealShape.contains("oken"),
      "a log-in of GitHub Copilot"),
    .init(
      "agent-login", .place(".gemini/oauth_creds.json"), SealShape.anything, "a log-in of Gemini"),
    .init(
      "agent-login", .place(".gemini/google_accounts.json"), SealShape.anything,
      "a log-in of Gemini"),
    .init(
      "agent-login", .place(".gemini/mcp-oauth-tokens*.json"), SealShape.anything,
      "log-ins of Gemini"),
    .init(
      "agent-login", .place(".gemini/.env"),
      SealShape.assigns("GEMINI_API_KEY", "GOOGLE_API_KEY"), "a key of Gemini's"),
    .init(
      "agent-login", .place("opencode/auth.json"), SealShape.anything, "log-ins of OpenCode"),
    .init(
      "agent-login", .place("opencode/mcp-auth.json"), SealShape.anything, "log-ins of OpenCode"),
  ]

  private static let tools: [SealRule] = [
    .init(
      "tool-login", .place(".config/gh/hosts.yml"), SealShape.contains("oauth_token"),
      "a log-in of GitHub's gh"),
    .init("tool-login", .place(".netrc"), SealShape.assigns("password"), "passwords of servers"),
    .init("tool-login", .place(".git-credentials"), SealShape.contains("://"), "log-ins of git"),
    .init("tool-login", .place("git/credentials"), SealShape.contains("://"), "log-ins of git"),
    .init(
      "tool-login", .place(".npmrc"), SealShape.assigns("_authToken", "_auth", "_password"),
      "a log-in of npm"),
    .init("tool-login", .place(".pypirc"), SealShape.assigns("password"), "a log-in of PyPI"),
    .init(
      "tool-login", .place(".docker/config.json"),
      SealShape.assigns("\"auth", "\"identitytoken", "\"registrytoken"), "log-ins of registries"),
    .init(
      "tool-login", .place("containers/auth.json"),
      SealShape.assigns("\"auth", "\"identitytoken"), "log-ins of registries"),
    .init(
      "tool-login", .place(".aws/credentials"),
      SealShape.assigns("aws_secret_access_key", "aws_session_token"), "a log-in of Amazon's"),
    .init(
      "tool-login", .place("gcloud/application_default_credentials.json"),
      SealShape.assigns("refresh_token", "private_key"), "a log-in of Google's"),
    .init(
      "tool-login", .place("gcloud/credentials.db"), SealShape.anything, "log-ins of Google's"),
    .init(
      "tool-login", .place(".azure/msal_token_cache.*"), SealShape.anything,
      "log-ins of Microsoft's"),
    .init(
      "tool-login", .place(".kube/config"), SealShape.assigns("token", "client-key-data"),
      "a log-in of Kubernetes"),
    .init(
      "tool-login", .place(".cargo/credentials.toml"), SealShape.assigns("token"),
      "a log-in of Cargo"),
  ]

  private static let histories: [SealRule] = [
    ".bash_history", ".zsh_history", ".ash_history", ".sh_history", ".history", "fish_history",
    ".python_history", ".node_repl_history", ".psql_history", ".mysql_history", ".sqlite_history",
    ".claude/history.jsonl", ".codex/history.jsonl",
  ].map {
    .init(
      "history", .place($0), SealShape.anything,
      "what somebody typed, and passwords are typed now and then")
  }
}
