// Guards: what stops a stack that grows over its end.

import Synchronization

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// How the low end of a stack is watched.
public enum StackGuard: String, Sendable, CaseIterable {
  /// Inaccessible bytes that are marks in the page table: Linux 6.13 and later.
  ///
  /// They take no mapping, so a million of them are as good as one.
  case marks

  /// Inaccessible bytes that are a mapping of their own, by `mprotect`.
  ///
  /// Each takes two of the process's mappings, of which `vm.max_map_count` allows 65530 by default.
  case protection

  /// Words of a pattern at the low end, looked at when the stack comes back.
  ///
  /// For small stacks where nothing better is left: an overflow is found late, and one that jumps
  /// over the words is not found.
  case canary

  /// What this kernel does best; asked once.
  public static let best: StackGuard = canMark ? .marks : .protection

  /// The bytes that are inaccessible below a stack.
  ///
  /// The compiler does not probe large frames, so a frame can jump over a guard of one page. Sixteen
  /// pages stop all but absurd frames and cost address space only.
  public var size: ByteCount { self == .canary ? ByteCount(0) : .kibibytes(64) }

  /// The machine's page.
  public static let pageSize = ByteCount(sysconf(Int32(_SC_PAGESIZE)))

  // Linux 6.13: MADV_GUARD_INSTALL and MADV_GUARD_REMOVE.
  private static let adviseInstall: Int32 = 102
  private static let adviseRemove: Int32 = 103

  private static let canMark: Bool = {
    #if os(Linux)
      let page = pageSize.bytes
      // SAFETY: a fresh mapping of our own, unmapped before anybody else sees it.
      let probe = unsafe mmap(
        nil, page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
      guard let probe = unsafe probe, unsafe probe != MAP_FAILED else { return false }
      // SAFETY: as above.
      defer { unsafe munmap(probe, page) }
      // SAFETY: as above; an unknown advice changes nothing and fails.
      return unsafe madvise(probe, page, adviseInstall) == 0
    #else
      return false
    #endif
  }()

  /// Makes the guard of a stack.
  ///
  /// - Parameter base: Where the stack's memory begins.
  /// - Throws: ``StackError/guardFailed(errno:)`` or ``StackError/mappingsExhausted(limit:)``.
  /// - Safety: `base` must be page-aligned, and ``size`` bytes from it must hold nothing of value.
  @unsafe func install(at base: UnsafeMutableRawPointer) throws(StackError) {
    switch self {
    case .marks:
      // SAFETY: passes on the caller's duty.
      guard unsafe madvise(base, size.bytes, Self.adviseInstall) == 0 else {
        throw .guardFailed(errno: errno)
      }
    case .protection:
      try MappingBudget.take()
      // SAFETY: as above.
      guard unsafe mprotect(base, size.bytes, PROT_NONE) == 0 else {
        let failure = errno
        MappingBudget.giveBack()
        throw .guardFailed(errno: failure)
      }
    case .canary:
      unsafe Self.restoreCanary(at: base)
    }
  }

  /// Makes all guards of a piece of memory accessible again, before it goes back to its source.
  ///
  /// - Parameters:
  ///   - base: Where the memory begins.
  ///   - bytes: How long it is.
  ///   - count: How many guards lie in it.
  /// - Throws: ``StackError/guardFailed(errno:)``; then they are still there.
  /// - Safety: The memory must hold nothing of value.
  @unsafe func removeAll(
    from base: UnsafeMutableRawPointer, _ bytes: Int, count: Int
  ) throws(StackError) {
    switch self {
    case .marks:
      // SAFETY: the caller's own memory.
      guard unsafe madvise(base, bytes, Self.adviseRemove) == 0 else {
        throw .guardFailed(errno: errno)
      }
    case .protection:
      // SAFETY: as above.
      guard unsafe mprotect(base, bytes, PROT_READ | PROT_WRITE) == 0 else {
        throw .guardFailed(errno: errno)
      }
      for _ in 0..<count { MappingBudget.giveBack() }
    case .canary: break
    }
  }

  // MARK: - Canaries

  /// What the words of a canary hold: no address, no small number, no text.
  static let pattern: UInt = 0x9e37_79b9_7f4a_7c15
  static let words = 8

  /// Writes the words of a canary.
  @unsafe static func restoreCanary(at base: UnsafeMutableRawPointer) {
    unsafe base.initializeMemory(as: UInt.self, repeating: pattern, count: words)
  }

  /// Whether the words of a canary are as they were; true for the other guards.
  ///
  /// - Safety: `base` must be what ``install(at:)`` was given.
  @unsafe func isIntact(at base: UnsafeMutableRawPointer) -> Bool {
    guard self == .canary else { return true }
    return (0..<Self.words).allSatisfy {
      unsafe base.load(fromByteOffset: $0 * MemoryLayout<UInt>.stride, as: UInt.self)
        == Self.pattern
    }
  }
}

/// How many mappings guards may still take.
///
/// A process that has none left cannot even report: some are kept for that.
enum MappingBudget {
  /// What is left for everything else: thread stacks, libraries, the allocator.
  static let reserve = 2048

  /// A guard splits a mapping into what is below, itself, and what is above.
  private static let perGuard = 2

  private static let taken = Atomic<Int>(0)

  /// `vm.max_map_count`.
  static let limit: Int = {
    #if os(Linux)
      let fallback = 65530
      guard let file = unsafe fopen("/proc/sys/vm/max_map_count", "r") else { return fallback }
      defer { unsafe fclose(file) }
      var text = [CChar](repeating: 0, count: 32)
      guard unsafe fgets(&text, Int32(text.count), file) != nil else { return fallback }
      return unsafe atol(text)
    #else
      return .max
    #endif
  }()

  /// Mappings that guards have taken.
  static var count: Int { taken.load(ordering: .relaxed) }

  static func take() throws(StackError) {
    let count = taken.add(perGuard, ordering: .relaxed).newValue
    guard count > limit - reserve else { return }
    giveBack()
    throw .mappingsExhausted(limit: limit)
  }

  static func giveBack() { taken.subtract(perGuard, ordering: .relaxed) }
}
