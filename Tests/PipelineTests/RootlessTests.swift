import Host
import TestSupport
import Testing
import Vocabulary

extension EndToEnd {
  /// A user who is not root, with subordinate ids, that exists only in a mount namespace: the
  /// machine's own users stay as they are.
  @Suite struct RootlessTests {
    private let place = Place.current

    /// Enters the place of that user, without any network interface. The checkout may be where only root gets to, so what is
    /// needed is shown below `/mnt`.
    private var script: String {
      """
      for file in passwd group subuid subgid; do cp /etc/$file users-$file; done
      echo 'hutch-test:x:54321:54321::/mnt/home:/bin/sh' >> users-passwd
      echo 'hutch-test:x:54321:' >> users-group
      echo 'hutch-test:3000000:65536' > users-subuid
      echo 'hutch-test:3000000:65536' > users-subgid
      for file in passwd group subuid subgid; do
        touch /etc/$file
        mount --bind users-$file /etc/$file
      done
      mkdir -p rootless/home
      chown -R 54321:54321 rootless
      prefix=$(dirname "$(dirname "$0")")
      here=$PWD
      mount -t tmpfs -o mode=0755 none /mnt
      mkdir /mnt/hutch /mnt/home
      mount --bind "$prefix" /mnt/hutch
      mount --bind "$here/rootless" /mnt/home
      unset XDG_RUNTIME_DIR
      export HOME=/mnt/home HUTCH_STORE=/mnt/home/store
      cd /mnt/home
      unshare -n setpriv --reuid 54321 --regid 54321 --clear-groups ${before-} /mnt/hutch/bin/hutch "$@"
      """
    }

    @Test(.asRoot, .with("setpriv", "newuidmap", "skopeo"))
    func `root and somebody else build the same image, and it runs for both`() throws {
      // With the same lock, and everything that it names in one file; there is no network.
      try Files.makeDirectories(place.directory + "/rootless/store")
      try place.judge("cp", "-r", "\(place.store.path)/locks", "rootless/store/")
      let bundle = try place.hutch("export", "base", "--inputs", "-o", "rootless/base.inputs")
      #expect(bundle.status == 0, "\(bundle.error)")
      let taken = try place.program.run(["import", "base.inputs"], after: script)
      #expect(taken.status == 0, "\(taken.error)")
      let built = try place.program.run(["build", "base", "--format", "json"], after: script)
      let build = try #require(try built.items("builds").first)
      #expect(build["steps_run"] == .integer(3))
      #expect(build["image"] == place.store.firstBuilds[0]["image"])
      try buildForeign()
      // A directory of the user's own that is locked, as package managers leave them.
      try place.write("rootless/work/locked/file", "old\n")
      try place.judge("chmod", "555", "rootless/work/locked")
      let ran = try place.program.run(
        [
          "run", "base", "--cpus", "1", "--apply", "--workspace", "work", "--", "sh", "-c",
          "chmod u+w locked; echo new > locked/file; chmod u-w locked",
        ], after: script)
      #expect(ran.status == 0, "\(ran.error)")
      #expect(try place.read("rootless/work/locked/file") == "new\n")
      #expect(Files.status(place.directory + "/rootless/work/locked")?.mode == 0o555)
      let left = try place.judge(
        "find", "rootless/store/vms", "rootless/store/trash", "-mindepth", "1")
      #expect(left.isEmpty)
      #expect(try place.judge("find", "rootless/store/trees", "-uid", "0").isEmpty)
      // What a step unpacked belongs to subordinate users, and goes when its build is ended.
      try place.write(
        "rootless/slow.toml",
        "format = 1\nfrom = \"base\"\n[[step]]\n"
          + "run = 'mkdir -m 700 /opt/own; chown agent /opt/own; touch /opt/own/file; sleep 100'\n")
      let ended = try place.program.run(
        ["build", "./slow.toml"], after: "before='timeout --foreground -s INT 6'\n" + script)
      #expect(ended.status == 124, "\(ended.error)")
      #expect(ended.error.contains("interrupted"), "\(ended.error)")
      let unfinished = try place.judge(
        "find", "rootless/store/ingest", "-mindepth", "1", "-not", "-name", "CACHEDIR.TAG")
      #expect(unfinished.isEmpty)
      // Root sees all of it; the user sees as much from inside their own namespace.
      let usage = try place.program.run(["df", "--format", "json"], after: script)
      let said = try place.judge("du", "-s", "--block-size=1", "rootless/store")
      #expect(
        try JSON(parsing: usage.output)["total_bytes"]?.integer.map(String.init)
          == said.split(separator: "\t").first.map(String.init))
    }

    /// Layers that others made come out the same for both.
    private func buildForeign() throws {
      try place.judge(
        "skopeo", "copy", "-q", "--dest-compress-format", "gzip",
        "oci:\(place.store.path):base", "oci:rootless/place:base")
      try place.write(
        "rootless/foreign.toml",
        "format = 1\nfrom = \"oci:./place:base\"\n[[step]]\nrun = 'echo > /opt/x'\n")
      let built = try place.build("rootless/foreign.toml")
      let carried = try place.hutch(
        "export", "rootless/foreign.toml", "--inputs", "-o", "rootless/foreign.inputs")
      #expect(carried.status == 0, "\(carried.error)")
      try place.judge("rm", "-r", "rootless/place")
      let taken = try place.program.run(["import", "foreign.inputs"], after: script)
      #expect(taken.status == 0, "\(taken.error)")
      let other = try place.program.run(
        ["build", "./foreign.toml", "--locked", "--format", "json"], after: script)
      #expect(try other.items("builds").first?["image"] == built["image"], "\(other.error)")
    }
  }
}
