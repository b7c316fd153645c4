internal import Host
internal import Vocabulary

/// A web server for a test, on the loopback of this machine and nowhere else: the files of a
/// directory, and some habits that servers have. It dies with the test.
package final class LoopbackServer {
  package let directory: String
  package let port: Int
  private let work: String
  private let process: RunningProcess

  /// - Parameter port: any free one if it is 0.
  package init(serving directory: String, port: Int = 0) throws {
    self.directory = directory
    work = "/tmp/hutch-server-\(Hex.encode(Randomness.bytes(6)))"
    try Files.makeDirectories(work)
    try Files.write(work + "/server.pl", Array(Self.script.utf8))
    let errors = try OwnedDescriptor.open(work + "/errors", .createTruncated(mode: 0o600))
    process = try RunningProcess.start(
      Command("perl", [work + "/server.pl", directory, work, "\(port)"]),
      descriptors: [-1, -1, errors.raw])
    var found: Int?
    for _ in 0..<500 where found == nil {
      Clock.pause(milliseconds: 20)
      found = (try? Files.read(work + "/port", limit: 64)).flatMap {
        Int(String(decoding: $0, as: UTF8.self))
      }
    }
    guard let found else { throw HostError.timedOut(command: "perl server.pl", seconds: 10) }
    self.port = found
  }

  deinit {
    process.terminate(graceMilliseconds: 0)
    try? Files.removeTree(work)
  }

  package func url(_ path: String) -> String { "http://127.0.0.1:\(port)/\(path)" }

  /// Paths that were asked for, with the range if there was one: `/a 3-`.
  package var requests: [String] {
    let bytes = (try? Files.read(work + "/requests", limit: 16 << 20)) ?? []
    return String(decoding: bytes, as: UTF8.self).split(separator: "\n").map(String.init)
  }

  /// A file `NAME.type` says which media type the file `NAME` has.
  ///
  /// The first part of a path may be a habit: `cut` ends the first answer in the middle, `whole`
  /// does so too and knows no ranges, `busy` answers 503 at first, `endless` never ends,
  /// `elsewhere` sends on to the same path without it, `private` wants the token `let-me-in`.
  private static let script = #"""
    use strict; use IO::Socket::INET; use Socket qw(MSG_PEEK);
    my ($root, $work, $port) = @ARGV;
    $SIG{PIPE} = "IGNORE"; $SIG{CHLD} = "IGNORE";
    my $server = IO::Socket::INET->new(LocalAddr => "127.0.0.1", LocalPort => $port,
      Listen => 64, ReuseAddr => 1) or die "listen: $!";
    open(my $out, ">", "$work/port.new"); print $out $server->sockport; close $out;
    rename "$work/port.new", "$work/port";
    my %seen;
    while (my $client = $server->accept) {
      # Who begins with TLS (RFC 8446, section 5.1) would wait long for an answer.
      $client->recv(my $byte, 1, MSG_PEEK); next if ($byte // "") eq "\x16";
      my $first = <$client> // ""; my ($path) = $first =~ m{^(?:GET|HEAD) (\S+)};
      my $range = 0; my $ranged = ""; my $token = "";
      while (defined(my $line = <$client>)) {
        last if $line =~ /^\r?\n$/;
        if ($line =~ /^range: bytes=(\d+)-/i) { $range = $1; $ranged = " $1-"; }
        $token = $1 if $line =~ /^authorization: Bearer (\S+)/i;
      }
      next unless defined $path;
      open(my $log, ">>", "$work/requests"); print $log "$path$ranged\n"; close $log;
      my $again = $seen{$path}++;
      $path =~ s/\?.*//; $path =~ s/%([0-9A-Fa-f]{2})/chr hex $1/ge;
      my $habit = ""; $habit = $1 if $path =~ s{^/(cut|whole|busy|endless|elsewhere|private)/}{/};
      if (fork) { close $client; next; }
      if ($habit eq "elsewhere") {
        print $client "HTTP/1.1 302 Found\r\nLocation: $path\r\nContent-Length: 0\r\n"
          . "Connection: close\r\n\r\n"; exit;
      }
      if ($habit eq "busy" && !$again) {
        print $client "HTTP/1.1 503 Busy\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"; exit;
      }
      if ($habit eq "private" && $token ne "let-me-in") {
        print $client "HTTP/1.1 401 Who\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"; exit;
      }
      if ($habit eq "endless") {
        print $client "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n";
        print $client "x" x 65536 or exit for 1 .. 100000; exit;
      }
      my $file = "$root$path"; $file .= "index.html" if -d $file && $path =~ m{/$};
      $file .= "/index.json" if -f "$file/index.json";
      if ($path =~ m{\.\.} || -d $file || !open(my $in, "<:raw", $file)) {
        print $client "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
        exit;
      } else {
        local $/; my $data = <$in>; $data //= ""; my $all = length $data;
        my $head = "HTTP/1.1 200 OK\r\n";
        if ($ranged && $habit ne "whole") {
          if ($range >= $all) {
            print $client "HTTP/1.1 416 Range\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
            exit;
          }
          $head = "HTTP/1.1 206 Partial\r\nContent-Range: bytes $range-" . ($all - 1) . "/$all\r\n";
          $data = substr($data, $range);
        }
        my $type = $file =~ /\.html$/ ? "text/html" : $file =~ /\.json$/ ? "application/json"
          : "application/octet-stream";
        if (open(my $said, "<", "$file.type")) { $type = <$said>; $type =~ s/\s+$//; }
        $head .= "Content-Type: $type\r\nContent-Length: " . length($data)
          . "\r\nConnection: close\r\n\r\n";
        $data = substr($data, 0, length($data) / 2)
          if ($habit eq "cut" || $habit eq "whole") && !$again;
        print $client $head, $data; exit;
      }
    }
    """#
}
