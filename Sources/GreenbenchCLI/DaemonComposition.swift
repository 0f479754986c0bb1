// The daemon, put together: store, jobs, workers and sockets.

/// Makes the parts of a daemon and lets them run.
enum DaemonComposition {
  /// A part of the daemon is not there.
  struct Incomplete: ExitCoded, CustomStringConvertible {
    var exitCode: Int32 { ExitCodes.internalError.rawValue }
    var description: String { "this program has no job service; build one that has" }
  }

  /// Serves until a signal ends it.
  static func serve(_ options: DaemonRunOptions) async throws { throw Incomplete() }
}
