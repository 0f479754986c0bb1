// The version and the limits of what a daemon and its clients say to each other.

/// The language of the daemon: HTTP/1.1 with JSON bodies, under one versioned path.
///
/// Grows by new paths and new optional members only; anything else is another version.
public enum DaemonProtocol {
  /// The first part of every path but those for probes.
  public static let root = "/v1"

  /// The longest body of a request that is read, in bytes.
  public static let requestBytesMax = 1 << 20

  /// The most jobs that wait at once, of all clients together.
  public static let queuedJobsMax = 1000

  /// Priorities: a greater one goes first.
  public static let priorities = -10...10

  /// The most entries of a page of jobs, sessions or events.
  public static let pageMax = 1000

  /// The header that makes a repeated submission the same one.
  public static let idempotencyHeader = "Idempotency-Key"

  /// The longest idempotency key and the longest client's name, in bytes.
  public static let nameBytesMax = 128
}
