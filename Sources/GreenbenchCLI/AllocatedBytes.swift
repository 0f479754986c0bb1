// What the allocator of this process has handed out.

#if GB_JEMALLOC
  import JemallocStacks
  import Stacks
#endif

/// Bytes that were allocated and not freed.
enum AllocatedBytes {
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
