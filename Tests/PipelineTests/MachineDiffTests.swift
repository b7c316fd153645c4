import Host
import TestSupport
import Testing
import Vocabulary

extension EndToEnd {
  /// What a VM that does not run changed of its image, told from its disk.
  @Suite(.with("qemu-system-x86_64")) struct MachineDiffTests {
    private let place = Place.current

    /// By path.
    private func diff(_ vm: String) throws -> (root: JSON, items: [String: JSON]) {
      let said = try place.hutch("diff", vm, "--format", "json")
      let items = try said.items("differences")
      return (
        try JSON(parsing: said.output),
        Dictionary(uniqueKeysWithValues: items.map { ($0["path"]?.string ?? "", $0) })
      )
    }

    /// What systems write for themselves when they start and stop (`docs/formats/disk.md`).
    private func isOfSystem(_ path: String) -> Bool {
      let files = [
        "/etc/hostname", "/etc/hosts", "/etc/machine-id", "/var/lib/dbus/machine-id",
      ]
      let beginnings = ["/etc/ssh/ssh_host_", "/var/lib/systemd/", "/var/log/journal/"]
      return files.contains(path) || beginnings.contains(where: path.hasPrefix)
    }

    /// Without what only says that something else in a directory changed, and without the system.
    private func own(_ items: [String: JSON]) -> [String] {
      items.filter { path, item in
        let isTimeOfDirectory =
          item["fields"] == .array([.string("time")])
          && item["after"]?["kind"] == .string("directory")
        return !isOfSystem(path) && !isTimeOfDirectory
      }.map { "\($0.value["change"]?.string ?? "") \($0.key)" }.sorted()
    }

    @Test(arguments: ["base", "python"])
    func `a VM that never ran is as its image`(image: String) throws {
      _ = try place.hutch("clone", image, "fresh")
      #expect(try place.hutch("diff", "fresh").text == "no differences\n")
      // Its file can be made again, so that it is gone says nothing.
      try Files.remove("\(place.store.path)/vms/fresh/overlay.qcow2")
      let (root, items) = try diff("fresh")
      #expect(items.isEmpty)
      #expect(root["packages"] == .array([]))
      #expect(root["before"]?["name"] == .string(image))
      #expect(root["before"]?["vm"] == .null)
      #expect(root["after"]?["vm"] == .string("fresh"))
    }

    @Test func `names of one file are one file, in an image and in its VM`() throws {
      let recipe = try place.recipe(
        "linked",
        steps: [
          """
          mkdir -p /opt/l/deep; cd /opt/l; echo a > a; ln a b; ln a c; echo x > x; ln x y
          ln -s a s; ln s t; mkfifo p; ln p q; echo z > deep/z
          """,
          """
          cd /opt/l; ln a d; chmod 600 b; echo new > x; rm c; touch deep/z; mv deep/z moved
          ln moved deep/z2
          """,
        ])
      _ = try place.build(recipe)
      #expect(try place.hutch("start", "linked", "--name", "links", "--cpus", "1").status == 0)
      #expect(try place.hutch("stop", "links").status == 0)
      #expect(own(try diff("links").items) == [])
      #expect(try place.hutch("start", "links").status == 0)
      let script = "cd /opt/l; echo more >> a; rm y; echo x > y; ln moved third"
      let done = try place.hutch("exec", "links", "--user", "root", "--", "sh", "-ec", script)
      #expect(done.status == 0, "\(done.error)")
      #expect(try place.hutch("stop", "links").status == 0)
      let (_, items) = try diff("links")
      #expect(
        own(items) == [
          "added /opt/l/third", "changed /opt/l/a", "changed /opt/l/d", "changed /opt/l/y",
        ])
      #expect(items["/opt/l/third"]?["after"]?["target"] == .string("/opt/l/deep/z2"))
      let fields = items["/opt/l/d"]?["fields"]?.array?.compactMap(\.string)
      #expect(fields == ["content", "time"])
    }

    @Test func `what was changed in a VM is named, and nothing else`() throws {
      #expect(try place.hutch("start", "base", "--name", "changed", "--cpus", "1").status == 0)
      let running = try place.hutch("diff", "changed")
      #expect(running.status == 4)
      #expect(running.error.contains("\"changed\" is running\nhint: `hutch stop changed` first"))
      let script = """
        mkdir -p /opt/new/folder; echo one > /opt/new/folder/file; ln -s file /opt/new/folder/link
        ln /opt/new/folder/file /opt/new/hard; mknod /opt/new/null c 1 3; mkfifo /opt/new/pipe
        dd if=/dev/urandom of=/opt/new/large bs=1M count=20 2>/dev/null
        truncate -s 5G /opt/new/hole; chmod 4711 /opt/new/large
        rm -r /usr/share/doc/git; rm /etc/issue
        echo more >> /etc/issue.net; chown 7:8 /etc/hosts.allow; chmod 600 /etc/hosts.deny
        # Of the same size and time, and still another content.
        touch -r /etc/debian_version /tmp/then
        tr '0-9' '1-90' < /etc/debian_version > /tmp/other; cat /tmp/other > /etc/debian_version
        touch -r /tmp/then /etc/debian_version
        # The same content at another time, and read only.
        touch /etc/shells; cat /etc/profile > /dev/null
        ln -sfn elsewhere /etc/os-release
        sync
        """
      let done = try place.hutch("exec", "changed", "--user", "root", "--", "sh", "-ec", script)
      #expect(done.status == 0, "\(done.error)")
      #expect(try place.hutch("stop", "changed").status == 0)
      let (root, items) = try diff("changed")
      let removed = items.filter { $0.value["change"] == .string("removed") }.keys
      #expect(removed.contains("/usr/share/doc/git/copyright"))
      #expect(
        own(items).filter { !$0.hasPrefix("removed /usr/share/doc/git") } == [
          "added /opt/new", "added /opt/new/folder", "added /opt/new/folder/file",
          "added /opt/new/folder/link", "added /opt/new/hard", "added /opt/new/hole",
          "added /opt/new/large", "added /opt/new/null", "added /opt/new/pipe",
          "changed /etc/debian_version", "changed /etc/hosts.allow", "changed /etc/hosts.deny",
          "changed /etc/issue.net", "changed /etc/os-release", "changed /etc/shells",
          "removed /etc/issue",
        ])
      func fields(_ path: String) -> [String] {
        (items[path]?["fields"]?.array ?? []).compactMap(\.string)
      }
      #expect(fields("/etc/debian_version") == ["content"])
      #expect(fields("/etc/issue.net").contains("content"))
      #expect(fields("/etc/hosts.allow") == ["owner"])
      #expect(fields("/etc/hosts.deny") == ["mode"])
      #expect(fields("/etc/shells") == ["time"])
      #expect(items["/opt/new/large"]?["after"]?["mode"] == .string("4711"))
      #expect(items["/opt/new/hole"]?["after"]?["size_bytes"] == .integer(5 << 30))
      #expect(items["/opt/new/null"]?["after"]?["target"] == .string("1:3"))
      #expect(items["/opt/new/hard"]?["after"]?["target"] == .string("/opt/new/folder/file"))
      #expect(root["packages"] == .array([]))
      #expect(root["added_bytes"]?.integer ?? 0 > 5 << 30)
      let said = try place.hutch("diff", "changed").text
      #expect(said.contains("/opt/new/ "))
      #expect(said.contains("with 8 inside"))
      // Looking changes nothing.
      #expect(try place.hutch("start", "changed").status == 0)
      #expect(try place.hutch("exec", "changed", "--", "cat", "/opt/new/hard").text == "one\n")
    }

    @Test func `a VM whose machine was killed is read as its kernel would find it`() throws {
      #expect(try place.hutch("start", "base", "--name", "killed", "--cpus", "1").status == 0)
      let script = """
        mkdir /srv/kept; for i in $(seq 1 300); do echo $i > /srv/kept/$i; done
        rm /etc/issue; sync; echo late > /srv/late
        """
      let done = try place.hutch("exec", "killed", "--user", "root", "--", "sh", "-ec", script)
      #expect(done.status == 0, "\(done.error)")
      try place.killMachine(of: "killed")
      let overlay = "\(place.store.path)/vms/killed/overlay.qcow2"
      let digest = try place.judge("sha256sum", overlay)
      let (_, items) = try diff("killed")
      #expect(items["/srv/kept/300"]?["after"]?["size_bytes"] == .integer(4))
      #expect(items["/etc/issue"]?["change"] == .string("removed"))
      let names = own(items).filter { $0 != "added /srv/late" }
      #expect(names.count == 302, "\(names.prefix(5)) \(names.suffix(5))")
      #expect(try place.judge("sha256sum", overlay) == digest)
      #expect(try place.hutch("start", "killed").status == 0)
      #expect(
        try place.hutch("exec", "killed", "--", "sh", "-c", "ls /srv/kept | wc -l").text == "300\n")
    }

    @Test func `what can't be compared is refused`() throws {
      let image = try place.hutch("diff", "base")
      #expect(image.status == 2)
      #expect(image.error.contains("hint: name another image: `hutch diff base IMAGE`"))
      let nobody = try place.hutch("diff", "nobody")
      #expect(nobody.status == 3)
      #expect(nobody.error.contains("there is no VM \"nobody\""))
      // A disk that is damaged is an error that says where.
      _ = try place.hutch("clone", "base", "broken")
      #expect(try place.hutch("start", "broken").status == 0)
      #expect(try place.hutch("stop", "broken").status == 0)
      let overlay = "\(place.store.path)/vms/broken/overlay.qcow2"
      try place.judge("truncate", "-s", "300000", overlay)
      let broken = try place.hutch("diff", "broken")
      #expect(broken.status == 10)
      #expect(broken.error.contains("\"\(overlay)\" is not an overlay of ours"))
    }
  }
}
