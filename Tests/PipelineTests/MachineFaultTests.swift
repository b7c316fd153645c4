import Host
import TestSupport
import Testing
import Vocabulary

extension EndToEnd {
  /// The machine is not as it should be: each lack has its status, its words and its hint.
  @Suite struct MachineFaultTests {
    private let place = Place.current

    /// In a namespace where a tool is something that can't be executed.
    private func without(_ tool: String, _ arguments: String...) throws -> Outcome {
      let path = try #require(Processes.find(tool))
      return try place.program.run(
        arguments, after: "mount --bind /dev/null $(realpath '\(path)'); exec \"$0\" \"$@\"")
    }

    @Test(.asRoot) func `a missing tool is status 9 with the package that has it`() throws {
      let recipe = try place.recipe("toolless", "[[step]]\napt = [\"hello\"]\n")
      let build = try without("apt-get", "build", recipe)
      #expect(build.status == 9)
      #expect(build.error.contains("\"apt-get\""), "\(build.error)")
      #expect(build.error.contains("hint: install Debian's package \"apt\""))
      let run = try without("qemu-system-x86_64", "run", "base", "--", "true")
      #expect(run.status == 125)
      #expect(run.error.contains("\"qemu-system-x86\""))
      #expect(try place.store.leftovers().isEmpty)
      let doctor = try without("mmdebstrap", "doctor", "--format", "json")
      #expect(doctor.status == 9)
      let findings = try JSON(parsing: doctor.output)["items"]?.array ?? []
      let bad = findings.filter { $0["state"]?.string == "missing" }
      #expect(bad.map { $0["check"]?.string } == ["mmdebstrap"])
      #expect(bad.first?["hint"]?.string?.contains("\"mmdebstrap\"") == true)
    }

    @Test func `doctor finds nothing missing here`() throws {
      let findings = try place.hutch("doctor", "--format", "json").items("findings")
      #expect(!findings.contains { $0["state"]?.string == "missing" })
    }

    @Test(.asRoot) func `a place that can't be written to is named`() throws {
      let readOnly = """
        mount --bind "$HUTCH_STORE" "$HUTCH_STORE"
        mount -o remount,ro,bind "$HUTCH_STORE"
        exec "$0" "$@"
        """
      for arguments in [["images"], ["build", "base"], ["gc"], ["clone", "base"]] {
        let said = try place.program.run(arguments, after: readOnly)
        #expect(said.status == 9, "\(arguments): \(said.error)")
        #expect(said.error.contains("\"\(place.store.path)\""))
        #expect(said.error.contains("Read-only file system\nhint: "))
      }
    }

    @Test(.asRoot) func `somebody else's store is refused`() throws {
      let store = place.directory + "/theirs"
      try Files.makeDirectories(store)
      try place.judge("chown", "54321", store)
      let said = try Program(store: store, directory: place.directory).run(["images"])
      #expect(said.status == 9)
      #expect(said.error.contains("belongs to another user (uid 54321)\nhint: "))
      #expect(try Files.list(store).isEmpty)
    }

    @Test(.with("sqlite3")) func `a store of a newer version is refused and stays as it is`() throws
    {
      let store = place.directory + "/newer"
      try Files.makeDirectories(store)
      let catalog = store + "/catalog.sqlite"
      try place.judge("sqlite3", place.store.path + "/catalog.sqlite", ".backup '\(catalog)'")
      try place.judge("sqlite3", catalog, "PRAGMA user_version = 99")
      let digest = try place.judge("sha256sum", catalog)
      let said = try Program(store: store, directory: place.directory).run(["images"])
      #expect(said.status == 10)
      #expect(said.error.contains("newer version"))
      #expect(said.error.contains("\nhint: update hutch"))
      #expect(try place.judge("sha256sum", catalog) == digest)
    }

    @Test func `a reader that goes away is no error, a full disk is one`() throws {
      let hutch = "'\(Program.path)' images --store '\(place.store.path)'"
      let piped = "{ { \(hutch); echo $? >&3; } | head -c 0; } 3>&1"
      #expect(try place.judge("sh", "-c", piped) == "0\n")
      let full = try place.judge("sh", "-c", "\(hutch) 2>&1 >/dev/full; echo $?")
      #expect(full.hasPrefix("hutch: can't write to \"standard output\": No space left on device"))
      #expect(full.hasSuffix("\n8\n"))
    }
  }
}
