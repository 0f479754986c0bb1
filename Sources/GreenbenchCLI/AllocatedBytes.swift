// What the allocator of this process has handed out, and how long it keeps what is free.

#if GB_JEMALLOC
  import JemallocStacks
  import Stacks
#endif

/// Bytes that were allocated and not freed.
enum AllocatedBytes {
  /// Lets the allocator give back at once what is free.
  ///
  /// For a process that lives long and is mostly idle: a crowd's answers need not stay resident. Any
  /// other time is counted by the allocator's own calls, of which an arena without threads has none.
  static func keepLittle() {
    #if GB_JEMALLOC
      // A jemalloc without these controls keeps what it keeps.
      try? JemallocCounters.setDecayOfAll(Decay(dirtyMilliseconds: 0, muzzyMilliseconds: 0))
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
