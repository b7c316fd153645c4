import Host
import TestSupport
import Testing
import Vocabulary

extension EndToEnd {
  /// Images that others made as a base: our own `base`, as skopeo copied it.
  @Suite(.with("skopeo", "umoci", "tar")) struct ForeignImageTests {
    private let place = Place.current

    private static let step = "[[step]]\nrun = 'echo more > /opt/more'\n"

    /// A layout beside the recipes with the image `base`.
    private func layout(_ name: String, compressed format: String? = nil) throws {
      let options = format.map { ["--dest-compress-format", $0] } ?? []
      try Processes.runChecked(
        Command(
          "skopeo",
          ["copy", "-q"] + options + ["oci:\(place.store.path):base", "oci:\(name):base"],
          workingDirectory: place.directory), milliseconds: 120_000)
    }

    private func build(_ recipe: String, _ options: String...) throws -> Outcome {
      try place.program.run(["build", recipe, "--format", "json"] + options)
    }

    /// As a person would see it fail.
    private func refuse(_ recipe: String, _ options: String...) throws -> Outcome {
      try place.program.run(["build", recipe] + options)
    }

    @Test func `an image on a layout has the same layers as one on the recipe it came from`()
      throws
    {
      try layout("plain")
      try layout("gzipped", compressed: "gzip")
      _ = try place.build(try place.recipe("own", Self.step))
      let wanted = try place.layers(of: "own")
      // A store that knows none of the layers.
      let store = place.directory + "/fresh"
      for name in ["plain", "gzipped"] {
        let recipe = try place.recipe(name, from: "oci:./\(name):base", Self.step)
        let built = try build(recipe, "--store", store)
        let image = try #require(try built.items("builds").first)
        #expect(image["steps_run"] == .integer(4))
        #expect(built.error.contains("are taken as they are, without the seal check"))
        #expect(try place.build(recipe, "--locked")["image"] == image["image"])
        #expect(try place.layers(of: name) == wanted)
      }
    }

    @Test func `what is fetched is built without the layout, here and from a bundle`() throws {
      try layout("place")
      let recipe = try place.recipe("kept", from: "oci:./place:base", Self.step)
      let fetched = try place.hutch("fetch", recipe)
      #expect(fetched.status == 0, "\(fetched.error)")
      try place.judge("mv", "place", "elsewhere")
      let image = try place.build(recipe, "--locked")["image"]
      let bundle = try place.hutch("export", recipe, "--inputs", "-o", "kept.inputs", "--locked")
      #expect(bundle.status == 0, "\(bundle.error)")
      let store = place.directory + "/other"
      #expect(try place.hutch("import", "kept.inputs", "--store", store).status == 0)
      let again = try build(recipe, "--locked", "--store", store)
      #expect(try again.items("builds").first?["image"] == image, "\(again.error)")
    }

    @Test func `another image under the tag does not change what is locked`() throws {
      try layout("place")
      let recipe = try place.recipe("fixed", from: "oci:./place:base", Self.step)
      let first = try place.build(recipe)["image"]
      let lock = try place.read("fixed.lock")
      try place.judge("umoci", "config", "--config.env", "NEW=1", "--image", "place:base")
      #expect(try place.build(recipe)["image"] == first)
      #expect(try place.read("fixed.lock") == lock)
      // Another tag in the recipe is another image.
      try place.judge("umoci", "tag", "--image", "place:base", "changed")
      try place.recipe("fixed", from: "oci:./place:changed", Self.step)
      let refused = try refuse(recipe, "--locked")
      #expect(refused.status == 5 && refused.error.contains("step fixed 0 asks for"))
      #expect(try place.build(recipe)["image"] != first)
    }

    @Test func `without a lock --locked is refused, and nothing written`() throws {
      try layout("place")
      let recipe = try place.recipe("unlocked", from: "oci:./place:base", Self.step)
      let refused = try refuse(recipe, "--locked")
      #expect(refused.status == 5)
      #expect(!Files.exists(place.directory + "/unlocked.lock"))
    }

    @Test func `should fail: a blob of the layout that was tampered with`() throws {
      try layout("place")
      let recipe = try place.recipe("tampered", from: "oci:./place:base", Self.step)
      #expect(try place.hutch("lock", recipe).status == 0)
      let lock = try place.read("tampered.lock")
      let layer = try #require(
        lock.split(separator: "\n").first { $0.contains("layer-001") }?.suffix(68).prefix(64))
      try place.judge(
        "sh", "-c",
        "chmod u+w \"$1\" && printf x | dd of=\"$1\" bs=1 seek=5000 conv=notrunc status=none",
        "sh", "place/blobs/sha256/\(layer)")
      let store = place.directory + "/other"
      let refused = try refuse(recipe, "--locked", "--store", store)
      #expect(refused.status == 6, "\(refused.error)")
      #expect(refused.error.contains("\"layer-001\" of the image"))
      #expect(try !Files.list(store + "/inputs/sha256").contains(String(layer)))
    }

    @Test func `a base's variables are there for steps, and a recipe's come before them`() throws {
      try layout("place")
      try place.judge(
        "umoci", "config", "--config.env", "KEPT=base", "--config.env", "MINE=base",
        "--config.user", "nobody", "--image", "place:base")
      try place.recipe(
        "variables", from: "oci:./place:base",
        "[env]\nMINE = \"recipe\"\n[[step]]\n"
          + "run = 'test \"$KEPT $MINE $(id -u)\" = \"base recipe 0\"; echo > /opt/x'\n")
      _ = try place.build("./variables.toml")
      let config = try JSON(
        parsing: Array(
          try place.judge(
            "skopeo", "inspect", "--config", "--raw", "oci:\(place.store.path):variables"
          ).utf8))
      let lines = (config["config"]?["Env"]?.array ?? []).compactMap(\.string)
      #expect(lines.contains("KEPT=base") && lines.contains("MINE=recipe"))
      #expect(config["config"]?["User"] == nil)
    }

    @Test func `apt steps know what the base holds, and which Debian it is`() throws {
      try layout("place", compressed: "gzip")
      let recipe = try place.recipe(
        "apt", from: "oci:./place:base",
        "[[step]]\napt = [\"hello\"]\n[[step]]\nrun = 'hello > /opt/said; dpkg --audit'\n")
      _ = try place.build(recipe)
      let lock = try place.read("apt.lock")
      #expect(lock.contains("{ name = \"hello\", "))
      // The C library is in the base, so it is no input of the step.
      #expect(!lock.contains("{ name = \"libc6\", "))
      #expect(lock.contains("suite = \"trixie\""))
      // It is resolved again over the layers, and is the newest.
      let updated = try place.hutch("update", "-r", recipe, "hello", "--format", "json")
      #expect(try updated.items("updates").isEmpty)
      #expect(try place.read("apt.lock") == lock)
    }

    // MARK: A registry

    /// Serves the image of a layout as a registry does, below `served`.
    private func serve(_ layout: String, as name: String, tag: String) throws {
      let script = """
        base=served/v2/$2; mkdir -p "$base/blobs" "$base/manifests"; : > served/v2/index.html
        for blob in "$1"/blobs/sha256/*; do ln -f "$blob" "$base/blobs/sha256:${blob##*/}"; done
        digest=$(sed 's/.*"digest":"\\(sha256:[0-9a-f]*\\)".*/\\1/' "$1/index.json")
        for name in "$3" "$digest"; do
          cp "$1/blobs/sha256/${digest#sha256:}" "$base/manifests/$name"
          echo application/vnd.oci.image.manifest.v1+json > "$base/manifests/$name.type"
        done
        """
      try place.judge("sh", "-ec", script, "sh", layout, name, tag)
    }

    @Test(.with("perl"))
    func `an image in a registry is locked by digest, and its host not at all`()
      throws
    {
      try layout("place", compressed: "gzip")
      try serve("place", as: "team/base", tag: "v1")
      var server: LoopbackServer? = try LoopbackServer(serving: place.directory + "/served")
      let port = try #require(server?.port)
      let recipe = try place.recipe(
        "remote", from: "oci:127.0.0.1:\(port)/team/base:v1", Self.step)
      let image = try place.build(recipe)["image"]
      _ = try place.build(try place.recipe("own", Self.step))
      #expect(try place.layers(of: "remote") == place.layers(of: "own"))
      #expect(server?.requests.contains("/v2/team/base/manifests/v1") == true)
      #expect(try !place.read("remote.lock").contains("127.0.0.1"))
      // The tag moves on; what is locked is asked for by its digest.
      try place.write("served/v2/team/base/manifests/v1", "{}")
      let store = place.directory + "/other"
      let again = try build(recipe, "--locked", "--store", store)
      #expect(try again.items("builds").first?["image"] == image, "\(again.error)")
      server = nil
      #expect(try place.build(recipe, "--locked")["image"] == image)
      #expect(try place.store.leftovers().isEmpty)
    }

    @Test(.with("perl")) func `should fail: a registry that has no such image, or another blob`()
      throws
    {
      try layout("place", compressed: "gzip")
      try serve("place", as: "team/base", tag: "v1")
      let server = try LoopbackServer(serving: place.directory + "/served")
      let name = "oci:127.0.0.1:\(server.port)/team/base"
      let missing = try refuse(try place.recipe("missing", from: "\(name):v2", Self.step))
      #expect(missing.status == 7, "\(missing.error)")
      #expect(missing.error.contains("step 0 of \"missing\": the image \"\(name):v2\""))
      try place.judge(
        "sh", "-ec",
        "for blob in served/v2/team/base/blobs/*; do cp $blob x; printf x >> x; mv x $blob; done")
      let changed = try refuse(try place.recipe("changed", from: "\(name):v1", Self.step))
      #expect(changed.status == 7, "\(changed.error)")
      #expect(!Files.exists(place.directory + "/changed.lock"))
      #expect(try place.store.leftovers().isEmpty)
    }

    // MARK: Other images

    /// A layout with an image of one layer, made of a directory's files by umoci.
    private func image(of script: String) throws {
      try place.judge("umoci", "init", "--layout", "small")
      try place.judge("umoci", "new", "--image", "small:it")
      try place.judge(
        "sh", "-ec",
        """
        mkdir tree; cd tree
        \(script)
        tar -cf ../tree.tar .; cd ..
        umoci raw add-layer --image small:it tree.tar
        """)
    }

    @Test func `should fail: an apt step on what is no Debian`() throws {
      try image(of: "mkdir -p etc; echo ID=other > etc/os-release")
      let refused = try refuse(
        try place.recipe("other", from: "oci:./small:it", "[[step]]\napt = [\"hello\"]\n"))
      #expect(refused.status == 5, "\(refused.error)")
      #expect(
        refused.error.contains(
          "step 1 of \"other\": the image that the step stands on is no Debian with apt: "
            + "the ID in its os-release is \"other\""), "\(refused.error)")
    }

    @Test func `should fail: a layer that leads out of the image, by name and place`() throws {
      try image(of: "echo fine > fine")
      try place.judge(
        "sh", "-ec",
        """
        echo evil > evil; tar -P --transform 's,^,../../,' -cf evil.tar evil
        umoci raw add-layer --image small:it evil.tar
        """)
      let refused = try refuse(try place.recipe("evil", from: "oci:./small:it", Self.step))
      #expect(refused.status == 5, "\(refused.error)")
      #expect(
        refused.error.contains(
          "step 0 of \"evil\": the archive's entry \"../../evil\" is refused: "
            + "its name leads elsewhere"), "\(refused.error)")
      #expect(try place.store.leftovers().isEmpty)
    }

    @Test func `mistakes in a reference are told with their place`() throws {
      let said = try refuse(try place.recipe("short", from: "oci:debian:trixie", ""))
      #expect(said.status == 5)
      #expect(said.error.contains("short.toml:2:8"), "\(said.error)")
      #expect(said.error.contains("does not begin with the host of a registry"))
    }
  }
}
