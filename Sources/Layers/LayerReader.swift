package import Vocabulary

/// One layer in a store: its blob and its table of contents.
package final class LayerReader {
  package let table: TableOfContents
  private let frames: FrameReader

  package init(blob: String, table: TableOfContents) throws(LayersError) {
    self.table = table
    frames = try FrameReader(blob)
  }

  /// The contents of one file, got without decoding the rest and checked against its digest.
  /// Hard links are followed; symbolic ones are not. `nil` if the layer has no such file.
  package func file(_ path: GuestPath, limit: Int) throws(LayersError) -> [UInt8]? {
    guard var item = table.item(at: path) else { return nil }
    if case .hardLink(let target) = item.entry.kind, let file = table.item(at: target) {
      item = file
    }
    guard case .file(let size) = item.entry.kind, let digest = item.digest else { return nil }
    guard size <= Int64(limit) else {
      throw .tooLarge(what: "\"\(path)\"", limit: Int64(limit))
    }
    let bytes = try frames.read(at: item.start, count: Int(size))
    let found = Digest.of(bytes)
    if found != digest {
      throw .digestDiffers(what: "\"\(path)\" in a layer", expected: digest, found: found)
    }
    return bytes
  }
}
