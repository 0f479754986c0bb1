// Canaries and rows: a stack that was overwritten is seen, and a row that cannot be made leaves none.

import Backends
import Stacks
import Testing
import WorkloadKit

@testable import Workloads

struct CanaryTests {
  /// A backend that breaks what its coroutines keep on their stacks while they are suspended.
  struct Corrupting: SwitchBackend, ~Copyable {
    let native: NativeBackend

    static var name: String { "corrupting" }
    static var summary: String { "breaks canaries" }
    static var switchesInKernel: Bool { false }

    init(on stacks: StackPool, body: some ContextBody) throws {
      native = try NativeBackend(on: stacks, body: Spoilt(body: body))
    }

    borrowing func resume(_ word: Int) throws -> Int { try native.resume(word) }
    var isFinished: Bool { native.isFinished }
  }

  struct Spoilt<Body: ContextBody>: ContextBody {
    let body: Body
    func run(_ suspender: some WordSuspender, _ word: Int) throws -> Int {
      try body.run(Spoiler(inner: suspender), word)
    }
  }

  struct Spoiler<Inner: WordSuspender>: WordSuspender {
    let inner: Inner
    func suspend(_ word: Int) throws -> Int {
      let reply = try inner.suspend(word)
      spoil()
      return reply
    }

    /// Changes the nearest canaries on the frames of the callers.
    @inline(never) private func spoil() {
      let start = FrameAddress.here() & ~7
      var lastFound: Int?
      for address in stride(from: start, to: start + 16_384, by: 8) {
        if let lastFound, address - lastFound > 128 { return }
        // SAFETY: upwards from this frame, on the same stack; it ends at the first canaries, which
        // are on the frame of a caller.
        guard let word = unsafe UnsafeMutablePointer<UInt>(bitPattern: address),
          unsafe word.pointee >> 32 == Canary.mark
        else { continue }
        unsafe word.pointee ^= 1
        lastFound = address
      }
    }
  }

  private func fails<W: Workload>(_: W.Type, _ parameters: Parameters) throws {
    let pool = StackPool(stackSize: .kibibytes(64))
    do {
      var workload = try W(parameters: parameters, stacks: pool)
      let error = #expect(throws: CanaryError.self) { try workload.run(units: 1) }
      #expect(error?.description.contains("was overwritten while it was suspended") == true)
    }
    #expect(pool.lentCount == 0, "a stack did not come back")
  }

  @Test("A stack that was overwritten fails the run, in every workload with coroutines of its own")
  func corruption() throws {
    try fails(Footprint<Corrupting>.self, ["greenlets": 3, "touch": 256])
    try fails(Footprint<Corrupting>.self, ["greenlets": 3, "touch": 1408])
    try fails(TLB<Corrupting>.self, ["members": 3])
    try fails(MillionIdle<Corrupting>.self, ["greenlets": 3])
    try fails(DeepRecursion<Corrupting>.self, ["depth": 3])
    try fails(MixedDepth<Corrupting>.self, ["members": 3, "deepest": 3])
    try fails(AllocChurn<Corrupting>.self, ["members": 3])
  }

  @Test("Calling the roll sees it, too")
  func roll() throws {
    let pool = StackPool(stackSize: .kibibytes(64))
    var workload = try MillionIdle<Corrupting>(parameters: ["greenlets": 3], stacks: pool)
    #expect(throws: CanaryError.self) { try workload.inspect() }
  }

  @Test("A row that cannot be made leaves no coroutine")
  func unmadeRow() {
    let pool = StackPool(stackSize: .kibibytes(64), limit: 5)
    #expect(throws: StackError.limitReached(count: 5)) {
      _ = try CoroutineRow<NativeBackend>(6, on: pool) { _ in Idler() }
    }
    #expect(pool.lentCount == 0)
  }

  @Test("What the coroutines held is zero once they are gone")
  func ledger() throws {
    let pool = StackPool(stackSize: .kibibytes(64))
    var ledger: Ledger?
    do {
      var churn = try AllocChurn<GreenletBackend>(
        parameters: ["members": 5, "slots": 3, "bytes": 4096], stacks: pool)
      ledger = churn.ledger
      #expect(ledger?.liveBytes ?? 0 > 0)
      try churn.run(units: 20)
      #expect(
        churn.checksum
          == AllocChurn<GreenletBackend>.oracle(
            parameters: ["members": 5, "slots": 3, "bytes": 4096], units: 20))
    }
    #expect(ledger?.liveBytes == 0)
  }

  @Test("Touched lines are counted whatever frames they are spread over")
  func touched() throws {
    let pool = StackPool(stackSize: .kibibytes(64))
    for bytes in [64, 128, 256, 320, 1024, 1408, 4096] {
      let parameters: Parameters = ["greenlets": 2, "touch": bytes]
      var workload = try Footprint<NativeBackend>(parameters: parameters, stacks: pool)
      try workload.run(units: 1)
      try workload.inspect()
      #expect(
        workload.checksum == Footprint<NativeBackend>.oracle(parameters: parameters, units: 1))
    }
  }

  @Test("What is drawn is the seed's: another one gives another checksum")
  func seeds() throws {
    func checksum<W: Workload>(_: W.Type, _ values: [String: Int], _ seed: UInt64) throws -> UInt64
    {
      let pool = StackPool(stackSize: .kibibytes(64))
      let parameters = Parameters(values, seed: seed)
      var workload = try W(parameters: parameters, stacks: pool)
      try workload.run(units: 3)
      #expect(workload.checksum == W.oracle(parameters: parameters, units: 3))
      return workload.checksum
    }
    let idle = ["greenlets": 100, "percent": 20]
    #expect(
      try checksum(MillionIdle<NativeBackend>.self, idle, 1)
        != checksum(MillionIdle<NativeBackend>.self, idle, 2))
    let churn = ["members": 4, "slots": 4, "bytes": 4096]
    #expect(
      try checksum(AllocChurn<NativeBackend>.self, churn, 1)
        != checksum(AllocChurn<NativeBackend>.self, churn, 2))
    let tlb = ["members": 7000]
    #expect(
      try checksum(TLB<NativeBackend>.self, tlb, 1) != checksum(TLB<NativeBackend>.self, tlb, 2))
  }

  @Test("A sum over a cycle is the sum of what is visited")
  func cyclicSum() {
    let sums = CyclicSum([5, 7, 11])
    #expect(sums.sum(from: 0, count: 3) == 23)
    #expect(sums.sum(from: 2, count: 5) == 11 + 23 + 5)
    #expect(sums.sum(from: 7, count: 0) == 0)
  }

  @Test("Depths after Zipf are within their range, most of them shallow, and the seed's own")
  func zipf() {
    let depths = MixedDepth<NativeBackend>.depths(
      Parameters(["members": 4000, "deepest": 100], seed: 7))
    #expect(depths.allSatisfy { (1...100).contains($0) })
    // A depth of 1 has the share 1 / H(100), which is 0.193.
    #expect((640...900).contains(depths.count { $0 == 1 }))
    #expect(depths.contains { $0 > 50 })
    #expect(depths != MixedDepth<NativeBackend>.depths(["members": 4000, "deepest": 100]))
  }
}
