// What can be asked of a pool: guards, how much is kept idle, how pages are returned.

/// How a ``StackPool`` behaves beyond its size.
public struct StackPoolOptions: Sendable {
  /// How pages go back to the system.
  public enum Returning: String, Sendable, CaseIterable {
    /// At once (`MADV_DONTNEED`): resident memory says what is in use.
    case now

    /// When the system needs them (`MADV_FREE`): cheaper to use again, but resident until then.
    case lazily
  }

  /// What watches the low ends.
  public var stackGuard = StackGuard.best

  /// The most stacks, idle and lent together.
  public var limit = 1 << 21

  /// Idle stacks above this number make the pool trim itself, down to ``lowWater``.
  public var highWater = 4096

  /// Idle stacks that a pool that trims itself keeps; at least one.
  public var lowWater = 1024
  public var returning = Returning.now

  /// Whether slabs are made of huge pages: fewer page walks, at 2 MiB resident for the first touch.
  ///
  /// For stacks of at most 16 KiB with canaries; inaccessible bytes would split the pages.
  public var hugePages = false

  /// Whether ``StackPool/highWater(of:)`` may be asked: then stacks begin as zeros.
  public var measuresDepth = false

  /// The usual ones.
  public init() {}

  func check(_ stackSize: ByteCount) {
    precondition(limit > 0, "a pool without stacks")
    precondition(
      lowWater > 0 && highWater >= lowWater, "a low water above the high water, or none at all")
    precondition(
      !hugePages || (stackGuard == .canary && stackSize <= .kibibytes(16)),
      "huge pages need stacks of at most 16 KiB with canaries")
  }
}

/// What a pool has done so far, and what it holds now.
public struct StackPoolCounters: Hashable, Sendable {
  /// Stacks with a head: idle and lent.
  public internal(set) var owned = 0

  /// Stacks that wait to be lent.
  public internal(set) var idle = 0

  /// The most stacks that were lent at the same time, as far as the pool looked: it looks when it
  /// makes one.
  public internal(set) var lentMost = 0

  /// Slabs that the source has allocated and not got back.
  public internal(set) var slabs = 0

  /// Bytes of these slabs, guards included: addresses, not memory.
  public internal(set) var mapped = ByteCount(0)

  /// Stacks that were carved so far, those that were trimmed and carved again included.
  public internal(set) var carved = 0

  /// Stacks that were trimmed so far.
  public internal(set) var trimmed = 0

  /// System calls so far; a call into the source counts as one.
  public internal(set) var systemCalls = 0

  /// Trims that the system refused in part.
  public internal(set) var trimsFailed = 0

  /// Freezes so far; see ``FrozenStack``.
  public internal(set) var frozen = 0

  /// Thaws so far.
  public internal(set) var thawed = 0

  /// Stacks that are lent.
  public var lent: Int { owned - idle }
}
