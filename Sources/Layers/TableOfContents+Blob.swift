internal import Host
package import Vocabulary

extension TableOfContents {
  /// The table of a layer that is there, worked out from its blob, whose tar is checked against the
  /// layer's digest on the way.
  package init(ofBlob path: String, layer: DiffID) throws {
    self.init()
    let frames = try FrameReader(path)
    var whole = DigestStream()
    var index = 0
    var reader = TarReader {
      guard index < frames.table.frames.count else { return [] }
      try Interrupt.check()
      let bytes = try frames.frame(index)
      index += 1
      whole.update(bytes)
      return bytes
    }
    // The tar is canonical, so what came before an entry is known from the entries before it.
    var offset: Int64 = 0
    while let entry = try reader.entry() {
      offset += Int64(CanonicalTar.header(for: entry).count)
      guard case .file(let size) = entry.kind else {
        add(entry, start: offset, digest: nil)
        continue
      }
      var digest = DigestStream()
      var left = size
      while left > 0 {
        let part = try reader.data(upTo: Int(min(left, 1 << 20)))
        digest.update(part)
        left -= Int64(part.count)
      }
      try reader.skipPadding(after: size)
      add(entry, start: offset, digest: digest.finish())
      offset += size + Int64(CanonicalTar.padding(after: size))
    }
    let found = whole.finish()
    guard found == layer.digest else {
      throw LayersError.digestDiffers(what: "\"\(path)\"", expected: layer.digest, found: found)
    }
  }
}
