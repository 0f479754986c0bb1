// Which of jemalloc's arenas memory comes from.

/// An arena of one's own, one for the whole process, or none in particular.
///
/// The raw values are the names in results and on the command line.
public enum ArenaChoice: String, CaseIterable, Hashable, Sendable {
  /// An arena that nobody else uses; it is destroyed with its ``JemallocArena``.
  case dedicated = "jemalloc"

  /// One arena for all in the process that choose it; it is never destroyed.
  case shared = "jemalloc-shared"

  /// jemalloc's ordinary arenas, which everything else comes from too.
  ///
  /// Their memory is jemalloc's business: it has no name, may be huge pages where the kernel makes
  /// them unasked, and blocks of 8 MiB or more go back to the kernel as soon as they are free.
  case ordinary = "jemalloc-none"
}
