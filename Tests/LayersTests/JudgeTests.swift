import Host
import Layers
import TestSupport
import Testing
import Vocabulary

/// What other programs make of our bytes.
@Suite(.asRoot) struct JudgeTests {
  private static let trees = Trees.all.map(\.name)

  private func packed(_ name: String) throws -> (Workplace, PackedLayer) {
    let samples = try #require(Trees.all.first { $0.name == name }).samples
    let place = try Workplace()
    let tree = try place.directory("tree")
    try Trees.make(samples, in: tree)
    return (place, try place.pack(tree))
  }

  @Test(arguments: trees) func `unpacking gives the tree back`(name: String) throws {
    let (place, packed) = try packed(name)
    let tree = try place.directory("unpacked")
    try LayerUnpacker().unpack(
      place.file("layer"), layer: packed.layer, into: try OwnedDescriptor.open(tree, .directory))
    #expect(try Trees.listing(tree) == Trees.listing(place.file("tree")))
    #expect(try place.pack(tree, as: "again") == packed)
  }

  @Test(arguments: trees) func `GNU tar extracts the tree`(name: String) throws {
    guard present("GNU tar", "tar") else { return }
    let (place, _) = try packed(name)
    try Files.write(place.file("plain.tar"), try place.plain())
    let tree = try place.directory("extracted")
    let result = try place.run(
      "tar",
      [
        "--xattrs", "--xattrs-include=*", "--numeric-owner",
        // Our order is that of bytes: `a-b` comes between `a/` and `a/b`.
        "--delay-directory-restore",
        // Some times are in the future, and it asks nobody how names are encoded.
        "--warning=no-timestamp", "--warning=no-unknown-keyword", "-xpf", "plain.tar", "-C", tree,
      ])
    #expect(result.errorTail.isEmpty)
    #expect(try Trees.listing(tree) == Trees.listing(place.file("tree")))
    let count = try place.run("tar", ["--quoting-style=escape", "-tf", "plain.tar"]).text
      .split(separator: "\n").count
    #expect(count == Trees.all.first { $0.name == name }?.samples.count)
  }

  @Test(arguments: trees) func `bsdtar extracts the tree`(name: String) throws {
    guard present("bsdtar", "bsdtar") else { return }
    let (place, _) = try packed(name)
    try Files.write(place.file("plain.tar"), try place.plain())
    let tree = try place.directory("extracted")
    let result = try place.run(
      "bsdtar", ["--xattrs", "--numeric-owner", "-xpf", "plain.tar", "-C", tree])
    #expect(result.errorTail.isEmpty)
    // libarchive leaves the names of attributes as GNU tar has them escaped.
    let listing = try Trees.listing(tree).map { line in
      line.split(separator: " user.a%3Db%253D=", omittingEmptySubsequences: false)
        .joined(separator: " user.a=b%3D=")
    }
    // Nor does it make access lists of them: they are in records of their own for it.
    let expected = try Trees.listing(place.file("tree")).map { line in
      line.split(separator: " system.posix_acl_access=")[0]
    }
    #expect(listing == expected.map(String.init))
  }

  @Test func `zstd decodes the frames to the same tar`() throws {
    guard present("zstd", "zstd") else { return }
    for name in ["a file with holes", "every kind that ustar can say", "nothing"] {
      let (place, packed) = try packed(name)
      _ = try place.run("zstd", ["-q", "-t", "layer"])
      let plain = try place.run("zstd", ["-q", "-d", "-c", "layer"]).output
      #expect(Digest.of(plain) == packed.layer.digest)
    }
  }

  @Test func `umoci unpacks a layout whose last layer is ours`() throws {
    guard present("umoci", "umoci", "skopeo") else { return }
    let (place, packed) = try packed("every kind that ustar can say")
    let layout = try place.directory("layout")
    _ = try place.directory("layout/blobs/sha256")
    let blobs = BlobStore(root: layout)
    try blobs.publish(place.file("layer"), as: packed.blob)
    let configuration: JSON = .object([
      "architecture": .string("amd64"), "os": .string("linux"),
      "config": .object([:]),
      "rootfs": .object([
        "type": .string("layers"), "diff_ids": .array([.string(packed.layer.description)]),
      ]),
    ])
    let config = try blobs.publish(configuration.rendered)
    let manifest = OCI.manifest(
      config: ImageID(config), configSize: ByteCount(configuration.rendered.count),
      layers: [(packed.blob, packed.blobSize)], codec: packed.codec)
    try blobs.writeIndex([
      TaggedManifest(
        name: "sample", manifest: try blobs.publish(manifest), size: ByteCount(manifest.count),
        architecture: .amd64)
    ])
    // This umoci knows no zstd; skopeo writes the same layer as it can be read by it.
    _ = try place.run(
      "skopeo",
      [
        "--insecure-policy", "copy", "--dest-compress-format", "gzip", "--dest-compress",
        "oci:layout:sample", "oci:gzipped:sample",
      ])
    _ = try place.run("umoci", ["unpack", "--image", "gzipped:sample", "bundle"])
    #expect(
      try Trees.listing(place.file("bundle/rootfs")) == Trees.listing(place.file("tree")))
  }
}
