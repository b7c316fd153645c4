internal import Archives
internal import Vocabulary

/// The kernel proper out of a `vmlinuz` (`Documentation/arch/x86/boot.rst`, "The Real-Mode Kernel
/// Header"). QEMU boots it through its PVH entry without unpacking anything in the guest.
enum KernelImage {
  /// What the largest distribution kernels stay well below.
  private static let limit = ByteCount.mebibytes(512)

  private enum Magic {
    static let gzip: [UInt8] = [0x1F, 0x8B]
    static let zstd: [UInt8] = [0x28, 0xB5, 0x2F, 0xFD]
    static let xz: [UInt8] = [0xFD, 0x37, 0x7A, 0x58, 0x5A, 0]
    /// The legacy frame, which is what the kernel's build makes (`lz4 -l`).
    static let lz4: [UInt8] = [0x02, 0x21, 0x4C, 0x18]
  }

  static func unpack(_ image: [UInt8], path: String) throws -> [UInt8] {
    func refuse(_ reason: String) -> LaunchError { .kernelPackage(path: path, reason: reason) }
    func word(_ offset: Int) -> Int {
      (0..<4).reduce(0) { $0 | Int(image[offset + $1]) << (8 * $1) }
    }
    guard image.count > 0x260, image[0x1FE] == 0x55, image[0x1FF] == 0xAA,
      image[0x202..<0x206].elementsEqual("HdrS".utf8)
    else { throw refuse("its vmlinuz has no boot header") }
    let version = Int(image[0x206]) | Int(image[0x207]) << 8
    guard version >= 0x0208 else { throw refuse("its boot protocol is older than 2.08") }
    // A boot loader reads 0 as 4.
    let setupSectors = image[0x1F1] == 0 ? 4 : Int(image[0x1F1])
    let start = (setupSectors + 1) * 512 + word(0x248)
    let length = word(0x24C)
    guard length > 8, start <= image.count - length else {
      throw refuse("its vmlinuz is shorter than its header says")
    }
    let payload = image[start..<(start + length)]
    let compressed: ArraySlice<UInt8>
    if payload.starts(with: Magic.gzip) {
      compressed = payload
    } else if [Magic.zstd, Magic.xz, Magic.lz4].contains(where: payload.starts) {
      // The build appends the unpacked size, as gzip does by itself (scripts/Makefile.lib).
      compressed = payload.dropLast(4)
    } else {
      throw refuse("its kernel is compressed in a way that is not zstd, xz, lz4 or gzip")
    }
    let kernel = try ForeignArchive.decompress(
      [UInt8](compressed), named: "\(path): vmlinuz", limit: limit)
    guard kernel.count == word(start + length - 4) else {
      throw refuse("its kernel unpacks to another size than it says")
    }
    guard ELFFile(kernel) != nil else { throw refuse("its kernel is no ELF file for x86-64") }
    return kernel
  }
}
