// Tests of the codec of batches, and of the checksums beside it.

import Reports
import Testing

@testable import ResultStore

@Suite struct BatchCodecTests {
  @Test("blocks come out as they went in")
  func roundTrip() {
    for blocks in [
      [], Samples.measurement().blocks,
      [MeasuredBlock(number: 3, position: 1, batches: [], pressure: 1)],
    ] {
      #expect(BatchCodec.decode(BatchCodec.encode(blocks)) == blocks)
    }
  }

  @Test("the extremes of a number survive")
  func extremes() {
    var batch = Batch(nanoseconds: .max, operations: .min)
    batch.cpuNanoseconds = -1
    let blocks = [
      MeasuredBlock(
        number: .min, position: .max, batches: [batch, Batch(nanoseconds: .min, operations: .max)],
        pressure: .leastNonzeroMagnitude),
      MeasuredBlock(number: .max, position: 0, batches: [], pressure: -0.0),
    ]
    #expect(BatchCodec.decode(BatchCodec.encode(blocks)) == blocks)
  }

  @Test("no beginning of the bytes is taken for all of them, and nothing may follow")
  func truncated() {
    let bytes = BatchCodec.encode(Samples.measurement(blocks: 2, batches: 3).blocks)
    for count in 0..<bytes.count { #expect(BatchCodec.decode(Array(bytes.prefix(count))) == nil) }
    #expect(BatchCodec.decode(bytes + [0]) == nil)
  }

  @Test("bytes that nobody wrote are refused or decoded, never a crash")
  func noise() {
    var generator = SystemRandomNumberGenerator()
    for length in 0..<2000 {
      let bytes = (0..<length % 64).map { _ in UInt8.random(in: 0...255, using: &generator) }
      _ = BatchCodec.decode(bytes)
    }
    #expect(BatchCodec.decode([UInt8](repeating: 0xFF, count: 100)) == nil)
  }

  @Test("the bytes of the codec stay what they are: old files hold them")
  func pinned() {
    let block = MeasuredBlock(
      number: 1, position: 2,
      batches: [
        Batch(nanoseconds: 100, operations: 3),
        Batch(nanoseconds: 99, operations: 3, migrated: true),
      ], pressure: 0.5)
    #expect(
      BatchCodec.encode([block]) == [
        2, 2, 4, 0, 0, 0, 0, 0, 0, 0xE0, 0x3F, 4, 0xC8, 1, 1, 6, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
        2,
      ])
  }

  @Test("the checksum is CRC-32C, by its check value")
  func crc() {
    #expect(CRC32C.of([UInt8]("123456789".utf8)) == 0xE306_9283)
    #expect(CRC32C.of([]) == 0)
  }

  @Test("the hash is FNV-1a of 128 bits, by its published values")
  func hash() {
    #expect(ContentHash.of("") == "6c62272e07bb014262b821756295c58d")
    #expect(ContentHash.of("a") == "d228cb696f1a8caf78912b704e4a8964")
  }
}
