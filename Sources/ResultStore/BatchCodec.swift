// The codec "batches-1": the blocks and batches of one row, as the bytes of one blob.

import Reports

/// Packs the batches of a row.
///
/// Every number is a zigzag varint (as in Protocol Buffers), except the pressure of a block, which
/// is the eight bytes of a Double, lowest first.
///
///     count of blocks
///     for each block: number − the number before, position, pressure, count of batches
///     for each column: for each batch of all blocks: value − the value before, from 0 on
///
/// The columns are: nanoseconds, operations, run delay, involuntary switches, CPU nanoseconds,
/// minor faults, major faults, migrated (0 or 1). Differences wrap around.
enum BatchCodec {
  static let name = "batches-1"

  /// The bytes of some blocks.
  static func encode(_ blocks: [MeasuredBlock]) -> [UInt8] {
    var writer = VarintWriter()
    writer.append(blocks.count)
    var number = 0
    for block in blocks {
      writer.append(block.number &- number)
      number = block.number
      writer.append(block.position)
      writer.append(block.pressure)
      writer.append(block.batches.count)
    }
    let batches = blocks.flatMap(\.batches)
    for column in columns {
      var before = 0
      for batch in batches {
        let value = batch[keyPath: column]
        writer.append(value &- before)
        before = value
      }
    }
    var before = 0
    for batch in batches {
      let value = batch.migrated ? 1 : 0
      writer.append(value - before)
      before = value
    }
    return writer.bytes
  }

  /// The blocks in some bytes; nil when `encode` made no such bytes.
  static func decode(_ bytes: [UInt8]) -> [MeasuredBlock]? {
    var reader = VarintReader(bytes: bytes)
    guard let blockCount = reader.count(eachAtLeast: 11) else { return nil }
    var blocks: [MeasuredBlock] = []
    var counts: [Int] = []
    var number = 0
    for _ in 0..<blockCount {
      guard let step = reader.integer(), let position = reader.integer(),
        let pressure = reader.double(), let count = reader.count(eachAtLeast: 8)
      else { return nil }
      number &+= step
      blocks.append(
        MeasuredBlock(number: number, position: position, batches: [], pressure: pressure))
      counts.append(count)
    }
    // Each count fits into the bytes that are left, and so must all of them together.
    let total = counts.reduce(0, +)
    guard total <= reader.left / 8 else { return nil }
    var batches = [Batch](repeating: Batch(nanoseconds: 0, operations: 0), count: total)
    for column in columns {
      var value = 0
      for index in batches.indices {
        guard let step = reader.integer() else { return nil }
        value &+= step
        batches[index][keyPath: column] = value
      }
    }
    var migrated = 0
    for index in batches.indices {
      guard let step = reader.integer() else { return nil }
      migrated &+= step
      guard migrated == 0 || migrated == 1 else { return nil }
      batches[index].migrated = migrated == 1
    }
    guard reader.left == 0 else { return nil }
    var rest = batches[...]
    for (index, count) in counts.enumerated() {
      blocks[index].batches = Array(rest.prefix(count))
      rest = rest.dropFirst(count)
    }
    return blocks
  }

  private static var columns: [WritableKeyPath<Batch, Int>] {
    [
      \.nanoseconds, \.operations, \.runDelayNanoseconds, \.involuntarySwitches, \.cpuNanoseconds,
      \.minorFaults, \.majorFaults,
    ]
  }
}

private struct VarintWriter {
  var bytes: [UInt8] = []

  mutating func append(_ value: Int) {
    var rest = UInt64(bitPattern: Int64(value &<< 1) ^ Int64(value >> 63))
    while rest >= 0x80 {
      bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
      rest >>= 7
    }
    bytes.append(UInt8(rest))
  }

  mutating func append(_ value: Double) {
    for shift in stride(from: 0, to: 64, by: 8) {
      bytes.append(UInt8(truncatingIfNeeded: value.bitPattern >> shift))
    }
  }
}

private struct VarintReader {
  let bytes: [UInt8]
  var offset = 0

  init(bytes: [UInt8]) { self.bytes = bytes }

  var left: Int { bytes.count - offset }

  mutating func integer() -> Int? {
    var value: UInt64 = 0
    for shift in stride(from: 0, to: 64, by: 7) {
      guard left > 0 else { return nil }
      let byte = bytes[offset]
      offset += 1
      if shift == 63, byte > 1 { return nil }
      value |= UInt64(byte & 0x7F) << UInt64(shift)
      if byte < 0x80 { return Int(Int64(bitPattern: (value >> 1) ^ (0 &- (value & 1)))) }
    }
    return nil
  }

  /// How many things follow, none of which is shorter than `size` bytes.
  mutating func count(eachAtLeast size: Int) -> Int? {
    guard let count = integer(), count >= 0, count <= left / size else { return nil }
    return count
  }

  mutating func double() -> Double? {
    guard left >= 8 else { return nil }
    var bits: UInt64 = 0
    for shift in stride(from: UInt64(0), to: 64, by: 8) {
      bits |= UInt64(bytes[offset]) << shift
      offset += 1
    }
    return Double(bitPattern: bits)
  }
}
