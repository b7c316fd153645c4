import Host
import Recipes
import Testing
import Vocabulary

@testable import Inputs

@Suite struct PipTests {
  private let request: PipRequest

  init() throws {
    request = PipRequest(packages: ["ruff", "pytest>=8"], venv: try #require(GuestPath("/opt/v")))
  }

  @Test func `of pip's configuration counts what says where packages come from`() {
    let options = HostPip.parse(
      """
      ; a comment
      [global]
      Index_URL = https://packages.example/simple
      user = true
      find-links =
          /opt/wheels
          # not this one
          https://other.example/wheels
      [install]
      no-index = true
      [download]
      index-url: https://download.example/simple
      timeout=
      """)
    #expect(
      options == [
        "index-url": ["https://download.example/simple"],
        "find-links": ["/opt/wheels", "https://other.example/wheels"],
      ])
  }

  @Test func `later files and variables count more than earlier ones`() throws {
    let place = try Workplace()
    try Files.makeDirectories(place("home/.pip"))
    try Files.makeDirectories(place("config/pip"))
    try Files.write(
      place("home/.pip/pip.conf"), Array("[global]\nproxy = first\nretries = 1\n".utf8))
    try Files.write(place("config/pip/pip.conf"), Array("[global]\nproxy = second\n".utf8))
    try Files.write(place("own.conf"), Array("[global]\nretries = 3\n".utf8))
    let host = HostPip.fromHost(
      HostEnvironment(variables: [
        "HOME": place("home"), "XDG_CONFIG_HOME": place("config"), "XDG_CONFIG_DIRS": place("none"),
        "PIP_CONFIG_FILE": place("own.conf"), "PIP_EXTRA_INDEX_URL": "https://a.example b",
      ]))
    #expect(host.options["proxy"] == ["second"])
    #expect(host.options["retries"] == ["3"])
    #expect(host.options["extra-index-url"] == ["https://a.example", "b"])
    let none = HostPip.fromHost(
      HostEnvironment(variables: ["HOME": place("home"), "PIP_CONFIG_FILE": "/dev/null"]))
    #expect(none.options.isEmpty)
  }

  @Test func `directories of this machine are shown to the step, others left out`() throws {
    let place = try Workplace()
    let host = HostPip(options: [
      "find-links": [
        "file://" + place("store"), place("nothing"), "relative", "https://links.example",
      ]
    ])
    let (options, directories) = host.moved()
    #expect(directories == ["/run/hutch/links-0": place("store")])
    #expect(options["find-links"] == ["/run/hutch/links-0", "https://links.example"])
    #expect(
      HostPip.render(options)
        == "[global]\nfind-links = /run/hutch/links-0\n    https://links.example\n")
  }

  @Test(arguments: [
    ("six-1.17.0-py2.py3-none-any.whl", "six", "1.17.0"),
    ("typing_extensions-4.0-1-py3-none-any.whl", "typing-extensions", "4.0"),
    ("torch-2.1+cpu-cp311-cp311-linux_x86_64.whl", "torch", "2.1+cpu"),
  ])
  func `a wheel's name says package and version`(file: String, package: String, version: String)
    throws
  {
    let name = try #require(WheelName(file))
    #expect(name.package == package && name.version == version)
  }

  @Test(arguments: [
    "six-1.17.0.tar.gz", "six.whl", "-1-py3-none-any.whl", "a b-1-py3-none-any.whl",
    "six-1*-py3-none-any.whl", "six-1 --pre-py3-none-any.whl", "six-1;x-py3-none-any.whl",
  ])
  func `should fail: what is no wheel's name`(file: String) {
    #expect(WheelName(file) == nil)
    let locked = LockedFile(name: file, size: .zero, digest: Digest.of(""))
    #expect(throws: InputsError.self) { try Pip.install([locked], request) }
  }

  @Test func `each wheel is required with its digest, and what was there before is not kept`()
    throws
  {
    let wheel = LockedFile(
      name: "Six-1.0-py3-none-any.whl", size: .zero, digest: Digest.of("six"))
    #expect(
      try Pip.requirements(for: [wheel]) == "six==1.0 --hash=sha256:\(wheel.digest.hex)\n")
    let names = ["a_b-1.0-py3-none-any.whl", "c-2.0-py3-none-any.whl", Pip.installed]
    #expect(
      try Pip.wanted(names, installed: "A.B==1.0\nc==1.9\n") == ["c-2.0-py3-none-any.whl"])
    #expect(throws: InputsError.self) { try Pip.wanted(["evil.tar.gz"], installed: "") }
  }

  @Test func `words of the recipe's are words of the script's`() throws {
    let place = try Workplace()
    let odd = PipRequest(
      packages: ["a>=1,<2", "b[c]"], venv: try #require(GuestPath("/opt/it's")))
    let script = try Pip.resolve(odd, with: HostPip(options: [:]), settings: place("settings"))
    #expect(script.text.contains("-- 'a>=1,<2' 'b[c]'; then"))
    #expect(script.text.contains(#"venv='/opt/it'\''s'"#))
    let shell = Command("/bin/sh", ["-n"])
    try Processes.runChecked(shell, input: Array(script.text.utf8))
    try Processes.runChecked(shell, input: Array(Pip.install([], odd).text.utf8))
    // Nothing is kept where the step may replace it.
    #expect(script.text.contains("-c \"$work/installed\""))
    let upgrade = PipRequest(packages: ["a"], venv: odd.venv, upgrade: true)
    #expect(
      try !Pip.resolve(upgrade, with: HostPip(options: [:]), settings: place("again")).text
        .contains("-c \"$work/installed\""))
  }

  @Test func `what pip complains about becomes a sentence`() {
    let said = Pip.refusal(of: request, said: "noise\nERROR: first\nERROR: second\nERROR: third")
    #expect(said.message == "pip can't resolve \"pytest>=8 ruff\": second; third")
    #expect(said.kind == .badInput && said.hint == nil)
    let wheels = ["a-1-py3-none-any.whl", "b_c-1-py3-none-any.whl"].map {
      LockedFile(name: $0, size: .zero, digest: Digest.of($0))
    }
    let differs = Pip.loss(
      of: wheels,
      said: """
        ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE. If …
            b-c==1 from https://x from -r y (line 1):
                Expected sha256 0
                     Got        1
        """)
    #expect(
      differs.message
        == "\"b_c-1-py3-none-any.whl\" is not what was locked: pip's sources have another file of "
        + "that name")
    #expect(Pip.loss(of: wheels, said: "ERROR: gone").kind == .fetchFailed)
  }
}
