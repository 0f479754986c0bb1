// Why the daemon does not serve.

/// A daemon that does not start, or that ended before it was asked to.
public struct ServerError: Error, Hashable, Sendable, CustomStringConvertible {
  public var kind: Kind

  /// One line: fact; mend.
  public var description: String

  public init(_ kind: Kind, _ description: String) {
    self.kind = kind
    self.description = description
  }

  /// What the process ends with.
  public var exitCode: Int32 {
    switch kind {
    case .fault: 1
    case .permission: 6
    case .usage: 64
    case .running: 75
    }
  }

  public enum Kind: Hashable, Sendable {
    /// The system refused something that it usually does not.
    case fault

    /// A file or folder is not the user's alone, or is not what it has to be.
    case permission

    /// The configuration cannot be.
    case usage

    /// Another daemon has the runtime folder.
    case running
  }
}
