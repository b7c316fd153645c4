import Glibc
import Host
import Testing
import Vocabulary

/// The executable as a person or a script meets it.
@Suite struct StatusTests {
  private struct Run {
    var status: Int32
    var output: String
    var error: String
  }

  /// A store and a home of the test's own, and nothing in them.
  private final class Place {
    let path: String
    init() throws {
      path = "/tmp/hutch-test-\(Hex.encode(Randomness.bytes(8)))"
      try Files.makeDirectories(path + "/home")
    }
    deinit { try? Files.removeTree(path) }

    func hutch(_ arguments: [String]) throws -> Run {
      // It stands beside the program that runs the tests.
      let executable = Files.parent(of: HostEnvironment.current.executable) + "/hutch"
      var environment = Command.plainEnvironment
      environment["HOME"] = path + "/home"
      environment["HUTCH_STORE"] = path + "/store"
      environment["HUTCH_RECIPES"] = path + "/recipes"
      let result = try Processes.run(
        Command(executable, arguments, environment: environment, workingDirectory: path),
        milliseconds: 60_000)
      return Run(
        status: result.status.shellStatus, output: result.text, error: result.errorTail)
    }
  }

  @Test(arguments: [
    ["frobnicate"], ["build"], ["images", "--frobnicate"], ["images", "--format", "yaml"],
    ["images", "extra"], ["clone"], ["clone", "base", "--count", "0"],
    ["clone", "base", "--count", "100001"], ["clone", "base", "--cpus", "0"],
    ["clone", "base", "--memory", "lots"], ["clone", "base", "--disk", "1G"],
    ["sync", "vm", "--apply", "--discard"], ["run"],
    ["run", "base", "--apply", "--discard", "--", "true"],
    ["run", "base", "--timeout", "0", "--", "true"], ["stop"], ["rm"], ["tag", "base"],
    ["gc", "--keep", "0"], ["gc", "--budget", "lots"], ["gc", "--older-than", "30"], ["why"],
    ["pin", "layer", "base", "more"], ["unpin"],
  ])
  func `a mistake in the command line is status 2, and told on standard error`(
    _ arguments: [String]
  ) throws {
    let place = try Place()
    let run = try place.hutch(arguments)
    #expect(run.status == 2)
    #expect(run.output.isEmpty)
    #expect(run.error.contains("Usage:") || run.error.contains("Error:"))
    #expect(!Files.exists(place.path + "/store"), "a mistake makes no store")
  }

  @Test(arguments: [["--help"], ["help", "run"], ["run", "--help"], ["--version"], []])
  func `help and the version are results`(_ arguments: [String]) throws {
    let place = try Place()
    let run = try place.hutch(arguments)
    #expect(run.status == 0)
    #expect(!run.output.isEmpty)
    #expect(run.error.isEmpty)
    #expect(!Files.exists(place.path + "/store"))
  }

  @Test func `what is not there is status 3, with a hint`() throws {
    let place = try Place()
    for arguments in [
      ["build", "nothing"], ["clone", "nothing"], ["tag", "nothing", "x"], ["untag", "nothing"],
      ["layers", "nothing"], ["why", "nothing"], ["pin", "nothing"], ["unpin", "layer", "nothing"],
    ] {
      let run = try place.hutch(arguments)
      #expect(run.status == 3, "\(arguments): \(run.error)")
      #expect(run.error.hasPrefix("hutch: "))
      #expect(run.output.isEmpty)
    }
  }

  @Test func `a recipe with mistakes is status 5, and every mistake has its place`() throws {
    let place = try Place()
    let recipe = "format = 1\nfrom = \"debian:trixie\"\nsumary = \"x\"\nmachine = 3\n"
    try Files.write(place.path + "/bad.toml", Array(recipe.utf8), durable: false)
    let run = try place.hutch(["build", "./bad.toml"])
    #expect(run.status == 5)
    #expect(run.error.contains("bad.toml:3:1"))
    #expect(run.error.contains("bad.toml:4:"))
  }

  @Test func `an error in JSON is an object on standard output`() throws {
    let place = try Place()
    for form in [["--format", "json"], ["--format=json"]] {
      let run = try place.hutch(["layers", "nothing"] + form)
      #expect(run.status == 3)
      #expect(run.error.isEmpty)
      let json = try JSON(parsing: Array(run.output.utf8))
      #expect(json["hutch"] == .integer(1))
      #expect(json["kind"] == .string("error"))
      #expect(json["code"] == .string("not-found"))
      #expect(json["message"]?.string?.contains("nothing") == true)
      for key in ["hint", "path"] { #expect(json[key] != nil) }
    }
  }

  @Test func `empty listings are words for people and empty arrays for programs`() throws {
    let place = try Place()
    for (verb, kind) in [("images", "images"), ("layers", "layers"), ("vms", "vms"), ("gc", "gc")] {
      let table = try place.hutch([verb])
      #expect(table.status == 0)
      #expect(table.output.hasPrefix("no"), "\(table.output)")
      let json = try JSON(parsing: Array(place.hutch([verb, "--format", "json"]).output.utf8))
      #expect(json["hutch"] == .integer(1))
      #expect(json["kind"] == .string(kind))
      #expect(json["items"] == .array([]))
    }
  }

  @Test func `run and exec say 125 where Hutch itself fails`() throws {
    let place = try Place()
    let run = try place.hutch(["run", "nothing", "--", "true"])
    #expect(run.status == 125)
    #expect(run.error.hasPrefix("hutch: "))
  }

  @Test func `a store of a newer Hutch is status 10, and stays as it is`() throws {
    let place = try Place()
    _ = try place.hutch(["images"])
    let catalog = place.path + "/store/catalog.sqlite"
    for file in try Files.list(place.path + "/store") where file.hasPrefix("catalog.sqlite-") {
      try Files.remove("\(place.path)/store/\(file)")
    }
    var bytes = try Files.read(catalog, limit: 64 << 20)
    // The user version: big-endian, at offset 60 (SQLite file format, 1.3).
    bytes.replaceSubrange(60..<64, with: [0, 0, 0, 99])
    try Files.write(catalog, bytes, durable: false)
    let run = try place.hutch(["images"])
    #expect(run.status == 10, "\(run.error)")
    #expect(try Files.read(catalog, limit: 64 << 20) == bytes)
  }
}
