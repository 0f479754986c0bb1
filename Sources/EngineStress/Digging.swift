// Recursions: what an overflow is made of.

import Foundation

/// Functions that never come back, though no compiler sees that; and one that does.
enum Digging {
  /// Not a sum: the optimiser makes a loop of that.
  @inline(never) static func narrow(_ depth: Int) -> Int {
    depth < 0 ? 0 : (narrow(depth + 1) ^ depth) &* 31
  }

  @inline(never) static func allocating(_ depth: Int, _ list: [Int]) -> [Int] {
    if depth < 0 { return list }
    let text = "\(depth) of \(list.count)"
    return allocating(depth + 1, list.suffix(8) + [text.count]).reversed()
  }

  /// Comes back, from so many frames below.
  @inline(never) static func down(_ depth: Int) -> Int {
    depth == 0 ? 0 : (down(depth - 1) ^ depth) &* 31
  }

  /// Through C's sort, whose frames need not have frame pointers.
  @inline(never) static func library(_ depth: Int) -> Int {
    var numbers = [depth, depth - 1, depth + 1]
    let count = numbers.count
    // SAFETY: the array's own elements, compared and moved within it.
    unsafe numbers.withUnsafeMutableBufferPointer { buffer in
      guard let first = buffer.baseAddress else { return }
      unsafe qsort(first, count, MemoryLayout<Int>.stride) { left, right in
        let (one, other) = unsafe (left?.load(as: Int.self) ?? 0, right?.load(as: Int.self) ?? 0)
        return Int32(truncatingIfNeeded: Digging.library(one &+ other & 0xff))
      }
    }
    return numbers[0]
  }

  @inline(never) static func generic<Number: BinaryInteger>(
    _ depth: Number, _ list: some Sequence<Number>
  ) -> Number {
    if depth < 0 { return depth }
    return list.map { generic(depth + 1, [$0]) ^ depth }.reduce(depth) { $0 ^ $1 }
  }
}
