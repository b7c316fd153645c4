import Building
import Glibc
import Host
import Layers
import Testing
import Vocabulary

/// What a step sees, and what it can't do.
@Suite struct SandboxTests {
  @Test func `a step has loopback and no other network`() throws {
    let place = try Workplace()
    let outcome = try place.script(
      """
      cat /proc/net/dev | while read -r name rest; do
        case $name in *:) echo "$name" ;; esac
      done
      ls /sys/class/net
      cat /sys/class/net/lo/flags
      """)
    // IFF_UP and IFF_LOOPBACK (netdevice(7)).
    #expect(outcome.lines == ["lo:", "lo", "0x9"])
  }

  @Test func `nothing of the host's files is there`() throws {
    let place = try Workplace()
    let outcome = try place.script(
      """
      ls -A /
      test ! -e \(place.path) && echo no workplace
      ls -A /root /tmp /run
      """)
    let names = try Files.list(place.base).sorted()
    #expect(
      outcome.lines == names + ["no workplace", "/root:", "/run:", "hutch", "lock", "/tmp:"])
  }

  @Test func `a step's host is called localhost`() throws {
    let place = try Workplace()
    let outcome = try place.script("uname -n; cat /proc/sys/kernel/hostname")
    #expect(outcome.lines == ["localhost", "localhost"])
  }

  @Test func `the environment is the fixed one, and what the recipe adds`() throws {
    let place = try Workplace()
    let fixed = [
      "DEBCONF_NONINTERACTIVE_SEEN=true", "DEBIAN_FRONTEND=noninteractive", "HOME=/root",
      "LC_ALL=C.UTF-8", "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
      // The shell's own.
      "PWD=/",
      "PYTHONHASHSEED=0", "SHELL=/bin/sh", "SOURCE_DATE_EPOCH=1700000000", "TZ=UTC",
    ]
    #expect(try place.script("env").lines.sorted() == fixed)
    let more = try place.script("env", environment: ["GREETING": "good day", "TZ": "CET"]).lines
    let expected = fixed.filter { $0 != "TZ=UTC" } + ["GREETING=good day", "TZ=CET"]
    #expect(more.sorted() == expected.sorted())
  }

  @Test func `a step is root with a umask of 022`() throws {
    let place = try Workplace()
    let outcome = try place.script("id -u; id -g; umask; echo x >/etc/made; mkdir /etc/new")
    #expect(outcome.lines == ["0", "0", "0022"])
    let file = try #require(outcome.entry("etc/made"))
    #expect(file.mode == 0o644 && file.uid == 0 && file.gid == 0)
    #expect(outcome.entry("etc/new")?.mode == 0o755)
  }

  @Test func `the usual device nodes are there and work`() throws {
    let place = try Workplace()
    let outcome = try place.script(
      """
      ls /dev
      echo lost >/dev/null
      head -c 3 /dev/zero | wc -c
      head -c 5 /dev/urandom | wc -c
      head -c 7 /dev/random | wc -c
      (echo full >/dev/full) 2>/dev/null || echo no room
      echo said >/dev/stdout
      echo text | cat /dev/stdin
      echo x >/dev/shm/x && echo shared
      test -c /dev/ptmx && test -c /dev/tty && echo terminals
      """)
    #expect(
      outcome.lines == [
        "fd", "full", "null", "ptmx", "pts", "random", "shm", "stderr", "stdin", "stdout", "tty",
        "urandom", "zero", "3", "5", "7", "no room", "said", "text", "shared", "terminals",
      ])
    #expect(outcome.names.isEmpty)
  }

  @Test func `mounts and device nodes are refused`() throws {
    let place = try Workplace()
    let outcome = try place.script(
      """
      refused() { "$@" 2>/dev/null && echo "not refused: $*" || true; }
      for target in /opt /tmp /proc; do refused mount -t tmpfs none $target; done
      refused mount --bind /etc /opt
      refused mount -o remount,rw /sys
      refused mknod /opt/null c 1 3
      refused mknod /opt/disk b 7 0
      refused mknod /opt/removal c 0 0
      sync && echo synced
      """)
    #expect(outcome.lines == ["synced"])
    #expect(outcome.names.isEmpty)
  }

  @Test func `nothing that a step started outlives it`() throws {
    let place = try Workplace()
    let mark = "98\(UInt16.random(in: 10_000...60_000)).25"
    // One that holds the step's output, one that does not, one in a process group of its own.
    let outcome = try place.script(
      """
      sleep \(mark) &
      sleep \(mark) </dev/null >/dev/null 2>&1 &
      PERL_BADLANG=0 perl -e 'exit if fork; setpgrp; exec "sleep", "\(mark)"'
      echo started
      """)
    #expect(outcome.lines == ["started"])
    #expect(try Self.processes(with: mark).isEmpty)
  }

  @Test func `a step that takes too long is ended with all it started`() throws {
    let place = try Workplace()
    let mark = "97\(UInt16.random(in: 10_000...60_000)).25"
    let error = #expect(throws: BuildingError.self) {
      try place.script("sleep \(mark) & sleep \(mark)", seconds: 1)
    }
    guard case .stepTimedOut(let what, 1) = error else {
      Issue.record("another error: \(String(describing: error))")
      return
    }
    #expect(what == "run sleep \(mark) & sleep \(mark)")
    #expect(try Self.processes(with: mark).isEmpty)
  }

  @Test func `a failing script is told with command, status and the end of its output`() throws {
    let place = try Workplace()
    let script = "i=0\nwhile [ $i -lt 100 ]; do i=$((i + 1)); echo line $i; done\nls /absent\n"
    let error = #expect(throws: BuildingError.self) { try place.script(script) }
    guard case .stepFailed(let what, let status, let tail) = error else {
      Issue.record("another error: \(String(describing: error))")
      return
    }
    #expect(what == "run i=0 …")
    #expect(status == .exited(2))
    #expect(tail.hasPrefix("line 82\n") && tail.contains("line 100\n"))
    #expect(tail.hasSuffix("ls: cannot access '/absent': No such file or directory"))
    let message = error?.message ?? ""
    #expect(message.hasPrefix("\"run i=0 …\" ended with status 2\n  line 82\n"))
  }

  @Test(arguments: [
    ("false\necho on\n", "ended with status 1"), ("echo $unset\n", "ended with status 2"),
    ("exit 77\n", "ended with status 77"), ("kill -9 $$\n", "was ended by signal 9"),
  ])
  func `a script ends at its first mistake`(script: String, says: String) throws {
    let place = try Workplace()
    let error = #expect(throws: BuildingError.self) { try place.script(script) }
    #expect(error?.message.contains(says) == true, "\(error?.message ?? "")")
  }

  /// Command lines of this machine's processes that begin so.
  static func processes(with mark: String) throws -> [String] {
    try Files.list("/proc").compactMap { name in
      guard Int(name) != nil,
        let bytes = try? Files.read("/proc/\(name)/cmdline", limit: 1 << 16)
      else { return nil }
      let line = String(decoding: bytes.map { $0 == 0 ? 0x20 : $0 }, as: UTF8.self)
      return line.hasPrefix("sleep \(mark)") ? line : nil
    }
  }
}
