internal import Host
internal import Layers
package import Vocabulary

/// A layer's compressed blob, as the store has it.
package struct LayerBlob: Sendable, Hashable {
  package var path: String
  /// Of the compressed bytes.
  package var digest: Digest

  package init(path: String, digest: Digest) {
    self.path = path
    self.digest = digest
  }
}

/// Files' contents, out of a compressed layer and to their places on the disk: frame by frame on
/// all cores, nothing unpacked in between. The blob is compared with its digest meanwhile.
struct LayerCopying: Sendable {
  /// Bytes that follow each other both in the tar and on the disk.
  struct Piece: Sendable {
    var tarStart: Int64
    var count: Int64
    var disk: Int64
  }

  let blob: LayerBlob
  /// In the order of the tar.
  let pieces: [Piece]

  /// What of the layer number `layer` is still in the file system.
  init(_ layout: DiskLayout, layer: Int, blob: LayerBlob) {
    self.blob = blob
    var pieces: [Piece] = []
    for source in layout.sources[layer] {
      let inode = layout.inodes[Int(source.inode)]
      guard case .file = inode.content else { continue }
      var tarStart = source.tarStart
      var left = inode.size
      for run in Geometry.runs(from: inode.start, count: inode.count) {
        let count = min(left, Int64(run.count) * 4096)
        pieces.append(Piece(tarStart: tarStart, count: count, disk: Int64(run.start) * 4096))
        tarStart += count
        left -= count
      }
    }
    self.pieces = pieces
  }

  func run(to output: DiskOutput) throws {
    let frames = try FrameReader(blob.path).table.frames
    // The digest is one more piece of work beside the frames, and the longest: it begins first.
    try Parallel.forEach(frames.count + 1) { index in
      if index == 0 { return try verify() }
      try copy(frames[index - 1], index - 1, to: output)
    }
  }

  private func verify() throws {
    let file = try OwnedDescriptor.open(blob.path, .read)
    var stream = DigestStream()
    while true {
      try Interrupt.check()
      let bytes = try file.read(upTo: 1 << 20)
      if bytes.isEmpty { break }
      stream.update(bytes)
    }
    let found = stream.finish()
    if found != blob.digest {
      throw LayersError.digestDiffers(
        what: "\"\(blob.path)\"", expected: blob.digest, found: found)
    }
  }

  private func copy(
    _ frame: SeekTable.Frame, _ index: Int, to output: DiskOutput
  ) throws {
    try Interrupt.check()
    let end = frame.start + Int64(frame.plain)
    var position = firstPiece(endingAfter: frame.start)
    guard position < pieces.count, pieces[position].tarStart < end else { return }
    let bytes = try FrameReader(blob.path).frame(index)
    // What follows each other on the disk is written at once.
    var buffer: [UInt8] = []
    buffer.reserveCapacity(bytes.count + bytes.count / 4)
    var bufferStart: Int64 = 0
    while position < pieces.count, pieces[position].tarStart < end {
      let piece = pieces[position]
      let from = max(piece.tarStart, frame.start)
      let to = min(piece.tarStart + piece.count, end)
      let disk = piece.disk + (from - piece.tarStart)
      let gap = disk - (bufferStart + Int64(buffer.count))
      if !buffer.isEmpty, gap >= 0, gap < 4096 {
        buffer += repeatElement(0, count: Int(gap))
      } else {
        try output.write(buffer[...], at: bufferStart)
        buffer.removeAll(keepingCapacity: true)
        bufferStart = disk
      }
      buffer += bytes[Int(from - frame.start)..<Int(to - frame.start)]
      position += 1
    }
    try output.write(buffer[...], at: bufferStart)
  }

  private func firstPiece(endingAfter offset: Int64) -> Int {
    var low = 0
    var high = pieces.count
    while low < high {
      let middle = (low + high) / 2
      if pieces[middle].tarStart + pieces[middle].count <= offset {
        low = middle + 1
      } else {
        high = middle
      }
    }
    return low
  }
}
