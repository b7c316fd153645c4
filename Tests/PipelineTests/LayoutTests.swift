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
