import Host
import Testing
import Vocabulary

extension EndToEnd {
  /// Tools: made once, on any image, changed by nobody.
  @Suite struct ToolTests {
    private let place = Place.current

    @discardableResult
    private func tool(_ name: String, says: String, besides: String = "") throws -> String {
      try place.recipe(
        name,
        """
        tool = true
        check = "\(name) | grep -q '^\(says)'"

        [[step]]
        run = '''
        mkdir -p /opt/\(name)/bin
        printf '#!/bin/sh\\necho "\(says) $*"\\n' > /opt/\(name)/bin/\(name)
        chmod 0755 /opt/\(name)/bin/\(name)
        ln -s /opt/\(name)/bin/\(name) /usr/local/bin/\(name)
        \(besides)
        '''

        [env]
        SAID_BY = "\(name)"

        [agent]
        command = ["\(name)", "hello"]
        """)
    }

    @Test func `a tool is made once and fits on every image`() throws {
      let recipe = try tool("parrot", says: "polly")
      _ = try place.build(recipe)
      let disks = Set(try Files.list(place.store.path + "/disks"))
      for image in ["base", "python"] {
        let said = try place.hutch(
          "run", image, "--with", "parrot", "--", "sh", "-c",
          "parrot; echo $SAID_BY; touch /opt/parrot/x || sudo touch /opt/parrot/bin/parrot")
        #expect(said.text == "polly \nparrot\n")
        #expect(said.error.contains("Read-only file system"))
        #expect(said.status == 1)
      }
      #expect(try disks.isSubset(of: Files.list(place.store.path + "/disks")))
      let checked = try place.hutch("check", recipe, "--format", "json").items("checks")
      #expect(checked.map { $0["passed"] } == [.bool(true)])
      #expect(try place.hutch("check", "base", "--with", recipe).text.contains("parrot on base"))
    }

    @Test func `an agent works on the project that one stands in`() throws {
      let recipe = try tool("worker", says: "done")
      _ = try place.build(recipe)
      // No project: nothing of the directory goes in.
      let alone = try place.hutch("run", "worker")
      #expect(alone.text == "done hello\n" && alone.status == 0)
      #expect(alone.error.contains("without a workspace: "))
      try place.recipe("hutch", "[[step]]\nrun = \"touch /etc/project\"")
      let there = try place.hutch(
        "run", "worker", "--apply", "--", "sh", "-c", "ls /etc/project; worker > said; ls")
      #expect(there.status == 0)
      #expect(there.text.hasPrefix("/etc/project\n"))
      #expect(there.text.contains("worker.toml"))
      #expect(try place.read("said") == "done \n")
      #expect(try place.hutch("run", "worker", "--no-workspace", "--", "ls").text == "")
    }

    @Test func `a recipe's tools are in its VMs, pinned by locks of its own`() throws {
      try tool("first", says: "one")
      try tool("second", says: "two")
      let recipe = try place.recipe(
        "user", "with = [\"first\", \"second\"]\n[[step]]\nrun = \"true\"")
      let built = try place.hutch("build", recipe, "--format", "json").items("builds")
      #expect(built.map { $0["name"]?.string } == ["user", "first:user", "second:user"])
      #expect(try place.hutch("build", recipe, "--locked").status == 0)
      #expect(try place.hutch("start", "user", "--name", "both", "--cpus", "1").status == 0)
      #expect(
        try place.hutch("exec", "both", "--", "sh", "-c", "first; second").text == "one \ntwo \n")
      #expect(try place.vm("both")?["tools"]?.array?.compactMap(\.string) == ["first", "second"])
      // Nothing of it goes while the VM has it, whatever its tags.
      for tag in ["user", "first:user", "second:user"] { _ = try place.hutch("untag", tag) }
      #expect(try place.hutch("gc", "--now").status == 0)
      #expect(try place.hutch("restart", "both").status == 0)
      #expect(try place.hutch("exec", "both", "--", "second", "again").text == "two again\n")
      #expect(try place.hutch("why", "both").status == 0)
    }

    @Test func `what shows outside of its directory makes a tool no tool, by path`() throws {
      let recipe = try tool("loud", says: "x", besides: "touch /etc/loud; mkdir -p /root/.cache")
      let refused = try place.hutch("build", recipe)
      #expect(refused.status == 5)
      #expect(
        refused.error.contains(
          "the tool \"loud\" may hold files below /opt/loud and links to them in /usr/local/bin "
            + "only, not /etc"))
      #expect(try place.hutch("images").text.contains("loud") == false)
      let image = try place.recipe("plain", "[[step]]\nrun = \"true\"")
      _ = try place.build(image)
      let other = try place.hutch("run", "base", "--with", "plain", "--", "true")
      #expect(other.status == 125)
      #expect(other.error.contains("\"plain\" is not a tool\nhint: "))
      let missing = try place.hutch("run", "base", "--with", "nobody", "--", "true")
      #expect(missing.status == 125)
      #expect(missing.error.contains("there is no image and no recipe \"nobody\""))
    }
  }
}
