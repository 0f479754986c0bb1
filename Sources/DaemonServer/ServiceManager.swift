// What a service manager gives to the daemon, and is told by it: sd_listen_fds(3), sd_notify(3).

/// The service manager, by the environment; without one, all calls do nothing.
struct ServiceManager: Sendable {
  /// Where it listens.
  private let address: String?

  /// The first and how many descriptors it handed down.
  let inherited: Range<Int32>

  /// Seconds after which it takes the daemon for dead.
  let watchdogSeconds: Double?

  init(environment: [String: String], process: Int32) {
    address = environment["NOTIFY_SOCKET"]
    let isOurs = environment["LISTEN_PID"].flatMap { Int32($0) } == process
    let count = environment["LISTEN_FDS"].flatMap { Int32($0) } ?? 0
    inherited = isOurs && 1...16 ~= count ? 3..<(3 + count) : 3..<3
    // The watchdog may be meant for another process of the service.
    let isWatched = environment["WATCHDOG_PID"].flatMap { Int32($0) } ?? process == process
    watchdogSeconds =
      isWatched
      ? environment["WATCHDOG_USEC"].flatMap { Double($0) }.flatMap { $0 > 0 ? $0 / 1e6 : nil }
      : nil
  }

  var isThere: Bool { address != nil }

  enum Notice: Hashable {
    case ready, stopping, watchdog

    /// The manager wants the monotonic clock with it, to tell it from older ones.
    case reloading(monotonicMicroseconds: Int64)
    case status(String)

    var text: String {
      switch self {
      case .ready: "READY=1"
      case .stopping: "STOPPING=1"
      case .watchdog: "WATCHDOG=1"
      case .reloading(let microseconds): "RELOADING=1\nMONOTONIC_USEC=\(microseconds)"
      case .status(let text): "STATUS=\(text)"
      }
    }
  }

  /// Tells the manager; what does not reach it changes nothing here.
  func tell(_ notices: Notice...) {
    guard let address else { return }
    // The manager finds out by its own deadlines that it was not told.
    try? SystemCalls.notify(address, notices.map(\.text).joined(separator: "\n"))
  }
}
