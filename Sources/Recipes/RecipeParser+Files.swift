internal import Vocabulary

/// `copy` and `fetch`: steps that bring files to a place.
extension RecipeParser {
  static func readCopy(_ step: TableReader) -> CopyRequest? {
    guard let copy = step.reader("copy", "in \"copy\"") else { return nil }
    copy.allow(["from", "to", "mode"])
    for key in ["from", "to"] where copy.table[key] == nil { copy.missing(key) }
    let source = copy.parsed(
      "from", "a path below the recipe's directory, relative and without \"..\""
    ) { text -> String? in
      guard !text.hasPrefix("/"), let path = GuestPath(text), !path.isRoot,
        Names.isPrintable(text)
      else { return nil }
      return String(path.description.dropFirst())
    }
    let target = readPlace("to", copy)
    let mode = readMode(copy)
    guard let source, let target else { return nil }
    return CopyRequest(source: source, target: target, mode: mode)
  }

  static func readFetch(_ step: TableReader) -> FetchRequest? {
    guard let fetch = step.reader("fetch", "in \"fetch\"") else { return nil }
    fetch.allow(["url", "sha256", "to", "unpack", "mode", "strip"])
    for key in ["url", "to"] where fetch.table[key] == nil { fetch.missing(key) }
    if fetch.table["sha256"] == nil {
      fetch.missing(
        "sha256", hint: "what lies at an address may change; look at the file, then `sha256sum` it")
    }
    let url = fetch.string("url")
    if let url, let node = fetch.table["url"], let refusal = FetchAddress.refusal(of: url) {
      fetch.refuse(node, "\"url\" \(refusal)")
    }
    let digest = fetch.parsed("sha256", "64 lower-case hex digits") { Digest(hex: $0) }
    let target = readPlace("to", fetch)
    let unpack = fetch.boolean("unpack") ?? false
    let mode = readMode(fetch)
    let strip = fetch.integer("strip", in: 0...32)
    // What says nothing to this step is a mistake, not a wish without effect.
    if unpack, let node = fetch.table["mode"] {
      fetch.mistakes.add(
        node.keyPlace, "\"mode\" says nothing to what is unpacked",
        hint: "files are 0755 if the archive has them executable and 0644 if not")
    }
    if !unpack, let node = fetch.table["strip"] {
      fetch.mistakes.add(
        node.keyPlace, "\"strip\" says nothing to a file that is not unpacked",
        hint: "set `unpack = true`")
    }
    guard let url, let digest, let target else { return nil }
    return FetchRequest(
      url: url, digest: digest, target: target, unpack: unpack, mode: mode, strip: Int(strip ?? 0))
  }

  /// An absolute place in the image that a VM does not mount something over.
  static func readPlace(_ key: String, _ table: TableReader) -> GuestPath? {
    let place = table.parsed(key, "an absolute path without \"..\" and without a slash at its end")
    {
      text -> GuestPath? in
      guard text.hasPrefix("/"), !text.hasSuffix("/"), let path = GuestPath(text) else {
        return nil
      }
      return path
    }
    if let place, let node = table.table[key], let above = firstVolatile(place) {
      table.refuse(node, "\"\(key)\" lies below \"\(above)\", which is no part of an image")
    }
    return place
  }

  private static func readMode(_ table: TableReader) -> UInt32? {
    table.parsed("mode", "three or four octal digits, such as \"0644\"") { text -> UInt32? in
      guard 3...4 ~= text.utf8.count, text.utf8.allSatisfy({ 0x30...0x37 ~= $0 }) else {
        return nil
      }
      return UInt32(text, radix: 8)
    }
  }

  /// What a VM mounts over; a file brought there could never be seen.
  private static func firstVolatile(_ path: GuestPath) -> String? {
    ["/dev", "/proc", "/sys", "/run", "/tmp"].first { name in
      GuestPath(name).map(path.isWithin) ?? false
    }
  }
}
