/// What a tar stream says, in order.
package enum TarEvent: Sendable, Equatable {
  case entry(TarEntry)
  /// Content of the entry before; `size` bytes in all, never empty.
  case content(ArraySlice<UInt8>)
  /// Two zero blocks were read. Only zeroes may follow.
  case end
}

/// Reads a tar stream piece by piece. Holds at most one block and one extended header.
package struct TarDecoder: Sendable {
  private enum State {
    case header
    case extended(global: Bool)
    case content
    case padding
    case ended
  }

  private var state = State.header
  private var offset: UInt64 = 0
  /// Bytes of a header or of an extended header so far.
  private var buffer: [UInt8] = []
  /// Bytes of content or padding still to come, or of an extended header with its padding.
  private var missing: UInt64 = 0
  private var extendedSize = 0
  private var contentPadding = 0
  private var zeroBlocks = 0
  private var pax = Pax()
  private var failure: TarError?

  private struct Pax: Sendable {
    var path: [UInt8]?
    var target: [UInt8]?
    var size: UInt64?
    var time: (Int64, UInt32)?
    var isPresent = false
  }

  package init() {}

  /// Takes bytes off the front of `input` until there is an event; nil once `input` is empty.
  package mutating func next(from input: inout ArraySlice<UInt8>) throws(TarError) -> TarEvent? {
    if let failure { throw failure }
    do {
      while !input.isEmpty {
        if let event = try step(&input) { return event }
      }
      return nil
    } catch {
      failure = error
      throw error
    }
  }

  /// Call at the end of the input: throws if the stream was cut.
  package func finish() throws(TarError) {
    if let failure { throw failure }
    guard case .ended = state else { throw .truncated(offset: offset) }
  }

  private mutating func take(_ count: Int, _ input: inout ArraySlice<UInt8>) -> ArraySlice<UInt8> {
    let part = input.prefix(count)
    input = input.dropFirst(part.count)
    offset += UInt64(part.count)
    return part
  }

  private mutating func step(_ input: inout ArraySlice<UInt8>) throws(TarError) -> TarEvent? {
    switch state {
    case .header:
      buffer += take(TarRules.block - buffer.count, &input)
      guard buffer.count == TarRules.block else { return nil }
      defer { buffer.removeAll(keepingCapacity: true) }
      return try header()
    case .extended(let global):
      let part = take(Int(min(missing, UInt64(input.count))), &input)
      buffer += part
      missing -= UInt64(part.count)
      guard missing == 0 else { return nil }
      if !global { try readExtended() }
      buffer.removeAll(keepingCapacity: true)
      state = .header
      return nil
    case .content:
      let part = take(Int(min(missing, UInt64(input.count))), &input)
      missing -= UInt64(part.count)
      if missing == 0 { enterPadding() }
      return .content(part)
    case .padding:
      missing -= UInt64(take(Int(min(missing, UInt64(input.count))), &input).count)
      if missing == 0 { state = .header }
      return nil
    case .ended:
      let start = offset
      guard take(input.count, &input).allSatisfy({ $0 == 0 }) else {
        throw .trailingBytes(offset: start)
      }
      return nil
    }
  }

  private mutating func enterPadding() {
    missing = UInt64(contentPadding)
    state = missing == 0 ? .header : .padding
  }

  private mutating func header() throws(TarError) -> TarEvent? {
    let at = offset - UInt64(TarRules.block)
    if buffer.allSatisfy({ $0 == 0 }) {
      guard !pax.isPresent else { throw .extendedHeader(offset: at) }
      zeroBlocks += 1
      guard zeroBlocks == 2 else { return nil }
      state = .ended
      return .end
    }
    guard zeroBlocks == 0 else { throw .trailingBytes(offset: at) }
    let sum = try number(148, 8, "checksum", at)
    let actual = buffer.enumerated().reduce(UInt64(0)) {
      $0 + ((148..<156).contains($1.offset) ? 32 : UInt64($1.element))
    }
    guard sum == actual else { throw .checksum(offset: at) }
    var size = try number(124, 12, "size", at)
    let flag = buffer[156]
    if flag == UInt8(ascii: "x") || flag == UInt8(ascii: "g") {
      guard size <= TarRules.extendedLimit, size > 0, !pax.isPresent else {
        throw .extendedHeader(offset: at)
      }
      extendedSize = Int(size)
      missing = size + UInt64(TarRules.padding(after: size))
      state = .extended(global: flag == UInt8(ascii: "g"))
      return nil
    }
    defer { pax = Pax() }
    if let larger = pax.size { size = larger }
    guard size <= TarRules.sizeLimit else { throw .field("size", offset: at) }
    let entry = try entry(flag: flag, size: size, at: at)
    if size > 0 {
      missing = size
      contentPadding = TarRules.padding(after: size)
      state = .content
    }
    return .entry(entry)
  }

  private func entry(flag: UInt8, size: UInt64, at: UInt64) throws(TarError) -> TarEntry {
    let kind: TarKind
    switch flag {
    case 0, UInt8(ascii: "0"): kind = .regular
    case UInt8(ascii: "1"): kind = .hardLink
    case UInt8(ascii: "2"): kind = .symbolicLink
    case UInt8(ascii: "5"): kind = .directory
    default: throw .unsupportedKind(flag, offset: at)
    }
    guard size == 0 || kind == .regular else { throw .field("size", offset: at) }
    var raw = pax.path ?? string(0, 100)
    // The prefix belongs to POSIX archives only; GNU's magic puts other things there.
    let isUstar = buffer[257..<263].elementsEqual([UInt8]("ustar\u{0}".utf8))
    if pax.path == nil, isUstar, buffer[345] != 0 {
      raw = string(345, 155) + [UInt8(ascii: "/")] + raw
    }
    let path = try TarRules.normalized(raw, kind: kind)
    var target: [UInt8] = []
    switch kind {
    case .symbolicLink:
      target = pax.target ?? string(157, 100)
      guard !target.isEmpty, target.count <= TarRules.pathLimit, !target.contains(0) else {
        throw .target(path: path)
      }
    case .hardLink:
      target = pax.target ?? string(157, 100)
      target = try TarRules.normalized(target, kind: .regular)
    case .regular, .directory: break
    }
    let wholeTime = (Int64(try number(136, 12, "time", at)), UInt32(0))
    let time = pax.time ?? wholeTime
    return TarEntry(
      path: path, kind: kind, mode: UInt32(try number(100, 8, "mode", at) & 0o7777), size: size,
      modified: time.0, modifiedNanoseconds: time.1, target: target)
  }

  private func string(_ start: Int, _ count: Int) -> [UInt8] {
    [UInt8](buffer[start..<(start + count)].prefix { $0 != 0 })
  }

  /// Octal digits between spaces and NULs.
  private func number(
    _ start: Int, _ count: Int, _ name: String, _ at: UInt64
  ) throws(TarError) -> UInt64 {
    var value: UInt64 = 0
    let space = UInt8(ascii: " ")
    let digits = buffer[start..<(start + count)].drop { $0 == space }
    let end = digits.firstIndex { $0 == space || $0 == 0 } ?? digits.endIndex
    for byte in digits[..<end] {
      guard (UInt8(ascii: "0")...UInt8(ascii: "7")).contains(byte) else {
        throw .field(name, offset: at)
      }
      value = value << 3 | UInt64(byte - UInt8(ascii: "0"))
    }
    guard digits[end...].allSatisfy({ $0 == space || $0 == 0 }) else {
      throw .field(name, offset: at)
    }
    return value
  }
}

extension TarDecoder {
  /// Reads `LENGTH key=value\n` records.
  private mutating func readExtended() throws(TarError) {
    let malformed = TarError.extendedHeader(offset: offset)
    var rest = buffer[..<extendedSize]
    pax.isPresent = true
    while !rest.isEmpty {
      guard let space = rest.prefix(8).firstIndex(of: UInt8(ascii: " ")),
        let length = TarDecoder.decimal(rest[..<space]), length <= UInt64(rest.count),
        Int(length) > space - rest.startIndex + 1
      else { throw malformed }
      let record = rest.prefix(Int(length))
      rest = rest.dropFirst(Int(length))
      let body = record[(space + 1)...]
      guard body.last == UInt8(ascii: "\n"), let equals = body.firstIndex(of: UInt8(ascii: "="))
      else { throw malformed }
      let value = [UInt8](body[(equals + 1)...].dropLast())
      switch String(decoding: body[..<equals], as: UTF8.self) {
      case "path": pax.path = value
      case "linkpath": pax.target = value
      case "size":
        guard let size = TarDecoder.decimal(value[...]) else { throw malformed }
        pax.size = size
      case "mtime":
        guard let time = TarDecoder.time(value[...]) else { throw malformed }
        pax.time = time
      default: break
      }
    }
  }

  private static func decimal(_ digits: ArraySlice<UInt8>) -> UInt64? {
    guard !digits.isEmpty, digits.count <= 18 else { return nil }
    var value: UInt64 = 0
    for byte in digits {
      guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) else { return nil }
      value = value * 10 + UInt64(byte - UInt8(ascii: "0"))
    }
    return value
  }

  /// Seconds and nanoseconds ≥ 0; digits behind the ninth of the fraction are dropped.
  private static func time(_ text: ArraySlice<UInt8>) -> (Int64, UInt32)? {
    let negative = text.first == UInt8(ascii: "-")
    let parts = (negative ? text.dropFirst() : text).split(
      separator: UInt8(ascii: "."), maxSplits: 1, omittingEmptySubsequences: false)
    guard let whole = parts.first.flatMap({ decimal($0) }), whole < 1 << 55 else { return nil }
    var nanoseconds: UInt64 = 0
    if parts.count == 2 {
      let digits = parts[1].prefix(9)
      guard let fraction = decimal(digits), decimal(parts[1].prefix(18)) != nil else { return nil }
      nanoseconds = fraction
      for _ in digits.count..<9 { nanoseconds *= 10 }
    }
    let seconds = Int64(whole)
    guard negative else { return (seconds, UInt32(nanoseconds)) }
    guard nanoseconds > 0 else { return (-seconds, 0) }
    return (-seconds - 1, UInt32(1_000_000_000 - nanoseconds))
  }
}
