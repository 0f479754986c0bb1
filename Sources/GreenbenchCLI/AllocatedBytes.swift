// What the allocator of this process has handed out, and how long it keeps what is free.

#if GB_JEMALLOC
  import JemallocStacks
  import Stacks
#endif

/// Bytes that were allocated and not freed.
enum AllocatedBytes {
  /// Lets the allocator give back what has been free for a second.
  ///
  /// For a process that lives long and is mostly idle: a crowd's answers need not stay resident. At once
  /// would be a call of the kernel and a page fault for much of what an answer needs. The second is counted
  /// by the allocator's own calls; who makes none any more calls `giveBack`.
  ///
  /// - Parameter givesBackAtRest: Whether somebody does; if not, all goes back at once.
  static func keepLittle(givesBackAtRest: Bool) {
    #if GB_JEMALLOC
      // A jemalloc without these controls keeps what it keeps.
      try? JemallocCounters.setDecayOfAll(
        Decay(dirtyMilliseconds: givesBackAtRest ? 1000 : 0, muzzyMilliseconds: 0))
    #endif
  }

  /// Gives back all that is free.
  @Sendable static func giveBack() {
    #if GB_JEMALLOC
      // As above.
      try? JemallocCounters.purgeAll()
    #endif
  }

  /// nil where the allocator is not jemalloc.
  static func now() -> Int? {
    #if GB_JEMALLOC
      // A jemalloc that was built without counts has nothing to say.
      return try? JemallocCounters.statistics.allocated.bytes
    #else
      return nil
    #endif
  }
}
