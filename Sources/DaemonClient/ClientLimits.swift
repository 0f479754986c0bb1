// How long a client waits, and how much it reads.

/// Deadlines and bounds of a client.
public struct ClientLimits: Hashable, Sendable {
  /// For a whole question, from the connection to the last byte of the answer.
  public var deadline = Duration.seconds(10)

  /// For a stream: a daemon that lives sends something every 15 s.
  public var silence = Duration.seconds(60)

  /// The longest answer and the longest event that are read, in bytes.
  public var answerBytesMax = 64 << 20

  /// How often a lost stream is taken up again before it is given up.
  ///
  /// A daemon is back within two seconds; the pauses add up to some more.
  public var resumptionsMax = 8

  /// The first pause before a lost stream is taken up again; doubles up to 2 s.
  public var resumptionPause = Duration.milliseconds(100)

  public init() {}
}
