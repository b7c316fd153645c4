import Host
import TestSupport
import Testing
import Vocabulary

extension EndToEnd {
  @Suite struct LockTests {
    private let place = Place.current

    @Test func `with --locked a complete lock is enough and stays as it is`() throws {
      let recipe = try place.recipe("sealed", steps: ["echo sealed > /sealed"])
      let first = try place.build(recipe)
      let lock = try place.read("sealed.lock")
      let second = try place.build(recipe, "--locked")
      #expect(second["image"] == first["image"])
      #expect(try place.read("sealed.lock") == lock)
    }

    @Test func `with --locked a stale lock is refused, naming the step, and stays as it is`() throws
    {
      let recipe = try place.recipe("stale", #"[[step]]"# + "\n" + #"apt = ["hello"]"#)
      _ = try place.build(recipe)
      let lock = try place.read("stale.lock")
      try place.recipe("stale", #"[[step]]"# + "\n" + #"apt = ["hello", "sl"]"#)
      let refused = try place.hutch("build", recipe, "--locked")
      #expect(refused.status == 5)
      #expect(refused.error.contains("the lock of \"stale\" does not fit it: step stale 1 "))
      #expect(refused.error.contains("\nhint: build without --locked"))
      #expect(try place.read("stale.lock") == lock)
      #expect(refused.output.isEmpty)
    }

    @Test func `with --locked there must be a lock`() throws {
      let recipe = try place.recipe("unlocked", steps: ["true"])
      let refused = try place.hutch("build", recipe, "--locked")
      #expect(refused.status == 5)
      #expect(refused.error.contains("there is none at \"./unlocked.lock\""))
      #expect(!Files.exists(place.directory + "/unlocked.lock"))
    }

    @Test(.asRoot, .with("unshare"))
    func `after fetching a build needs no network, and without fetching it says so`() throws {
      let recipe = try place.recipe("offline", #"[[step]]"# + "\n" + #"apt = ["hello"]"#)
      let alone = "unshare -n \"$0\" \"$@\""
      let refused = try place.program.run(["fetch", recipe, "--locked"])
      #expect(refused.status == 5)
      let fetched = try place.hutch("fetch", recipe, "--format", "json").items("fetches")
      #expect(fetched.first?["fetched"] == .integer(1))
      let lock = try place.read("offline.lock")
      #expect(try place.hutch("fetch", recipe).text.contains(" 0\n"))
      let built = try place.program.run(["build", recipe, "--format", "json"], after: alone)
      #expect(try built.items("builds").first?["steps_run"] == .integer(1))
      #expect(try place.read("offline.lock") == lock)
      let other = try place.recipe("online", #"[[step]]"# + "\n" + #"apt = ["sl"]"#)
      try place.judge("rm", "-rf", place.store.path + "/ingest/apt")
      let failed = try place.program.run(["build", other], after: alone)
      #expect(failed.status == 7, "\(failed.error)")
      #expect(failed.error.contains("\nhint: "), "\(failed.error)")
    }

    @Test func `a lock names no host`() throws {
      for name in ["base", "python"] {
        let path = "\(place.store.path)/locks/\(name).lock"
        let lock = String(decoding: try Files.read(path, limit: 16 << 20), as: UTF8.self)
        #expect(lock.contains("pool/"))
        #expect(!lock.contains("://"))
      }
    }
  }
}
