// Pools by size: powers of two from 4 KiB to 8 MiB, each made when it is first asked for.

/// The pools of one thread, one for each size class.
///
/// A size is rounded up to the next class, so that stacks of nearly the same size share a pool.
@safe public final class StackPools {
  private let source: any StackSource
  private let options: StackPoolOptions
  private var pools: [StackPool?]

  /// The smallest class.
  public static let least = ByteCount.kibibytes(4)

  /// The largest class; larger stacks have a pool of their own making.
  public static let most = ByteCount.mebibytes(8)

  private static let classes = 12

  /// Makes an empty set of pools.
  public init(
    source: any StackSource = MappedStackSource(), options: StackPoolOptions = StackPoolOptions()
  ) {
    self.source = source
    self.options = options
    pools = Array(repeating: nil, count: Self.classes)
  }

  /// The class of a size: the next power of two.
  ///
  /// - Returns: Nil for a size above ``most``.
  public static func sizeClass(of size: ByteCount) -> ByteCount? {
    guard size <= most else { return nil }
    var one = least
    while one < size { one = ByteCount(one.bytes * 2) }
    return one
  }

  /// The pool of a size's class.
  ///
  /// - Precondition: `size` is at most ``most``.
  /// - Complexity: O(1).
  public func pool(for size: ByteCount) -> StackPool {
    guard let sizeClass = Self.sizeClass(of: size) else {
      preconditionFailure("a stack of more than \(Self.most); make a pool for such stacks")
    }
    let index = sizeClass.bytes.trailingZeroBitCount - Self.least.bytes.trailingZeroBitCount
    if let pool = pools[index] { return pool }
    let made = StackPool(source: source, stackSize: sizeClass, options: options)
    pools[index] = made
    return made
  }

  /// The pools that were made so far, smallest stacks first.
  public var all: [StackPool] { pools.compactMap { $0 } }

  /// Trims every pool; see ``StackPool/trim(keeping:)``.
  ///
  /// - Throws: What the first pool that was refused throws; the others are trimmed all the same.
  @discardableResult public func trim(keeping keep: Int = 0) throws(StackError) -> ByteCount {
    var (bytes, failure): (Int, StackError?) = (0, nil)
    for pool in all {
      do { bytes += try pool.trim(keeping: keep).bytes } catch { failure = failure ?? error }
    }
    if let failure { throw failure }
    return ByteCount(bytes)
  }
}
