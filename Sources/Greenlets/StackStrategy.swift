// Where the frames of greenlets live: each on a stack of its own, or all on one that they share.

import CSwitch
public import Stacks

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// Where the frames of a greenlet live.
public enum StackStrategy {
  /// On a stack of its own, out of a pool of the thread's for stacks of this size class.
  ///
  /// A switch takes the same time however deep the frames are, and pointers into them stay good. A
  /// greenlet takes a page at least, unless it is frozen: see ``Greenlet/freeze()``.
  case dedicated(size: ByteCount)

  /// On a stack of its own, out of this pool.
  case pool(StackPool)

  /// On one stack that all sliced greenlets of the thread share.
  ///
  /// Frames that are in the way of the greenlet that is continued are copied out, and copied back to
  /// the very same place before theirs is: a suspended greenlet takes as many bytes as its frames
  /// have, and a switch between two of them takes time in proportion to that.
  ///
  /// A pointer into the frames of a suspended sliced greenlet is wrong until it runs again: what a
  /// `withUnsafePointer`, an `inout` argument or a local buffer lends must not be used by another
  /// greenlet meanwhile. ``Greenlet/isOnSharedStack(_:)`` tells such pointers. In debug builds the
  /// bytes that were vacated are filled with a pattern.
  case sliced

  /// What greenlets of this thread get that ask for nothing.
  ///
  /// At first what the environment variable `GREENLETS_STACKS` says: `sliced`, or a size as `16KiB`.
  /// Dedicated stacks of 64 KiB otherwise. Greenlets that have started keep what they have.
  ///
  /// - Precondition: A size is 8 MiB at most; for larger ones bring a pool.
  public static var ofThisThread: StackStrategy {
    get { unsafe GreenletHub.ofThisThread().pointee.strategy }
    set { unsafe GreenletHub.ofThisThread().pointee.setStrategy(newValue) }
  }

  /// The pools of this thread for stacks of a size class, as ``dedicated(size:)`` uses them.
  public static var poolsOfThisThread: StackPools {
    unsafe GreenletHub.ofThisThread().pointee.pools
  }

  static var standard: StackStrategy {
    if let size = Self.wish.size { return .dedicated(size: size) }
    return .sliced
  }

  private static let wish: StackChoice = {
    let fallback = StackChoice.size(.kibibytes(64))
    guard let text = unsafe getenv("GREENLETS_STACKS") else { return fallback }
    let wish = unsafe String(cString: text)
    if wish == "sliced" { return .sliced }
    guard let size = ByteCount(parsing: wish), size <= StackPools.most,
      size >= StackPool.stackSizeLeast
    else {
      StandardError.write(
        "greenlets: GREENLETS_STACKS is \"\(wish)\"; write sliced, or a size from 4KiB to 8MiB\n")
      return fallback
    }
    return .size(size)
  }()
}

/// What a core remembers of a strategy.
///
/// One byte: the pool of a size is looked up by the thread that the greenlet starts on.
struct StackChoice: Equatable {
  let code: UInt8

  static let threads = StackChoice(code: 0)
  static let sliced = StackChoice(code: 1)
  static let pool = StackChoice(code: 2)

  static func size(_ size: ByteCount) -> StackChoice {
    guard let sizeClass = StackPools.sizeClass(of: size) else {
      preconditionFailure("a stack of more than \(StackPools.most); bring a pool for such stacks")
    }
    return StackChoice(code: UInt8(sizeClass.bytes.trailingZeroBitCount))
  }

  /// The size class, for a choice of a size.
  var size: ByteCount? { code > 2 ? ByteCount(1 << Int(code)) : nil }
}

extension GreenletCell {
  /// Notes where an unstarted greenlet's frames are to live.
  func choose(_ strategy: StackStrategy) {
    unsafe core.pointee.asksForMore = true
    switch strategy {
    case .dedicated(let size): unsafe core.pointee.choice = .size(size)
    case .sliced: unsafe core.pointee.choice = .sliced
    case .pool(let pool):
      unsafe core.pointee.choice = .pool
      unsafe core.pointee.stacks = pool
    }
  }
}

extension GreenletHub {
  mutating func setStrategy(_ new: StackStrategy) {
    strategy = new
    stacks = nil
    idleStacks = nil
    if case .pool(let pool) = new { stacks = pool }
    if case .dedicated(let size) = new { stacks = pools.pool(for: size) }
    if let stacks { unsafe idleStacks = stacks.address }
  }

  /// The pool of greenlets that bring none; for those on the shared stack, what it is out of.
  mutating func poolOfThread() -> StackPool {
    if let stacks { return stacks }
    return pools.pool(for: .kibibytes(64))
  }
}
