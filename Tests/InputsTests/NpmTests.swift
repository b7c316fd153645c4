import Host
import Recipes
import Testing
import Vocabulary

@testable import Inputs

@Suite struct NpmTests {
  private let request: NpmRequest

  init() throws {
    request = NpmRequest(
      packages: ["left-pad", "@scope/tool@^1"], prefix: try #require(GuestPath("/usr/local")))
  }

  private static func file(_ name: String, _ version: String) -> LockedFile {
    LockedFile(
      name: NpmName.file(of: name, version), size: .zero, digest: Digest.of(name),
      npm: LockedNpm(
        package: name, version: version, isAsked: true, integrity: IntegrityStream().finish()))
  }

  @Test func `of npm's configuration counts what says where packages come from`() {
    let environment = HostEnvironment(variables: ["TOKEN": "secret"])
    let settings = HostNpm.parse(
      """
      ; a comment
      # another
      registry = https://packages.example/npm/
      @scope:registry=https://scope.example:8080
      //packages.example/npm/:_authToken=${TOKEN}
      //packages.example/npm/:_password = "${NOT_SET}${NOT_SET?}"
      ca[] = "one\\ntwo"
      ca[] = 'three'
      prefix = /opt
      ignore-scripts = false
      _authToken = old
      [section]
      strict-ssl=false
      """, environment)
    #expect(
      settings == [
        "registry": ["https://packages.example/npm/"],
        "@scope:registry": ["https://scope.example:8080"],
        "//packages.example/npm/:_authToken": ["secret"],
        "//packages.example/npm/:_password": ["${NOT_SET}"], "ca": ["one\ntwo", "three"],
        "strict-ssl": ["false"],
      ])
  }

  @Test func `the user's file counts more than the machine's, and variables count most`() throws {
    let place = try Workplace()
    try Files.makeDirectories(place("home"))
    try Files.makeDirectories(place("prefix/etc"))
    try Files.write(
      place("prefix/etc/npmrc"), Array("proxy=first\nmaxsockets=1\nfetch-retries=1\n".utf8))
    try Files.write(place("home/.npmrc"), Array("proxy=second\nmaxsockets=2\n".utf8))
    let host = HostNpm.fromHost(
      HostEnvironment(variables: [
        "HOME": place("home"), "npm_config_prefix": place("prefix"), "NPM_CONFIG_MAXSOCKETS": "3",
        "npm_config_fetch_timeout": "9", "npm_config_//host/:_authToken": "word",
        "NPM_CONFIG_CACHE": "/elsewhere",
      ]))
    #expect(
      host.settings == [
        "proxy": ["second"], "maxsockets": ["3"], "fetch-retries": ["1"], "fetch-timeout": ["9"],
        "//host/:_authToken": ["word"],
      ])
  }

  @Test func `what npm logs in with is in memory, and taken out of what is said`() throws {
    let place = try Workplace()
    try Files.write(place("client.key"), Array("the key".utf8))
    let host = HostNpm(settings: [
      "registry": ["https://me:pass@host.example/"], "//host.example/:_authToken": ["my-token"],
      "//host.example/:email": ["me@host.example"], "cafile": ["/not/inside"],
      "//host.example/:keyfile": [place("client.key")], "ca": ["a\nb", "c"],
    ])
    let secrets = host.secrets(certificates: "/run/hutch/host/ca.crt")
    let texts = secrets.mapValues { String(decoding: $0.bytes, as: UTF8.self) }
    let proxies = HostNetwork.proxies.count
    #expect(texts["npmrc"]?.contains("/not/inside") == false)
    #expect(
      texts["npmrc"] == """
        //host.example/:_authToken = "my-token"
        //host.example/:email = "me@host.example"
        //host.example/:keyfile = "/run/secrets/npm-file-1"
        ca[] = "a\\nb"
        ca[] = "c"
        registry = "https://me:pass@host.example/"
        cafile = /run/hutch/host/ca.crt

        """)
    #expect(texts["npm-file-1"] == "the key")
    let words = Set(texts.filter { $0.key.hasPrefix("npm-word") }.values)
    #expect(words.isSuperset(of: ["my-token", "me:pass", "pass"]))
    #expect(words.count <= 3 + 2 * proxies)
    #expect(secrets.keys.allSatisfy(Names.isSecret))
    // Nothing of it stands in the script, the environment or a file on the disk.
    let script = try Npm.resolve(request, with: host, settings: place("settings"))
    let shown = "\(script.text)\(script.files)\(script.directories)\(script.environment)"
    #expect(!shown.contains("my-token") && !shown.contains("me:pass"))
    #expect(try Files.list(place("settings")).allSatisfy { $0 != "npmrc" })
  }

  @Test func `words of the recipe's are words of the scripts`() throws {
    let place = try Workplace()
    let odd = NpmRequest(packages: ["a@>=1||2"], prefix: try #require(GuestPath("/opt/it's")))
    let none = HostNpm(settings: [:])
    let scripts = [
      try Npm.resolve(odd, with: none, settings: place("one")),
      try Npm.fetch([Self.file("@a/b", "1.0.0+x")], odd, with: none, settings: place("two")),
      Npm.install([Self.file("@a/b", "1.0.0+x")], odd), Npm.install([], odd),
    ]
    let shell = Command("/bin/sh", ["-n"])
    for script in scripts {
      try Processes.runChecked(shell, input: Array(script.text.utf8))
      #expect(script.text.contains(#"npm_config_prefix='/opt/it'\''s'"#))
    }
    #expect(scripts[1].text.contains("-- @a/b@1.0.0+x >/dev/null"))
    #expect(scripts[2].text.contains("npm_config_ignore_scripts=true"))
    let running = NpmRequest(packages: ["a"], prefix: odd.prefix, scripts: true)
    #expect(Npm.install([], running).text.contains("npm_config_ignore_scripts=false"))
  }

  @Test func `what came is what the program in the image says, if it can be`() throws {
    let text = #"[{"package":"@a/b","version":"1.0.0","asked":true}]"#
    let found = try Npm.found(Array(text.utf8))
    #expect(found.map(\.package) == ["@a/b"] && found[0].isAsked)
  }

  @Test(arguments: [
    "", "{}", #"[{"package":"a"}]"#, #"[{"package":"../a","version":"1","asked":true}]"#,
    #"[{"package":"a","version":"../1","asked":true}]"#,
    #"[{"package":"a","version":"--x","asked":true}]"#,
    #"[{"package":"-a","version":"1","asked":true}]"#,
    // Two packages with one file's name.
    #"""
    [{"package":"@a/b-c","version":"1","asked":true},
     {"package":"@a-b/c","version":"1","asked":true}]
    """#,
  ])
  func `should fail: what no package of ours can be`(text: String) {
    #expect(throws: InputsError.self) { try Npm.found(Array(text.utf8)) }
  }

  @Test func `what npm complains about becomes a sentence`() {
    let said = Npm.refusal(
      of: request,
      said: """
        npm ERR! code E404
        npm ERR! 404 Not Found - GET http://x/left-pad - not found
        npm ERR! 404
        npm ERR! 404  'left-pad@*' is not in this registry.
        npm ERR! A complete log of this run can be found in: /x
        """)
    #expect(
      said.message
        == "npm can't resolve \"@scope/tool@^1 left-pad\": 404 Not Found - GET http://x/left-pad - "
        + "not found; 404  'left-pad@*' is not in this registry.")
    #expect(said.kind == .badInput && said.hint == nil)
    let kept = Npm.refusal(of: request, said: "noise\nhutch: kept: left-pad 1.0.0")
    #expect(kept.hint?.contains("upgrade = true") == true)
    #expect(Npm.refusal(of: request, said: "hutch: no npm").hint?.contains("\"npm\"") == true)
    let loss = Npm.loss(
      of: [Self.file("a", "1"), Self.file("bcd", "2")],
      said: "npm error code E404\nnpm error 404 Not Found - GET http://x/bcd/-/bcd-2.tgz")
    #expect(loss.message.hasPrefix("no source has \"bcd-2.tgz\" any more: 404 Not Found"))
    #expect(loss.kind == .fetchFailed)
    #expect(Npm.loss(of: [], said: "npm error code EINTEGRITY").kind == .verificationDiffers)
  }
}
