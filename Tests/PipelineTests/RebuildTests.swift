import Glibc
import Host
import TestSupport
import Testing
import Vocabulary

extension EndToEnd {
  @Suite struct RebuildTests {
    private let place = Place.current

    /// A whole system is installed anew.
    private func rebuild(_ image: String, _ options: String...) throws -> Outcome {
      try place.program.run(["verify", "--rebuild", image] + options, milliseconds: 480_000)
    }

    private func verify(
      _ image: String, _ options: String...
    ) throws -> (status: Int32, root: JSON) {
      let said = try place.program.run(
        ["verify", "--rebuild", image, "--format", "json"] + options, milliseconds: 480_000)
      let root = try JSON(parsing: said.output)
      return (said.status, root)
    }

    /// That of the newest attempt: whether it matched, and what came out.
    private func expectRecorded(_ attempt: String) throws {
      guard present("an attempt to build again is recorded", "sqlite3") else { return }
      let said = try place.judge(
        "sqlite3", "\(place.store.path)/catalog.sqlite",
        "SELECT matched, result FROM rebuild ORDER BY id DESC LIMIT 1")
      #expect(said == attempt + "\n")
    }

    /// Nothing of the other store stays.
    private func expectNothingLeft() throws {
      let left = try place.store.leftovers().filter { $0.hasPrefix("ingest/") }
      #expect(left.isEmpty)
    }

    @Test func `an image whose steps look at all that is varied is the same again`() throws {
      let scripts = [
        """
        { umask; hostname; date +%Z; echo "$HOME ${TMPDIR-none} ${LANG-none} ${LC_ALL-none}"; } \
          > /seen
        id -u >> /seen
        install -o agent -g agent -m 0640 /dev/null /owned
        """, "date -d @$SOURCE_DATE_EPOCH > /date; mkdir -p /opt/steady; touch /opt/steady/file",
      ]
      // Bytes that are no text, handed on as they are.
      let secret: [UInt8] = [0, 255, 10, 65, 66, 67, 68, 69, 70]
      try Files.write(place.directory + "/secret", secret, durable: false)
      let recipe = try place.recipe(
        "steady",
        scripts.map { "[[step]]\nrun = '''\n\($0)\n'''\n" }.joined() + """
          [[step]]
          secrets = ["bytes"]
          run = "sha256sum < /run/secrets/bytes > /digest"
          """)
      let given = "bytes=\(place.directory)/secret"
      let image = try place.build(recipe, "--secret", given)["image"]
      let missing = try rebuild("steady")
      #expect(missing.status == 5)
      #expect(
        missing.error.contains(
          """
          step 3 of "steady" needs the secret "bytes"
          hint: `hutch verify --rebuild steady --secret bytes=FILE`
          """), "\(missing.error)")
      let before = try place.store.contents()
      let (status, root) = try verify("steady", "--secret", given)
      #expect(status == 0, "\(root)")
      #expect(root["kind"] == .string("rebuild"))
      #expect(root["same"] == .bool(true))
      #expect(root["before"] == image)
      #expect(root["after"] == image)
      #expect(root["items"]?.array?.count == 6)
      #expect(root["items"]?.array?.allSatisfy { $0["same"] == .bool(true) } == true)
      #expect(root["differences"] == .array([]))
      let varied = root["varied"]?.array?.compactMap(\.string) ?? []
      #expect(varied.contains("time zone"))
      if isRoot { #expect(varied.contains("host name")) }
      try expectNothingLeft()
      #expect(try place.store.difference(from: before) == [])
      try expectRecorded("1|\(image?.string ?? "")")
    }

    @Test func `a step that writes the time and noise is caught, and the paths are named`() throws {
      let recipe = try place.recipe(
        "noisy",
        steps: [
          "echo same > /same", "echo before > /stamp; date +%N >> /stamp",
          "echo same > /again; head -c 16 /dev/urandom > /random",
        ])
      _ = try place.build(recipe)
      let (status, root) = try verify("noisy")
      #expect(status == 6)
      #expect(root["same"] == .bool(false))
      let same = try #require(root["items"]?.array?.map { $0["same"]?.bool })
      #expect(same == [true, true, true, true, false, false])
      // Of the first layer that differs, and nothing that is the same in it.
      let differences = try #require(root["differences"]?.array)
      #expect(differences.map { $0["path"]?.string } == ["/stamp"])
      #expect(differences[0]["fields"] == .array([.string("content")]))
      let lines = differences[0]["lines"]?.array?.compactMap { $0.string?.first }
      #expect(lines == ["-", "+"])
      try expectNothingLeft()
      try expectRecorded("0|\(root["after"]?.string ?? "")")
    }

    @Test func `people are shown the paths, with both values`() throws {
      let recipe = try place.recipe(
        "random", steps: ["head -c 16 /dev/urandom > /random; date +%N > /stamp"])
      _ = try place.build(recipe)
      let said = try rebuild("random")
      #expect(said.status == 6)
      #expect(said.text.contains("\ndiffers  random 1  run head -c 16"), "\(said.text)")
      #expect(said.text.contains("\n  /random  changed: content 16 B ("))
      #expect(said.text.contains("\n  /stamp  changed: content 10 B ("))
      #expect(said.text.contains("\n    + "))
      #expect(said.text.contains("\"random\" is not the same again"))
      try expectNothingLeft()
    }

    @Test func `what can't be compared is refused, and it is said why`() throws {
      let recipe = try place.recipe("moving", steps: ["echo 1 > /file"])
      _ = try place.build(recipe)
      func expect(_ status: Int32, _ text: String) throws {
        let refused = try place.hutch("verify", "--rebuild", "moving")
        #expect(refused.status == status)
        #expect(refused.error.contains(text), "\(refused.error)")
        #expect(refused.error.contains("\nhint: "))
      }
      try place.recipe("moving", steps: ["echo 2 > /file"])
      try expect(5, "is not what its recipe gives now: step moving 1 is not what it was")
      try place.recipe("moving", "[[step]]\nrun = '''\necho 1 > /file\n'''\n\n[machine]\ncpus = 3")
      try expect(5, "its settings are not what they were")
      try place.recipe("moving", steps: ["echo 1 > /file"])
      try Files.rename(
        place.directory + "/moving.lock", to: place.directory + "/other", replacing: true)
      try expect(3, "the lock of the image \"moving\" is gone")
      try Files.remove(place.directory + "/moving.toml")
      try expect(3, "the recipe of the image \"moving\" is gone")
      _ = try place.hutch("tag", "moving", "renamed")
      _ = try place.hutch("untag", "moving")
      let unknown = try place.hutch("verify", "--rebuild", "renamed")
      #expect(unknown.status == 3)
      #expect(unknown.error.contains("no build says which recipe"))
      let impure = try place.recipe("impure", "[[step]]\nrun = \"true\"\nnetwork = true")
      _ = try place.build(impure)
      let refused = try place.hutch("verify", "--rebuild", "impure")
      #expect(refused.status == 5)
      #expect(refused.error.contains("step 1 of \"impure\" had the network"))
      for words in [["moving"], ["--rebuild", "moving", "--quick"], ["--secret", "a=b"]] {
        let usage = try place.program.run(["verify"] + words)
        #expect(usage.status == 2 && usage.error.hasPrefix("hutch: "), "\(words)")
      }
    }

    @Test func `a rebuild that is ended leaves nothing`() throws {
      let recipe = try place.recipe("ended", steps: ["echo 1 > /file"])
      _ = try place.build(recipe)
      for milliseconds in [300, 6000] {
        let rebuild = try place.start("verify", "--rebuild", "ended")
        Clock.pause(milliseconds: milliseconds)
        rebuild.process.signal(SIGINT)
        #expect(try rebuild.finish().status == 130)
        try expectNothingLeft()
        #expect(try place.store.users().isEmpty)
      }
    }

    @Test func `a rebuild that fails says which step did, and leaves nothing`() throws {
      guard HostEnvironment.current.cpuCount > 1 else {
        return skip("a rebuild that fails leaves nothing", missing: "a second processor")
      }
      // It ran once; with one processor it does not.
      let failing = try place.recipe("failing", steps: ["[ $(nproc) -gt 1 ]"])
      _ = try place.build(failing)
      let failed = try rebuild("failing")
      #expect(failed.status == 1, "\(failed.text)")
      #expect(failed.error.contains("\"failing\" could not be built again: step 1 of \"failing\""))
      try expectNothingLeft()
    }
  }
}
