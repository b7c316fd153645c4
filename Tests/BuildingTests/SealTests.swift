import Building
import Layers
import Testing
import Vocabulary

/// One file for each rule that it refuses, and one that only looks alike. What looks like a token
/// is put together here, so that none stands in the sources.
@Suite struct SealTests {
  struct Case: Sendable, CustomTestStringConvertible {
    var rule: String
    var path: String
    var text: String
    var testDescription: String { "\(rule) \(path)" }

    init(_ rule: String, _ path: String, _ text: String) {
      self.rule = rule
      self.path = path
      self.text = text
    }
  }

  /// Repeatable letters and digits in which all of them come.
  static func noise(_ count: Int, from alphabet: String = plain) -> String {
    let letters = Array(alphabet)
    return String((0..<count).map { letters[($0 * 23 + $0 / 7 + 11) % letters.count] })
  }

  static let plain = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

  /// A PEM text with a body of so many characters.
  static func pem(
    _ kind: String, body count: Int = 192, headers: String = "", end: String = "\n"
  ) -> String {
    let body = noise(count)
    let lines = stride(from: 0, to: count, by: 64).map { start in
      String(body.dropFirst(start).prefix(64))
    }
    let edge = "-----"
    return "\(edge)BEGIN \(kind)\(edge)\(end)" + headers + lines.map { $0 + end }.joined()
      + "\(edge)END \(kind)\(edge)\(end)"
  }

  private static let privateKey = "PRIVATE " + "KEY"

  static let refused: [Case] = [
    .init("private-key", "/opt/key.pem", pem(privateKey)),
    .init("private-key", "/opt/ed25519.pem", pem(privateKey, body: 64)),
    .init("private-key", "/root/.ssh/id_rsa", "comment\n" + pem("OPENSSH \(privateKey)")),
    .init(
      "private-key", "/opt/old.pem",
      pem(
        "RSA \(privateKey)",
        headers: "Proc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,0123456789ABCDEF\n\n")),
    .init(
      "private-key", "/opt/key.asc",
      pem("PGP \(privateKey) BLOCK", headers: "Version: GnuPG v2\nComment: mine\n\n")),
    .init(
      "private-key", "/opt/service-account.json",
      "{\"private_key\": \"" + pem(privateKey, end: "\\n") + "\"}"),
    .init("private-key", "/opt/windows.pem", pem("EC \(privateKey)", end: "\r\n")),
    .init("private-key", "/opt/key.py", pem(privateKey, end: "\\n\"\n  \"")),
    .init(
      "putty-key", "/opt/key.ppk", "PuTTY-User-" + "Key-File-3: ssh-ed25519\nPrivate-" + "Lines: 1"),
    .init("age-key", "/opt/keys.txt", "AGE-SECRET" + "-KEY-1" + noise(58).uppercased()),
    .init("github-token", "/etc/x", "gh" + "p_" + noise(36)),
    .init("github-token", "/etc/x", "url = https://gh" + "o_" + noise(36) + "@host/"),
    .init("github-token", "/etc/x", "{\"a\":\"b\\ngh" + "s_" + noise(36) + "\"}"),
    .init("github-token", "/etc/x", "TOKEN=github_" + "pat_" + noise(22) + "_" + noise(59)),
    .init("gitlab-token", "/etc/x", "gl" + "pat-" + noise(20)),
    .init("anthropic-key", "/etc/x", "export KEY=sk-" + "ant-api03-" + noise(93)),
    .init("openai-key", "/etc/x", "sk-" + "proj-" + noise(60) + "T3Blbk" + "FJ" + noise(60)),
    .init("openai-key", "/etc/x", "sk-" + noise(20) + "T3Blbk" + "FJ" + noise(20)),
    .init("openai-key", "/etc/x", "\"sk-" + noise(48) + "\""),
    .init("openai-key", "/etc/x", "sk-" + noise(32, from: "0123456789abcdef")),
    .init(
      "aws-key", "/etc/x",
      "id=AK" + "IA" + noise(16, from: "ABCDEFGHIJKLMN0123456789")
        + "\nsecret=" + noise(40)),
    .init("google-key", "/etc/x", "AI" + "za" + noise(35)),
    .init("slack-token", "/etc/x", "xox" + "b-123456789012-123456789012-" + noise(24)),
    .init("npm-token", "/etc/x", "np" + "m_" + noise(36) + "\n"),
    .init("pypi-token", "/etc/x", "pypi-" + "AgEIcHlwaS5vcmc" + noise(100)),
    .init("huggingface-token", "/etc/x", "h" + "f_" + noise(34)),
    .init("stripe-key", "/etc/x", "sk_" + "live_" + noise(24)),
    .init("ssh-host-key", "/etc/ssh/ssh_host_ed25519_key", "x"),
    .init("machine-id", "/etc/machine-id", noise(32, from: "0123456789abcdef") + "\n"),
    .init("machine-id", "/var/lib/dbus/machine-id", noise(32, from: "0123456789abcdef")),
    .init("random-seed", "/var/lib/systemd/random-seed", "x"),
    .init("random-seed", "/var/lib/urandom/random-seed", "x"),
    .init("machine-secret", "/var/lib/systemd/credential.secret", "x"),
    .init("agent-login", "/root/.claude/.credentials.json", "{}"),
    .init("agent-login", "/root/.claude.json", "{\"oauthAccount\": {\"accountUuid\": \"abcdef\"}}"),
    .init("agent-login", "/home/agent/.codex/auth.json", "{}"),
    .init("agent-login", "/root/.config/github-copilot/hosts.json", "{}"),
    .init("agent-login", "/root/.config/github-copilot/apps.json", "{}"),
    .init("agent-login", "/root/.copilot/config.json", "{\"copilot_tokens\": {}}"),
    .init("agent-login", "/root/.gemini/oauth_creds.json", "{}"),
    .init("agent-login", "/root/.gemini/google_accounts.json", "{}"),
    .init("agent-login", "/root/.gemini/mcp-oauth-tokens-v2.json", "{}"),
    .init("agent-login", "/root/.gemini/.env", "GEMINI_API_KEY=abcdef"),
    .init("agent-login", "/root/.local/share/opencode/auth.json", "{}"),
    .init("agent-login", "/root/.local/share/opencode/mcp-auth.json", "{}"),
    .init("tool-login", "/home/a/.config/gh/hosts.yml", "github.com:\n    oauth_token: abc"),
    .init("tool-login", "/root/.netrc", "machine a login b password opensesame"),
    .init("tool-login", "/root/.git-credentials", "https://me:opensesame@host"),
    .init("tool-login", "/root/.config/git/credentials", "https://me:opensesame@host"),
    .init("tool-login", "/root/.npmrc", "//registry/:_authToken=opensesame"),
    .init("tool-login", "/root/.npmrc", "_auth = b3BlbnNlc2FtZQ=="),
    .init("tool-login", "/root/.pypirc", "[pypi]\npassword: opensesame"),
    .init(
      "tool-login", "/root/.docker/config.json", "{\"auths\": {\"h\": {\"auth\": \"b3Blbg==\"}}}"),
    .init("tool-login", "/root/.config/containers/auth.json", "{\"auth\":\"b3Blbg==\"}"),
    .init("tool-login", "/root/.aws/credentials", "[x]\naws_secret_access_key = opensesame"),
    .init(
      "tool-login", "/root/.config/gcloud/application_default_credentials.json",
      "{\"refresh_token\": \"opensesame\"}"),
    .init("tool-login", "/root/.config/gcloud/credentials.db", "x"),
    .init("tool-login", "/root/.azure/msal_token_cache.json", "{}"),
    .init("tool-login", "/root/.kube/config", "users:\n- user:\n    token: opensesame"),
    .init("tool-login", "/root/.cargo/credentials.toml", "[registry]\ntoken = \"opensesame\""),
    .init("history", "/home/agent/.zsh_history", "ls\n"),
    .init("history", "/root/.local/share/fish/fish_history", "- cmd: ls\n"),
    .init("history", "/root/.claude/history.jsonl", "{}\n"),
  ]

  static let passed: [Case] = [
    .init("private-key", "/doc", "It begins with -----BEGIN \(privateKey)----- and a body.\n"),
    .init("private-key", "/doc", "-----BEGIN \(privateKey)-----\n...\n-----END \(privateKey)-----"),
    .init("private-key", "/doc", "-----BEGIN RSA \(privateKey)-----\nMIIEpAIBAAKCAQEA...\n"),
    .init(
      "private-key", "/doc",
      "-----BEGIN \(privateKey)-----\n" + String(repeating: "x", count: 64) + "\n"),
    .init("private-key", "/public.pem", pem("PUBLIC KEY") + pem("CERTIFICATE")),
    .init(
      "private-key", "/code.c", "#define BEGIN \"-----BEGIN \(privateKey)-----\"\nint f(void);"),
    .init("private-key", "/words", "NO \(privateKey)-----\n" + noise(64)),
    .init("putty-key", "/code.c", "if (starts(line, \"PuTTY-User-" + "Key-File-\")) read();"),
    .init("age-key", "/doc", "AGE-SECRET" + "-KEY-1..."),
    .init("github-token", "/doc", "gh" + "p_" + String(repeating: "x", count: 36)),
    .init("github-token", "/doc", "gh" + "p_" + noise(35)),
    .init("github-token", "/doc", "a word with neigh" + "p_" + noise(36)),
    .init("github-token", "/doc", "github_" + "pat_your_token_goes_here"),
    .init("gitlab-token", "/doc", "gl" + "pat-your-personal-access-token-goes-here"),
    .init("anthropic-key", "/doc", "sk-" + "ant-api03-your-key"),
    .init("anthropic-key", "/doc", "sk-" + "ant-" + String(repeating: "abc-", count: 20)),
    .init("openai-key", "/doc", "sk-" + "proj-..."),
    .init("openai-key", "/doc", "disk-" + noise(48)),
    .init("openai-key", "/doc", "sk-" + noise(31)),
    .init("openai-key", "/doc", noise(20) + "T3Blbk" + "FJ" + noise(40)),
    .init("aws-key", "/doc", "AK" + "IA" + noise(16, from: "ABCDEFGHIJKLMN0123456789")),
    .init(
      "aws-key", "/doc", "AK" + "IAIOSFODNN7EXAMPLE wJalrXUtnFEMI/K7MDENG/" + "bPxRfiCYEXAMPLEKEY"),
    .init(
      "aws-key", "/doc",
      "AK" + "IA" + noise(16, from: "ABCDEFGHIJKLMN0123456789") + " "
        + noise(40, from: "0123456789abcdef")),
    .init("google-key", "/doc", "AI" + "za" + noise(36)),
    .init("google-key", "/doc", "AI" + "za" + noise(34)),
    .init("slack-token", "/doc", "xox" + "b-your-token"),
    .init("npm-token", "/doc", "np" + "m_config_" + noise(36)),
    .init("npm-token", "/doc", "np" + "m_" + noise(37)),
    .init("pypi-token", "/doc", "pypi-" + "AgEIcHlwaS5vcmc..."),
    .init("huggingface-token", "/doc", "h" + "f_" + noise(33)),
    .init("stripe-key", "/doc", "sk_" + "live_" + "..."),
    .init("ssh-host-key", "/etc/ssh/ssh_host_ed25519_key.pub", "ssh-ed25519 AAAA"),
    .init("ssh-host-key", "/etc/ssh/ssh_host_ed25519_key", ""),
    .init("machine-id", "/etc/machine-id", "uninitialized\n"),
    .init("machine-id", "/etc/machine-id", ""),
    .init("machine-id", "/opt/etc/machine-id", noise(32, from: "0123456789abcdef")),
    .init("random-seed", "/var/lib/systemd/random-seed.service", "x"),
    .init("machine-secret", "/opt/var/lib/systemd/credential.secret", "x"),
    .init("agent-login", "/root/.claude/settings.json", "{}"),
    .init("agent-login", "/root/.claude.json", "{\"theme\": \"dark\", \"accessToken\": \"\"}"),
    .init("agent-login", "/home/agent/.codex/config.toml", "model = \"x\""),
    .init("agent-login", "/opt/codex/auth.json", "{}"),
    .init("agent-login", "/root/.config/github-copilot/versions.json", "{}"),
    .init("agent-login", "/root/.copilot/config.json", "{\"theme\": \"dark\"}"),
    .init("agent-login", "/root/.gemini/settings.json", "{}"),
    .init("agent-login", "/root/.gemini/.env", "GEMINI_API_KEY=$KEY"),
    .init("agent-login", "/root/.config/opencode/opencode.json", "{}"),
    .init("tool-login", "/home/a/.config/gh/hosts.yml", "github.com:\n    user: me"),
    .init("tool-login", "/root/.netrc", "machine a login b"),
    .init("tool-login", "/root/.git-credentials", "\n"),
    .init("tool-login", "/root/.npmrc", "registry=https://host/\n_authToken=${NPM_TOKEN}"),
    .init("tool-login", "/root/.pypirc", "[pypi]\nusername: me"),
    .init(
      "tool-login", "/root/.docker/config.json", "{\"auths\": {\"h\": {}}, \"credsStore\": \"x\"}"),
    .init("tool-login", "/root/.aws/config", "[x]\naws_secret_access_key = opensesame"),
    .init("tool-login", "/root/.aws/credentials", "[x]\nregion = y"),
    .init("tool-login", "/root/.kube/config", "apiVersion: v1\nclusters: []"),
    .init("history", "/root/.bash_history", ""),
    .init("history", "/root/.bash_history.md", "ls"),
  ]

  /// Rules that are told apart by nothing but an empty file have no near miss of their own.
  @Test func `every rule has a file that it refuses`() {
    let tested = Set(Self.refused.map(\.rule))
    for rule in SealRules.all {
      #expect(tested.contains(rule.name))
      #expect(!rule.reason.isEmpty)
    }
  }

  static func findings(
    _ text: [UInt8]?, at place: String, secrets: [[UInt8]] = []
  ) throws -> [SealFinding] {
    let check = SealCheck(secrets: secrets)
    let entry = LayerEntry(
      path: try path(place), kind: .file(size: Int64(text?.count ?? 1 << 30)))
    check.look(at: entry, contents: text, digest: text.map { Digest.of($0) })
    return check.findings
  }

  @Test(arguments: refused) func `a secret is found`(secret: Case) throws {
    let found = try Self.findings(Array(secret.text.utf8), at: secret.path)
    #expect(found.map(\.rule) == [secret.rule])
    #expect(found.first?.path.description == secret.path)
    #expect(found.first?.digest == Digest.of(secret.text))
  }

  @Test(arguments: passed) func `what only looks like one is not`(text: Case) throws {
    #expect(try Self.findings(Array(text.text.utf8), at: text.path).isEmpty)
  }

  @Test func `a secret is found wherever it stands in a file`() throws {
    let token = Array(("gh" + "p_" + Self.noise(36)).utf8)
    for offset in 0..<64 {
      for filler in [UInt8(ascii: " "), 0, UInt8(ascii: "-"), 0xFF] where filler != 0x2D {
        let text = [UInt8](repeating: filler, count: offset) + token
        #expect(try Self.findings(text, at: "/x").count == 1, "\(offset)")
        #expect(try Self.findings(text + [filler], at: "/x").count == 1, "\(offset)")
      }
    }
    #expect(try Self.findings(Array(token.dropLast()), at: "/x").isEmpty)
  }

  @Test func `of a large file only the place counts, and of other entries nothing`() throws {
    #expect(try Self.findings(nil, at: "/root/.bash_history").map(\.rule) == ["history"])
    #expect(try Self.findings(nil, at: "/usr/lib/large.so").isEmpty)
    let check = SealCheck()
    for kind in [LayerEntry.Kind.directory, .symlink(target: Array("/dev/null".utf8)), .whiteout] {
      check.look(
        at: LayerEntry(path: try path("/root/.bash_history"), kind: kind), contents: nil,
        digest: nil)
    }
    #expect(check.findings.isEmpty)
  }

  @Test func `what the step was given is found in any file, before all else`() throws {
    let secret = Array("open sesame\0and more".utf8)
    let inside = Array("key = ".utf8) + secret + Array("\n".utf8)
    let found = try Self.findings(inside, at: "/root/.netrc", secrets: [secret])
    #expect(found.map(\.isHandedIn) == [true])
    let token = Array(("gh" + "p_" + Self.noise(36) + " ").utf8)
    #expect(
      try Self.findings(token + inside, at: "/x", secrets: [secret]).map(\.isHandedIn) == [true])
    #expect(try Self.findings(Array(inside.dropFirst(8)), at: "/x", secrets: [secret]).isEmpty)
    // Too short to be told from any other text.
    #expect(try Self.findings(inside, at: "/x", secrets: [Array("open".utf8)]).isEmpty)
  }

  @Test func `a layer with a secret is packed and told, and the text of the secret is not`() throws
  {
    let place = try Workplace()
    let token = "gh" + "p_" + Self.noise(36)
    let outcome = try place.script("echo \(token) >/opt/token; ln /opt/token /opt/.bash_history")
    // The first name in the order of the tar is the file.
    #expect(outcome.findings.map(\.path.description) == ["/opt/.bash_history"])
    #expect(outcome.findings.map(\.rule) == ["github-token"])
    let error = BuildingError.holdsSecrets(outcome.findings)
    #expect(error.message.contains("\"/opt/.bash_history\": a token of GitHub (github-token)"))
    #expect(error.hint?.contains("[[seal.allow]] with path = \"/opt/.bash_history\"") == true)
    #expect(!error.message.contains(token))
    #expect(error.path == "/opt/.bash_history")
  }
}
