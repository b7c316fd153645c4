/// A chain of disk files, read as a VM would see it: qcow2 overlays over a raw file.
///
/// Nothing that a file says is believed without a look at the file's size, and which file lies
/// below which is what the caller says: a header that names another one is refused.
package final class DiskReader: BlockSource {
  /// A chain of a store has 16 files at most, and an overlay on top.
  package static let mostFiles = 64

  package let size: Int64
  package let name: String
  /// The topmost first.
  private let overlays: [QCOW2File]
  private let bottom: ChainFile
  private let bottomSize: Int64

  /// - Parameter files: the topmost first; the last one is raw, all others are qcow2.
  package init(_ files: [ChainFile]) throws(DisksError) {
    guard let top = files.first, let bottom = files.last else {
      throw .unusableChain(path: "", reason: .empty)
    }
    guard files.count <= Self.mostFiles else {
      throw .unusableChain(path: top.path, reason: .tooLong(files.count))
    }
    guard bottom.format == .raw else {
      throw .unusableChain(path: bottom.path, reason: .noRawFile)
    }
    var overlays: [QCOW2File] = []
    for (file, below) in zip(files, files.dropFirst()) {
      guard file.format == .qcow2 else {
        throw .unusableChain(path: file.path, reason: .rawAbove)
      }
      overlays.append(try QCOW2File(file, on: below))
    }
    self.overlays = overlays
    self.bottom = bottom
    bottomSize = try bottom.size()
    name = top.path
    size = overlays.first?.size ?? bottomSize
  }

  package func read(at offset: Int64, count: Int) throws(DisksError) -> [UInt8] {
    try require(offset, count)
    var bytes = [UInt8](repeating: 0, count: count)
    try fill(&bytes, 0..<count, at: offset, depth: 0)
    return bytes
  }

  /// - Parameters:
  ///   - range: of `bytes`, which are zero there.
  ///   - depth: how many files lie above; none reads below itself more often than there are files.
  private func fill(
    _ bytes: inout [UInt8], _ range: Range<Int>, at offset: Int64, depth: Int
  ) throws(DisksError) {
    guard depth < overlays.count else {
      let count = Int(min(Int64(range.count), max(0, bottomSize - offset)))
      if count == 0 { return }
      let found = try bottom.read(at: offset, count: count)
      bytes.replaceSubrange(range.lowerBound..<range.lowerBound + count, with: found)
      return
    }
    let overlay = overlays[depth]
    var done = 0
    while done < range.count, offset + Int64(done) < overlay.size {
      let here = offset + Int64(done)
      let left = Int(min(Int64(range.count - done), overlay.size - here))
      let piece = try overlay.piece(at: here, count: left)
      let place = range.lowerBound + done..<range.lowerBound + done + piece.count
      switch piece.kind {
      case .zeroes: break
      case .data(let start):
        bytes.replaceSubrange(
          place, with: try overlay.file.read(at: start, count: piece.count))
      case .below: try fill(&bytes, place, at: here, depth: depth + 1)
      }
      done += piece.count
    }
  }
}

/// Why files are not read as one disk.
package enum ChainRefusal: Error, Sendable, Hashable, CustomStringConvertible {
  case empty
  case tooLong(Int)
  case noRawFile
  case rawAbove

  package var description: String {
    switch self {
    case .empty: "there is no file"
    case .tooLong(let count): "\(count) files are more than \(DiskReader.mostFiles)"
    case .noRawFile: "the lowest file is not raw"
    case .rawAbove: "a raw file lies above another"
    }
  }
}
