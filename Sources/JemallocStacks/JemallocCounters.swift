// What jemalloc counted.

import CJemalloc

/// jemalloc's counts, for programs in which it is the allocator.
public enum JemallocCounters {
  /// Bytes that this thread has allocated so far, by `malloc` or otherwise.
  ///
  /// - Complexity: One call into jemalloc.
  public static var allocatedByThisThread: UInt64 { gb_thread_allocated() }
}
