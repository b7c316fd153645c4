import Testing
import Vocabulary

@testable import Recipes

struct OCIReferenceTests {
  private static let digest = Digest.of("manifest")

  @Test(arguments: [
    ("./layout", OCIReference(.layout(path: "./layout"))),
    ("../a b:1/layout:v1.2", OCIReference(.layout(path: "../a b:1/layout"), tag: "v1.2")),
    ("/srv/layout:x@\(digest)", .init(.layout(path: "/srv/layout"), tag: "x", digest: digest)),
    (
      "registry.example/name:tag",
      OCIReference(.registry(repository: "registry.example/name"), tag: "tag")
    ),
    (
      "localhost:5000/a/b_c/d-e",
      OCIReference(.registry(repository: "localhost:5000/a/b_c/d-e"))
    ),
    (
      "registry.example:5000/name:tag@\(digest)",
      .init(.registry(repository: "registry.example:5000/name"), tag: "tag", digest: digest)
    ),
  ])
  func `what begins like a path is a layout, all else is in a registry`(
    text: String, reference: OCIReference
  ) throws {
    #expect(try OCIReference(parsing: text) == reference)
    #expect(reference.description == text)
  }

  @Test(arguments: [
    ("", "names no image"),
    ("debian:trixie", "does not begin with the host of a registry"),
    ("name", "does not begin with the host of a registry"),
    ("library/name", "does not begin with the host of a registry"),
    ("-x.example/name", "does not begin with the host of a registry"),
    ("registry.example:99999/name", "does not begin with the host of a registry"),
    ("user@registry.example/name", "has something else after \"@\""),
    ("registry.example/name@sha256:00", "has something else after \"@\""),
    ("registry.example/Name", "has a name that no image in a registry has"),
    ("registry.example/../name", "has a name that no image in a registry has"),
    ("registry.example/name:", "has the tag \"\", which is none"),
    ("./layout:a b", "has the tag \"a b\", which is none"),
    ("./lay\nout", "is too long or has control characters"),
  ])
  func `should fail: a reference that means nothing`(text: String, reason: String) {
    let error = #expect(throws: OCIReference.Refusal.self) { try OCIReference(parsing: text) }
    #expect(error?.reason.hasPrefix(reason) == true, "\(String(describing: error))")
  }

  @Test func `a layout lies beside its recipe, and a registry anywhere`() throws {
    let layout = try OCIReference(parsing: "./place:tag")
    #expect(layout.beside("/home/me").description == "/home/me/place:tag")
    #expect(layout.beside(".") == layout)
    let fixed = try OCIReference(parsing: "/srv/place")
    #expect(fixed.beside("/home/me") == fixed)
    let far = try OCIReference(parsing: "registry.example/name")
    #expect(far.beside("/home/me") == far)
  }

  @Test func `a lock knows a reference by its digest, or that of its text, and never by its host`()
    throws
  {
    let pinned = try OCIReference(parsing: "registry.example/name:tag@\(Self.digest)")
    let elsewhere = try OCIReference(parsing: "mirror.example/name@\(Self.digest)")
    #expect(pinned.identity == elsewhere.identity)
    let tagged = try OCIReference(parsing: "registry.example/name:tag")
    let other = try OCIReference(parsing: "registry.example/name:new")
    #expect(tagged.identity != other.identity)
  }

  // MARK: In a recipe and in a lock

  static func chain(_ from: String = "oci:registry.example/name:tag") throws -> RecipeChain {
    try RecipeChainTests.chain([
      ("base", "format = 1\nfrom = \"\(from)\"\n[env]\nA = \"recipe\"\n[[step]]\napt = [\"git\"]\n")
    ])
  }

  static func lock(_ chain: RecipeChain) -> Lock {
    func file(_ name: String, _ type: String, diff: Digest? = nil) -> LockedFile {
      LockedFile(
        name: name, size: ByteCount(7), digest: Digest.of(name),
        blob: LockedBlob(mediaType: type, diff: diff))
    }
    return Lock(
      architecture: .amd64, recipes: LockedRecipe.all(of: chain), archives: [],
      steps: chain.steps.compactMap { step in
        guard let ask = StepAsk(step.action) else { return nil }
        if ask.takesPackages {
          return LockedStep(
            id: step.id, ask: ask, date: SourceDate(9), packages: [LockTests.package("git")])
        }
        return LockedStep(
          id: step.id, ask: ask, date: SourceDate(8),
          files: [
            file("manifest", "application/x.manifest"), file("config", "application/x.config"),
            file("layer-001", "application/x.tar+gzip", diff: Digest.of("one")),
            file("layer-002", "application/x.tar", diff: Digest.of("two")),
          ], environment: ["PATH": "/opt/bin:/bin", "A": "base=\\\"x"])
      })
  }

  @Test func `a chain that begins with an image has its environment below the recipes'`() throws {
    let chain = try Self.chain()
    #expect(chain.suite == nil)
    #expect(chain.steps.map(\.action.kind) == ["oci", "apt"])
    #expect(chain.steps[0].action.summary == "oci:registry.example/name:tag")
    #expect(chain.environment == ["A": "recipe"])
    let based = chain.based(on: Self.lock(chain))
    #expect(based.environment == ["A": "recipe", "PATH": "/opt/bin:/bin"])
  }

  @Test func `a locked image is read back as it was written, and names no host but in its recipe`()
    throws
  {
    let lock = Self.lock(try Self.chain())
    let text = lock.render()
    let read = try Lock.parse(text, path: "x.lock")
    #expect(read == lock)
    #expect(read.render() == text)
    #expect(!text.contains("registry.example"))
    let blobs = try #require(ImageBlobs(read.steps[0].files))
    #expect(blobs.layers.map(\.blob?.diff) == [Digest.of("one"), Digest.of("two")])
  }

  @Test(arguments: [
    ("environment = [", "environ = [", "unknown key \"environ\""),
    ("\"PATH=/opt/bin:/bin\"", "\"PA TH=x\"", "is not a variable"),
    ("type = \"application/x.tar\", ", "", "missing key \"type\""),
    ("type = \"application/x.tar\", ", "type = \"tar\", ", "must be a media type"),
    ("diff = \"", "diff = \"0", "must be 64 lower-case hex digits"),
  ])
  func `should fail: a locked image that was changed by hand`(
    old: String, new: String, says: String
  ) throws {
    let text = Self.lock(try Self.chain()).render()
    #expect(text.contains(old))
    let error = #expect(throws: RecipeErrors.self) {
      try Lock.parse(text.replacing(old, with: new), path: "x.lock")
    }
    #expect(error?.description.contains(says) == true, "\(String(describing: error))")
  }

  @Test func `another tag in the recipe makes the entry stale, another text does not`() throws {
    let lock = Self.lock(try Self.chain())
    let other = LockCheck.states(
      of: try Self.chain("oci:registry.example/name:new"), lock: lock, architecture: .amd64)
    #expect(!other[0].isComplete && !other[1].isComplete)
    let same = LockCheck.states(of: try Self.chain(), lock: lock, architecture: .amd64)
    let isComplete = same.allSatisfy(\.isComplete)
    #expect(isComplete)
  }

  @Test func `blobs with a gap, without a manifest or without a layer are no image`() throws {
    let files = Self.lock(try Self.chain()).steps[0].files
    for missing in ["manifest", "config", "layer-001"] {
      #expect(ImageBlobs(files.filter { $0.name != missing }) == nil)
    }
    #expect(ImageBlobs(files.filter { !$0.name.hasPrefix("layer") }) == nil)
  }
}
