import Launch
import Testing

@Suite struct SecureShellTests {
  @Test func `paths with spaces, quotes and percent signs get through ssh's own quoting`() {
    let section = SecureShell.section(
      vm: "brave-otter", user: "agent", identity: "/a b/50%/id", knownHosts: "/k",
      proxy: ["/it's/hutch", "ssh-proxy", "--store", "/100% mine", "brave-otter"])
    #expect(section.contains("Host hutch-brave-otter\n"))
    #expect(section.contains("  IdentityFile \"/a b/50%%/id\"\n"))
    #expect(
      section.contains(
        "  ProxyCommand '/it'\\''s/hutch' 'ssh-proxy' '--store' '/100%% mine' 'brave-otter'\n")
    )
  }
}
