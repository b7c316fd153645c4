import Host
import TestSupport
import Testing
import Vocabulary

extension EndToEnd {
  /// The store as other tools read it.
  @Suite struct LayoutTests {
    private let place = Place.current

    @Test(.with("skopeo")) func `skopeo reads an image from the store as it is`() throws {
      let image = "oci:\(place.store.path):python"
      #expect(
        try place.judge("skopeo", "inspect", image).contains("\"Architecture\": \"amd64\""))
      let manifest = try place.judge("skopeo", "inspect", "--raw", image)
      let layers = try place.hutch("layers", "python", "--format", "json").items("layers")
      #expect(layers.count == 6)
      #expect(manifest.ranges(of: "application/vnd.oci.image.layer.v1.tar+zstd").count == 6)
    }

    @Test(.with("skopeo", "umoci")) func `umoci unpacks what skopeo copied`() throws {
      try place.judge(
        "skopeo", "copy", "-q", "--dest-compress-format", "gzip", "oci:\(place.store.path):base",
        "oci:copy:base")
      let rootless = HostEnvironment.current.isRoot ? [] : ["--rootless"]
      try Processes.runChecked(
        Command(
          "umoci", ["unpack"] + rootless + ["--image", "copy:base", "bundle"],
          workingDirectory: place.directory))
      #expect(try place.read("bundle/rootfs/etc/debian_version").hasPrefix("13"))
      #expect(try place.read("bundle/rootfs/etc/passwd").contains("\nagent:x:1000:1000:"))
      #expect(Files.status(place.directory + "/bundle/rootfs/etc/machine-id")?.size == 0)
    }

    /// containers/storage is the library with which podman, buildah and CRI-O store images.
    @Test(.asRoot, .with("skopeo", "umoci"))
    func `podman's storage and umoci unpack the same tree, removals and links and all`() throws {
      let recipe = try place.recipe(
        "changed",
        steps: [
          """
          mkdir -p /opt/gone /opt/replaced /opt/kept; echo 1 > /opt/gone/file
          echo 2 > /opt/replaced/old; echo 3 > /opt/kept/file; ln /opt/kept/file /opt/kept/link
          mkfifo -m 0600 /opt/pipe; install -o agent -g agent -m 4711 /bin/true /opt/special
          truncate -s 1M /opt/hole; echo odd > "$(printf '/opt/line\\nbreak\\377')"
          """,
          """
          rm -r /opt/gone; rm -r /opt/replaced; mkdir -m 0700 /opt/replaced; echo 4 > /opt/replaced/new
          ln /opt/kept/link /opt/third; ln -s nowhere /opt/kept/dangling; rm /etc/issue
          """,
        ])
      _ = try place.build(recipe)
      let image = "oci:\(place.store.path):changed"
      let storage = "[vfs@\(place.directory)/storage+\(place.directory)/state]"
      try place.judge("skopeo", "copy", "-q", image, "containers-storage:\(storage)changed:latest")
      let images = try JSON(
        parsing: try Files.read(
          place.directory + "/storage/vfs-images/images.json", limit: 1 << 20))
      let top = try #require(images.array?.first?["layer"]?.string)
      try place.judge(
        "skopeo", "copy", "-q", "--dest-compress-format", "gzip", image, "oci:copy:it")
      try place.judge("umoci", "unpack", "--image", "copy:it", "bundle")

      let trees = ["storage/vfs/dir/\(top)", "bundle/rootfs"].map { "\(place.directory)/\($0)" }
      let found = try trees.map { try listing($0) }
      #expect(found[0].count > 5000)
      #expect(found[0] == found[1])
      for tree in trees {
        #expect(!Files.exists(tree + "/opt/gone") && !Files.exists(tree + "/etc/issue"))
        #expect(try Files.list(tree + "/opt/replaced") == ["new"])
        #expect(Files.status(tree + "/opt/special")?.mode == 0o4711)
        // Copied up by the step, as overlayfs does it, the two are no longer the first.
        #expect(Files.status(tree + "/opt/kept/link")?.links == 2)
        #expect(
          Files.status(tree + "/opt/third")?.inode == Files.status(tree + "/opt/kept/link")?.inode)
      }
    }

    /// Every entry with all that a layer says of it and a digest of its content.
    private func listing(_ tree: String) throws -> [String] {
      let script = """
        find . -mindepth 1 -printf '%p %y %m %U %G %l ' \\( -type d -o -printf '%s %n' \\) \
          -printf ' %T@\\0' | sed -z 's/[.][0-9]*$//' | LC_ALL=C sort -z
        find . -type f -print0 | LC_ALL=C sort -z | xargs -0 sha256sum -z
        """
      return try Processes.runChecked(
        Command("sh", ["-ec", script], workingDirectory: tree), milliseconds: 120_000
      ).output.split(separator: 0).map { String(decoding: $0, as: UTF8.self) }
    }

    @Test func `a tag that goes away goes away from the layout too`() throws {
      _ = try place.hutch("tag", "base", "second")
      #expect(try index().contains(#""second""#))
      _ = try place.hutch("untag", "second")
      #expect(try !index().contains(#""second""#))
    }

    private func index() throws -> String {
      String(
        decoding: try Files.read(place.store.path + "/index.json", limit: 1 << 20), as: UTF8.self)
    }
  }
}
