import Host
import TestSupport
import Testing
import Vocabulary

extension EndToEnd {
  /// The real ssh, over the channel of a VM that has no network.
  @Suite(.with("ssh", "ssh-keygen")) struct SecureShellTests {
    private let place = Place.current

    @Test func `ssh gets into a VM, copies files, and asks nothing`() throws {
      #expect(try place.hutch("start", "base", "--name", "shelled", "--cpus", "1").status == 0)
      let first = try place.hutch(
        "ssh", "shelled", "-v", "--", "id -un; hostname; cat", input: [0x78])
      #expect(first.text == "agent\nshelled\nx", "\(first.error)")
      #expect(try place.hutch("ssh", "shelled", "exit 9").status == 9)
      #expect(try place.hutch("ssh", "shelled", "-l", "root", "id -u").text == "0\n")

      // As whoever includes it in a configuration of their own.
      try place.write("config", try place.hutch("ssh-config").text)
      try place.write("tree/file", "there and back\n")
      let target = "hutch-shelled:/tmp/tree"
      try place.judge("scp", "-q", "-F", "config", "-r", "tree", target)
      try place.judge("scp", "-q", "-F", "config", "-r", target, "back")
      #expect(try place.read("back/file") == "there and back\n")
      #expect(
        try place.judge("ssh", "-F", "config", "hutch-shelled", "cat /tmp/tree/file")
          == "there and back\n")

      // Another key at the other end is not spoken to.
      let server = "\(place.store.path)/vms/shelled/ssh/server/host_key"
      let known = "\(place.store.path)/vms/shelled/ssh/known_hosts"
      let honest = try Files.read(known, limit: 4096)
      #expect(Files.status(server)?.mode == 0o600)
      try Files.remove(server)
      #expect(try place.hutch("exec", "shelled", "--", "true").status == 0)
      _ = try place.hutch("ssh-config", "shelled")
      try Files.write(known, honest, durable: false)
      let refused = try Processes.run(
        Command(
          "ssh", ["-F", "config", "hutch-shelled", "true"], workingDirectory: place.directory))
      #expect(refused.status.shellStatus == 255)
      #expect(refused.errorTail.contains("Host key verification failed"))
    }

    @Test func `ssh gets in at every moment of the boot`() throws {
      #expect(try place.hutch("start", "base", "--name", "early", "--cpus", "1").status == 0)
      var state = ""
      var logins = 0
      while !["running\n", "degraded\n"].contains(state), logins < 100 {
        logins += 1
        let asked = try place.hutch("ssh", "early", "systemctl is-system-running || true")
        try #require(asked.status == 0, "log-in \(logins): \(asked.error)")
        state = asked.text
      }
      #expect(logins > 1 && logins < 100)
    }

    @Test(.with("curl")) func `a server inside is reached on this machine's loopback alone`() throws
    {
      #expect(try place.hutch("start", "python", "--name", "served", "--cpus", "1").status == 0)
      let serve = """
        mkdir -p /tmp/www && cd /tmp/www && echo hello > index.html
        exec python3 -m http.server --bind 127.0.0.1 8000
        """
      let server = try place.start("exec", "served", "--", "sh", "-ec", serve)
      let forward = try place.start("forward", "served", "8000:47183")
      var page = ""
      for _ in 0..<100 where page.isEmpty {
        let asked = try Processes.run(Command("curl", ["-s", "http://127.0.0.1:47183/"]))
        page = asked.text
        if page.isEmpty { Clock.pause(milliseconds: 200) }
      }
      #expect(page == "hello\n")
      // proc_pid_net(5): addresses and ports in hexadecimal, 0A is a listening socket.
      let sockets = try place.judge("cat", "/proc/net/tcp", "/proc/net/tcp6").split(separator: "\n")
        .filter {
          $0.contains(":B84F 00000000:0000 0A")
        }
      #expect(sockets.count == 1 && sockets[0].contains("0100007F:B84F"))
      forward.process.terminate(graceMilliseconds: 1000)
      server.process.terminate(graceMilliseconds: 1000)
      #expect(try place.hutch("forward", "served", "0").status == 2)
      #expect(try place.hutch("forward", "nobody", "80").status == 3)
    }

    @Test func `an image without a server is named`() throws {
      let recipe = try place.recipe("serverless", steps: ["rm /usr/sbin/sshd"])
      _ = try place.build(recipe)
      #expect(try place.hutch("start", "serverless", "--name", "mute", "--cpus", "1").status == 0)
      let asked = try place.hutch("ssh", "mute", "true")
      #expect(asked.status == 255)
      #expect(asked.error.contains("the VM \"mute\" has no OpenSSH server\nhint: "))
      #expect(try place.hutch("stop", "mute").status == 0)
      #expect(try place.hutch("ssh", "mute").status == 4)
    }
  }
}
