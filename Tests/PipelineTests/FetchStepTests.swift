import Host
import TestSupport
import Testing
import Vocabulary

extension EndToEnd {
  /// Files by their address, from a server on this machine.
  @Suite(.with("curl", "perl", "tar")) struct FetchStepTests {
    private let place = Place.current

    private func step(_ url: String, _ digest: Digest, _ more: String) -> String {
      "[[step]]\nfetch = { url = \"\(url)\", sha256 = \"\(digest.hex)\", \(more) }\n"
    }

    @Test func `what is fetched is locked, and built again without the server`() throws {
      try place.write("served/tool-1/bin/tool", "#!/bin/sh\necho tool\n")
      try place.write("served/plain", "plain\n")
      try place.judge("chmod", "0700", "served/tool-1/bin/tool")
      try place.judge("tar", "-C", "served", "-czf", "served/tool-1.tar.gz", "tool-1")
      let served = place.directory + "/served"
      let archive = Digest.of(try Files.read(served + "/tool-1.tar.gz", limit: 1 << 20))
      var server: LoopbackServer? = try LoopbackServer(serving: served)
      let urls = try ["tool-1.tar.gz", "plain"].map { try #require(server).url($0) }
      let body =
        step(urls[0], archive, "to = \"/opt/tool\", unpack = true, strip = 1")
        + step(urls[1], Digest.of("plain\n"), "to = \"/etc/plain\", mode = \"0600\"")
      let check = """
        [[step]]
        run = '''
        test "$(/opt/tool/bin/tool)" = tool
        test "$(stat -c '%a %U' /opt/tool/bin/tool /etc/plain | tr '\\n' ,)" = '755 root,600 root,'
        test "$(cat /etc/plain)" = plain
        '''
        """
      let recipe = try place.recipe("fetches", body + check)
      let first = try place.build(recipe)
      #expect(first["steps_run"] == .integer(3))
      #expect(server?.requests == ["/tool-1.tar.gz", "/plain"])
      let lock = try place.read("fetches.lock")
      #expect(
        lock.contains("{ name = \"plain\", size = 6, sha256 = \"\(Digest.of("plain\n").hex)\""))
      #expect(!lock.contains("127.0.0.1"))
      server = nil
      #expect(try place.build(recipe, "--locked")["image"] == first["image"])
      // Another environment is another key for each step: all are run again, from the store alone.
      try place.recipe("fetches", body + check + "\n[env]\nAGAIN = \"1\"\n")
      let layers = try place.layers(of: "fetches")
      let second = try place.build(recipe, "--locked")
      #expect(second["steps_run"] == .integer(3))
      #expect(try place.layers(of: "fetches") == layers)
    }

    @Test func `another file than the recipe demands is refused, and nothing kept`() throws {
      try place.write("served/plain", "changed\n")
      let server = try LoopbackServer(serving: place.directory + "/served")
      let recipe = try place.recipe(
        "changed", step(server.url("plain"), Digest.of("plain\n"), "to = \"/etc/plain\""))
      let before = try place.store.contents()
      let said = try place.hutch("build", recipe)
      #expect(said.status == 6)
      #expect(said.error.contains("step 1 of \"changed\": what lies at \"\(server.url("plain"))\""))
      #expect(said.error.contains("not \(Digest.of("plain\n").hex)"), "\(said.error)")
      #expect(!Files.exists(place.directory + "/changed.lock"))
      #expect(try place.store.contents() == before)
      #expect(try place.store.leftovers().isEmpty)
    }
  }
}
