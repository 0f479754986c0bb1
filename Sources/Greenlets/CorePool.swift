// Memory of cores: chunks of the process, spare ones with each thread.

import CSwitch
import Stacks
import Synchronization

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// Where cores come from and go to.
///
/// Addresses are never given back, pages are by `trim`: a core that was freed waits for the next
/// greenlet, first with the thread that freed it, then, a batch at a time, with the process.
enum CorePool {
  private static let perChunk = 64
  static var spareMax: Int { 4096 }

  private static let gate = Gate()

  /// Spare cores of the process, linked by `next`.
  // SAFETY: touched with the gate held, only.
  nonisolated(unsafe) private static var spare: UInt = 0

  private static func withSpare<Result>(_ act: (inout UInt) -> Result) -> Result {
    gate.with { unsafe act(&spare) }
  }

  private static let ids = Atomic<UInt64>(0)

  /// A core for a new greenlet.
  @inline(__always) static func take(
    _ hub: UnsafeMutablePointer<GreenletHub>
  ) -> GreenletCell {
    if unsafe hub.pointee.spare == nil { unsafe refill(hub) }
    let core = unsafe hub.pointee.spare.unsafelyUnwrapped
    unsafe hub.pointee.spare = core.pointee.next
    unsafe hub.pointee.spareCount -= 1
    unsafe core.pointee.id = hub.pointee.nextID()
    return unsafe GreenletCell(core: core)
  }

  /// A core for a thread that has no hub yet.
  static func takeAny() -> GreenletCell {
    let address = withSpare { first in
      defer {
        first = unsafe UInt(
          bitPattern: UnsafeMutablePointer<GreenletCore>(bitPattern: first)?.pointee.next)
      }
      return first
    }
    let core = unsafe UnsafeMutablePointer<GreenletCore>(bitPattern: address) ?? chunk(1)
    unsafe core.pointee.id = nextIDs(1)
    return unsafe GreenletCell(core: core)
  }

  /// The first of `count` new numbers.
  static func nextIDs(_ count: UInt64) -> UInt64 {
    ids.add(count, ordering: .relaxed).oldValue + 1
  }

  /// Takes a core back.
  ///
  /// - Precondition: It holds nothing any more.
  static func give(_ cell: GreenletCell) {
    unsafe cell.core.pointee.phase = .free
    unsafe cell.core.pointee.handle = nil
    unsafe cell.core.pointee.id = 0
    unsafe cell.core.pointee.isMain = false
    unsafe cell.core.pointee.usualHub = nil
    assert(unsafe cell.core.pointee.kept == nil, "a core was freed with frames put away")
    unsafe cell.core.pointee.asksForMore = false
    unsafe cell.core.pointee.isMarkedIdle = false
    unsafe cell.core.pointee.choice = .threads
    let hub = unsafe gb_hub_get()?.assumingMemoryBound(to: GreenletHub.self)
    guard let hub = unsafe hub, unsafe hub.pointee.spareCount < spareMax else {
      return withSpare { first in
        unsafe cell.core.pointee.next = UnsafeMutablePointer(bitPattern: first)
        first = unsafe UInt(bitPattern: cell.core)
      }
    }
    unsafe cell.core.pointee.next = hub.pointee.spare
    unsafe hub.pointee.spare = cell.core
    unsafe hub.pointee.spareCount += 1
  }

  /// Takes all spare cores of a thread that ends.
  static func giveAll(_ hub: UnsafeMutablePointer<GreenletHub>) {
    withSpare { first in
      while let core = unsafe hub.pointee.spare {
        unsafe hub.pointee.spare = core.pointee.next
        unsafe core.pointee.next = UnsafeMutablePointer(bitPattern: first)
        first = UInt(bitPattern: core)
      }
    }
    unsafe hub.pointee.spareCount = 0
  }

  private static func refill(_ hub: UnsafeMutablePointer<GreenletHub>) {
    var count = 0
    var head = withSpare { first in
      // As many as a chunk has, so that threads do not meet at every greenlet.
      let head = unsafe UnsafeMutablePointer<GreenletCore>(bitPattern: first)
      var last = unsafe head
      if unsafe head != nil { count = 1 }
      while count < perChunk, let next = unsafe last?.pointee.next {
        unsafe last = next
        count += 1
      }
      first = UInt(bitPattern: unsafe last?.pointee.next)
      unsafe last?.pointee.next = nil
      return UInt(bitPattern: head)
    }
    if head == 0 {
      head = UInt(bitPattern: unsafe chunk(perChunk))
      count = perChunk
    }
    unsafe hub.pointee.spare = UnsafeMutablePointer(bitPattern: head)
    unsafe hub.pointee.spareCount = count
  }

  // MARK: - Regions

  /// Bytes of a region, and what it is aligned to: so a core knows its region.
  private static let regionBytes = 1 << 20

  /// A piece of memory for cores: how many were made in it.
  private struct Region {
    let base: UInt
    var made = 0
  }

  // SAFETY: touched with the gate held, only.
  nonisolated(unsafe) private static var regions: [Region] = []
  nonisolated(unsafe) private static var current = 0

  /// Mapped memory of which no region was made.
  // SAFETY: as above.
  nonisolated(unsafe) private static var span: UInt = 0
  nonisolated(unsafe) private static var spanLeft = 0

  private static let stride = (MemoryLayout<GreenletCore>.size + 15) & ~15
  private static var perRegion: Int { regionBytes / stride }

  /// New cores, linked.
  private static func chunk(_ count: Int) -> UnsafeMutablePointer<GreenletCore> {
    let memory = unsafe gate.with { unsafe carve(count) }
    var next: UnsafeMutablePointer<GreenletCore>?
    for index in (0..<count).reversed() {
      let core = unsafe (memory + index * stride).bindMemory(to: GreenletCore.self, capacity: 1)
      unsafe core.initialize(to: GreenletCore(phase: .free))
      unsafe core.pointee.next = next
      unsafe next = core
    }
    guard let first = unsafe next else { preconditionFailure("a chunk without cores") }
    return unsafe first
  }

  /// From the system: an allocator would keep records of it for good.
  private static func mapRegion() -> UnsafeMutableRawPointer {
    do {
      if unsafe spanLeft == 0 {
        // Regions of their own would be mappings of their own.
        let count = unsafe min(64, max(1, regions.count))
        let base = unsafe try MappedStackSource().allocate(
          ByteCount(count * regionBytes), alignment: ByteCount(regionBytes))
        unsafe (span, spanLeft) = (UInt(bitPattern: base), count)
      }
      guard let region = unsafe UnsafeMutableRawPointer(bitPattern: span) else {
        preconditionFailure("a region at zero")
      }
      unsafe span += UInt(regionBytes)
      unsafe spanLeft -= 1
      return unsafe region
    } catch {
      // As where a Swift object cannot be made: nobody could go on.
      fatalError("no memory for greenlets: \(error)")
    }
  }

  /// Takes memory for cores out of a region with room.
  private static func carve(_ count: Int) -> UnsafeMutableRawPointer {
    while unsafe current < regions.count, unsafe regions[current].made + count > perRegion {
      unsafe current += 1
    }
    if unsafe current == regions.count {
      unsafe regions.append(Region(base: UInt(bitPattern: mapRegion())))
    }
    let offset = unsafe regions[current].made * stride
    guard
      let base = unsafe UnsafeMutableRawPointer(bitPattern: regions[current].base + UInt(offset))
    else { preconditionFailure("a region at zero") }
    unsafe regions[current].made += count
    return unsafe base
  }

  /// Returns the pages of spare cores behind the last one of each region that is in use.
  ///
  /// The addresses stay the pool's: a core that was freed can still be looked at, and is all zeros.
  static func trim(_ hub: UnsafeMutablePointer<GreenletHub>) {
    unsafe giveAll(hub)
    gate.with {
      let spareCores = spareByRegion()
      for index in unsafe regions.indices {
        let region = unsafe regions[index]
        guard let isSpare = spareCores[region.base] else { continue }
        let kept = (isSpare[..<region.made].lastIndex(of: false) ?? -1) + 1
        unsafe regions[index].made = kept
        let page = StackGuard.pageSize
        let from = ByteCount(kept * stride).roundedUp(toPagesOf: page).bytes
        let to = ByteCount(region.made * stride).roundedUp(toPagesOf: page).bytes
        guard from < to else { continue }
        // SAFETY: cores that are nobody's. Pages that the system will not take are used again.
        unsafe madvise(
          UnsafeMutableRawPointer(bitPattern: region.base + UInt(from)), to - from,
          Int32(MADV_DONTNEED))
      }
      unsafe current = 0
    }
  }

  /// Which cores of each region are spare; keeps in the list only those that `trim` keeps.
  private static func spareByRegion() -> [UInt: [Bool]] {
    var found: [UInt: [Bool]] = [:]
    unsafe forEachSpare { core in
      let base = unsafe region(of: core)
      let index = Int(UInt(bitPattern: core) - base) / stride
      found[base, default: Array(repeating: false, count: perRegion)][index] = true
    }
    var lasts: [UInt: Int] = [:]
    for region in unsafe regions {
      guard let isSpare = found[region.base] else { continue }
      lasts[region.base] = isSpare[..<region.made].lastIndex(of: false) ?? -1
    }
    var kept: UnsafeMutablePointer<GreenletCore>?
    unsafe forEachSpare { core in
      let base = unsafe region(of: core)
      guard let last = lasts[base], Int(UInt(bitPattern: core) - base) / stride < last else {
        return
      }
      unsafe core.pointee.next = kept
      unsafe kept = core
    }
    unsafe spare = UInt(bitPattern: kept)
    return found
  }

  private static func forEachSpare(_ use: (UnsafeMutablePointer<GreenletCore>) -> Void) {
    var one = unsafe UnsafeMutablePointer<GreenletCore>(bitPattern: spare)
    while let core = unsafe one {
      unsafe one = core.pointee.next
      unsafe use(core)
    }
  }

  private static func region(of core: UnsafeMutablePointer<GreenletCore>) -> UInt {
    UInt(bitPattern: core) & ~UInt(regionBytes - 1)
  }

  static func lockForFork() { gate.lock() }
  static func unlockAfterFork() { gate.unlock() }
}

extension GreenletHub {
  /// A number for a new greenlet, out of a batch of this thread's own.
  @inline(__always) mutating func nextID() -> UInt64 {
    if idsLeft == 0 {
      nextOwnID = CorePool.nextIDs(1024)
      idsLeft = 1024
    }
    defer {
      nextOwnID += 1
      idsLeft -= 1
    }
    return nextOwnID
  }
}
