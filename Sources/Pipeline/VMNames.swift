internal import Host

/// Names of VMs: what people type, what becomes a host name and a folder.
package enum VMNames {
  /// `[a-z0-9][a-z0-9-]{0,62}` (RFC 1123, section 2.1: one label of a host name).
  package static func isValid(_ name: String) -> Bool {
    let bytes = Array(name.utf8)
    guard (1...63).contains(bytes.count), bytes[0] != UInt8(ascii: "-") else { return false }
    return bytes.allSatisfy {
      (UInt8(ascii: "a")...UInt8(ascii: "z")).contains($0)
        || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) || $0 == UInt8(ascii: "-")
    }
  }

  /// `python-brave-otter`: the image, so that a list of VMs reads well, and two words that are
  /// easy to say.
  package static func random(
    image: String, bytes: [UInt8] = Randomness.bytes(4)
  ) -> String {
    let stem = String(image.prefix(while: { $0 != ":" }).prefix(40))
    let manner = manners[(Int(bytes[0]) << 8 | Int(bytes[1])) % manners.count]
    let animal = animals[(Int(bytes[2]) << 8 | Int(bytes[3])) % animals.count]
    return "\(stem)-\(manner)-\(animal)"
  }

  private static let manners = [
    "able", "agile", "alert", "ample", "bold", "brave", "breezy", "bright", "brisk", "calm",
    "candid", "cheery", "civil", "clever", "cosy", "crisp", "curious", "daring", "deft", "eager",
    "early", "fair", "famous", "fast", "fine", "fleet", "fond", "frank", "free", "fresh",
    "gentle", "glad", "golden", "good", "grand", "happy", "hardy", "honest", "humble", "jolly",
    "keen", "kind", "lively", "loyal", "lucky", "mellow", "merry", "mighty", "modest", "neat",
    "nimble", "noble", "patient", "placid", "plucky", "polite", "proud", "quick", "quiet", "rapid",
    "ready", "robust", "rosy", "rustic", "serene", "sharp", "shiny", "silent", "smart", "snug",
    "sober", "solid", "spry", "steady", "still", "sunny", "swift", "tidy", "timely", "trusty",
    "vivid", "warm", "wary", "wise", "witty", "young", "zesty",
  ]

  private static let animals = [
    "adder", "alpaca", "badger", "beaver", "bison", "bittern", "buzzard", "camel", "carp", "cat",
    "cicada", "civet", "cod", "coot", "crab", "crane", "cricket", "crow", "curlew", "deer",
    "dingo", "dove", "duck", "eagle", "eel", "egret", "elk", "falcon", "ferret", "finch",
    "fox", "frog", "gecko", "gibbon", "goose", "gull", "hare", "hawk", "hedgehog", "heron",
    "hornet", "ibis", "impala", "jackal", "jay", "kestrel", "kite", "kiwi", "koala", "lark",
    "lemur", "lizard", "llama", "lynx", "magpie", "marmot", "marten", "mole", "moose", "moth",
    "mouse", "newt", "ocelot", "osprey", "otter", "owl", "panda", "pelican", "pigeon", "pike",
    "plover", "puffin", "quail", "rabbit", "raven", "robin", "rook", "salmon", "seal", "shrew",
    "snail", "sparrow", "squid", "stoat", "stork", "swan", "tapir", "tern", "thrush", "toad",
    "trout", "vole", "walrus", "weasel", "whale", "wolf", "wombat", "wren", "yak", "zebra",
  ]
}
