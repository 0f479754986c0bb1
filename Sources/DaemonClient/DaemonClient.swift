// The client's side of the daemon's language, over a Unix socket or loopback.

import DaemonAPI

/// Where a daemon is, and a call for every question.
public struct DaemonClient: Sendable {}
