import Host
import TestSupport
import Testing
import Vocabulary

extension EndToEnd {
  @Suite struct NoSpaceTests {
    private let place = Place.current

    /// Runs the program with a small file system of its own as the store, and `gc` after it.
    private func build(in size: String, store: String) throws -> Outcome {
      var program = Program(store: place.directory + "/small", directory: place.directory)
      try Files.makeDirectories(program.store)
      program.environment["HUTCH_TEST_SHARED"] = store
      return try program.run(
        ["build", "base"],
        after: """
          mount -t tmpfs -o size=\(size) none "$HUTCH_STORE"
          mkdir -p "$HUTCH_STORE/locks"
          cp "$HUTCH_TEST_SHARED"/locks/*.lock "$HUTCH_STORE/locks/"
          status=0
          "$0" "$@" || status=$?
          "$0" gc --now > /dev/null
          find "$HUTCH_STORE"/ingest "$HUTCH_STORE"/blobs "$HUTCH_STORE"/trees \
            "$HUTCH_STORE"/inputs -type f -not -name CACHEDIR.TAG
          exit $status
          """)
    }

    @Test(.asRoot, arguments: ["40m", "200m"])
    func `a store without room is told before anything is done, and stays whole`(
      _ size: String
    ) throws {
      let said = try build(in: size, store: place.store.path)
      #expect(said.status == 8, "\(said.error)")
      #expect(
        said.error.contains("are free on the file system of") || said.error.contains("No space"))
      #expect(said.error.contains("\nhint: "))
      #expect(said.output.isEmpty, "\(said.text)")
    }

    @Test(.asRoot) func `room that runs out in the middle of a step leaves nothing`() throws {
      let recipe = try place.recipe("large", steps: ["true"])
      _ = try place.build(recipe)
      let before = try place.store.contents()
      // Less than there is: the step itself fails. Enough for it, but not for packing it.
      for (megabytes, status, words) in [(64, 1, "No space left on device"), (24, 8, "No space")] {
        try place.recipe(
          "large", steps: ["head -c \(megabytes)000000 /dev/urandom > /large"])
        let said = try place.program.run(
          ["build", recipe],
          after: """
            mount -t tmpfs -o size=40m none "$HUTCH_STORE/ingest"
            status=0
            "$0" "$@" || status=$?
            find "$HUTCH_STORE/ingest" -mindepth 1
            exit $status
            """)
        #expect(said.status == Int32(status), "\(said.error)")
        #expect(said.error.contains(words))
        #expect(said.error.contains("\nhint: "))
        #expect(said.output.isEmpty, "\(said.text)")
        #expect(try place.store.contents() == before)
      }
    }
  }
}
