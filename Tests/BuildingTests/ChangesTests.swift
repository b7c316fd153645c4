import Building
import Glibc
import Host
import Layers
import Testing
import Vocabulary

/// What of a step's changes becomes its layer.
@Suite struct ChangesTests {
  @Test func `changes land in the layer and nowhere else`() throws {
    let place = try Workplace()
    let before = try Self.listing(place.base)
    let outcome = try place.script(
      """
      echo new >/etc/new
      echo more >>/etc/kept
      rm /etc/gone
      echo x >/tmp/x; echo x >/run/x; echo x >/dev/shm/x
      """)
    #expect(outcome.names == ["etc/", "etc/.wh.gone", "etc/kept", "etc/new"])
    #expect(try outcome.text("etc/kept") == "as it is\nmore\n")
    #expect(try Self.listing(place.base) == before)
  }

  @Test func `the same script gives the same layer`() throws {
    let place = try Workplace()
    let other = try Workplace()
    let script = "for i in 3 1 2; do echo $i >/etc/$i; done; ln /etc/1 /opt/one; rm /opt/d/file"
    let first = try place.script(script)
    #expect(try place.script(script).packed == first.packed)
    #expect(try other.script(script).packed == first.packed)
  }

  @Test func `removals and opaque directories are exact`() throws {
    let place = try Workplace()
    let outcome = try place.script(
      """
      rm -r /opt/d
      mkdir /opt/d /opt/e
      echo new >/opt/d/new
      rm /etc/gone
      echo short-lived >/etc/never; rm /etc/never
      """)
    #expect(
      outcome.names == [
        "etc/", "etc/.wh.gone", "opt/", "opt/d/", "opt/d/.wh..wh..opq", "opt/d/new", "opt/e/",
      ])
    try place.unpack(outcome, as: "one")
    let next = try place.script("ls -A /opt/d /opt/e /etc", lower: ["one", "base"])
    #expect(next.lines == ["/etc:", "hostname", "kept", "/opt/d:", "new", "/opt/e:"])
    #expect(next.names.isEmpty)
  }

  @Test func `a file that was copied up and not changed is dropped`() throws {
    let place = try Workplace()
    let outcome = try place.script(
      """
      chmod 600 /etc/kept; chmod 644 /etc/kept
      cat /opt/d/file >/tmp/file; cat /tmp/file >/opt/d/file; touch -d @1500000000 /opt/d/file
      chmod 600 /etc/gone; chmod 640 /etc/gone
      """)
    #expect(outcome.names == ["etc/", "etc/gone", "opt/", "opt/d/"])
    #expect(outcome.entry("etc/gone")?.mode == 0o640)
  }

  /// What lies below an opaque directory is hidden: a file there is needed though it is the same.
  @Test func `a file that stands again in a directory made anew is kept`() throws {
    let place = try Workplace()
    let outcome = try place.script("cp -a /opt/d /opt/e; rm -r /opt/d; mv /opt/e /opt/d")
    #expect(outcome.names == ["opt/", "opt/d/", "opt/d/.wh..wh..opq", "opt/d/file"])
    try place.unpack(outcome, as: "one")
    #expect(
      try place.script("cat /opt/d/file", lower: ["one", "base"]).lines == ["in the base"])
  }

  @Test func `no time is after the step's date, and none has fractions`() throws {
    let place = try Workplace()
    let outcome = try place.script(
      """
      echo x >/etc/now
      touch -d @1800000000.5 /etc/later
      touch -d @1600000000.75 /etc/before
      ln -s now /etc/link
      mkdir /etc/directory
      """)
    #expect(
      outcome.names == [
        "etc/", "etc/before", "etc/directory/", "etc/later", "etc/link", "etc/now",
      ])
    for item in outcome.table.items {
      let expected: Int64
      switch "\(item.entry.path)" {
      case "/etc/before": expected = 1_600_000_000
      case "/usr": expected = 1_500_000_000
      default: expected = 1_700_000_000
      }
      #expect(item.entry.modified == expected, "\(item.entry.path)")
    }
  }

  @Test func `pipes, links and odd names stay, with owners and modes`() throws {
    let place = try Workplace()
    let outcome = try place.script(
      """
      mkfifo -m 600 /opt/pipe
      ln -s ../no/such/place /opt/link
      echo x >/opt/first; ln /opt/first /opt/second
      chmod 4711 /opt/first
      echo x >"/opt/sp ace"
      """)
    #expect(
      outcome.names == ["opt/", "opt/first", "opt/link", "opt/pipe", "opt/second", "opt/sp ace"])
    #expect(outcome.entry("opt/pipe")?.kind == .fifo)
    #expect(outcome.entry("opt/link")?.kind == .symlink(target: Array("../no/such/place".utf8)))
    #expect(outcome.entry("opt/second")?.kind == .hardLink(to: try path("opt/first")))
    #expect(outcome.entry("opt/first")?.mode == 0o4711)
  }

  @Test func `a socket is refused with its path`() throws {
    let place = try Workplace()
    let error = #expect(throws: BuildingError.self) {
      try place.script(
        "perl -e 'socket(S, 1, 1, 0); bind(S, pack(\"S a*\", 1, \"/opt/socket\")) or die'")
    }
    #expect(error?.message.contains("a socket at \"/opt/socket\"") == true)
    #expect(error?.hint == "remove it at the end of the step")
    #expect(error?.kind == .badInput)
  }

  /// Everything that a step could change in a tree, a line an entry.
  private static func listing(_ root: String) throws -> [String] {
    var lines: [String] = []
    func visit(_ directory: borrowing OwnedDescriptor, _ above: [UInt8]) throws {
      for name in try directory.entries() {
        let status = try directory.status(of: name)
        let full = above + [0x2F] + name
        lines.append(
          "\(String(decoding: full, as: UTF8.self)) \(status.kind) \(status.mode) \(status.uid) "
            + "\(status.size) \(status.modified) \(status.changed).\(status.changedNanoseconds)")
        if status.kind == .directory {
          try visit(try directory.openBeneath(name, .directory), full)
        }
      }
    }
    try visit(try OwnedDescriptor.open(root, .directory), [])
    return lines
  }
}
