// What jemalloc does for the whole process.

import CJemalloc
import Synchronization

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// jemalloc's counts, for programs in which it is the allocator.
public enum JemallocCounters {
  /// Bytes that this thread has allocated so far, by `malloc` or otherwise.
  ///
  /// - Complexity: One call into jemalloc.
  public static var allocatedByThisThread: UInt64 { gb_thread_allocated() }

  /// The memory of all arenas together.
  ///
  /// - Throws: ``JemallocError/controlFailed(control:errno:)``: jemalloc was built without counts.
  public static var statistics: JemallocStatistics {
    get throws(JemallocError) { try JemallocStatistics.read(arena: JemallocControl.allArenas) }
  }

  /// Arenas that were ever needed at once; the index of one that was destroyed is used again.
  public static var arenaCount: Int {
    get throws(JemallocError) { Int(try JemallocControl.arenaCount.read(initial: UInt32(0))) }
  }

  /// Sets how long ordinary memory that is free is kept, from now on, in every arena.
  ///
  /// Stack sources' own arenas keep what they were set to only if they are made afterwards.
  ///
  /// - Throws: ``JemallocError/controlFailed(control:errno:)``: this jemalloc has no such control.
  public static func setDecayOfAll(_ decay: Decay) throws(JemallocError) {
    try JemallocStatistics.arenasAreStable.withLock { _ throws(JemallocError) in
      try JemallocControl.standardDirtyDecay.write(decay.dirtyMilliseconds)
      try JemallocControl.standardMuzzyDecay.write(decay.muzzyMilliseconds)
      for arena in 0..<(try JemallocControl.arenaCount.read(initial: UInt32(0))) {
        do throws(JemallocError) {
          try JemallocControl.dirtyDecay.write(decay.dirtyMilliseconds, arena: arena)
          try JemallocControl.muzzyDecay.write(decay.muzzyMilliseconds, arena: arena)
        } catch {
          // No thread has needed such an arena yet: it will begin with the standard times.
          guard case .controlFailed(_, let code) = error, code == EFAULT else { throw error }
        }
      }
    }
  }

  /// Gives the memory of everything that is free, in all arenas, back to the kernel.
  ///
  /// What threads hold in their caches is not free in this sense.
  public static func purgeAll() throws(JemallocError) {
    try JemallocStatistics.arenasAreStable.withLock { _ throws(JemallocError) in
      try JemallocControl.purge.run(arena: JemallocControl.allArenas)
    }
  }
}
