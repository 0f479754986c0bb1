// An allocator that keeps little, for a process that lives long: it is chosen before main.

#if GB_JEMALLOC
  import Foundation
  import Glibc
#endif

/// How the daemon's own process is given memory; workers, which are measured, have the standard.
enum FrugalAllocator {
  #if GB_JEMALLOC
    private static let name = "MALLOC_CONF"

    /// One arena, no caches of threads, slabs of a page for what is small: what is free is not spread
    /// over many places, each of which would keep some of it, and more of it every hour.
    private static let setting = "narenas:1,tcache:false,slab_sizes:1-512:1"
  #endif

  /// Becomes this program anew, with such an allocator; returns in the new one, or where that cannot be.
  ///
  /// To be called by the first thread: the kernel's "die with the parent" is one thread's, and is
  /// lost where another one becomes the new program.
  ///
  /// jemalloc takes its arenas, caches and slabs before main, and nothing can change them later. What
  /// somebody says in `MALLOC_CONF` goes before ours, and is all that workers hear of.
  static func begin() {
    #if GB_JEMALLOC
      // By its name alone another program might be found.
      guard ThisProgram.path.hasPrefix("/") else { return }
      let said = ProcessInfo.processInfo.environment[name]
      if let said, (said + ",").hasPrefix(setting + ",") {
        let theirs = String(said.dropFirst(setting.count + 1))
        // SAFETY: no other thread runs yet.
        _ = unsafe theirs.isEmpty ? unsetenv(name) : setenv(name, theirs, 1)
        return
      }
      // SAFETY: as above; the arguments are the ones that we were given.
      _ = unsafe setenv(name, said.map { $0.isEmpty ? setting : "\(setting),\($0)" } ?? setting, 1)
      _ = unsafe execv(ThisProgram.path, CommandLine.unsafeArgv)
      // The file was replaced meanwhile, or may not be executed again; the standard works, too.
      _ = unsafe said.map { unsafe setenv(name, $0, 1) } ?? unsetenv(name)
    #endif
  }
}
