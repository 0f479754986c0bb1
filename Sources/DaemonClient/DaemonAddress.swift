// Where a daemon is: a Unix socket of the user's own, or a port of loopback with a token.

import Glibc

/// The address of a daemon.
public enum DaemonAddress: Hashable, Sendable {
  /// A Unix socket, which must belong to the user, in a folder that is the user's alone.
  case socket(path: String)

  /// A port of loopback, and the file with the token that the daemon wants to see.
  case loopback(host: String, port: Int, tokenFile: String)

  /// Reads `http://127.0.0.1:PORT`; localhost and [::1] are the other hosts that there are.
  ///
  /// - Parameters:
  ///   - url: The address; nothing may follow the port but a slash.
  ///   - tokenFile: Path of the file with the token.
  /// - Returns: The address; nil for anything that is not loopback.
  public static func url(_ url: String, tokenFile: String) -> DaemonAddress? {
    guard url.hasPrefix("http://") else { return nil }
    var rest = url.dropFirst("http://".count)
    if rest.hasSuffix("/") { rest.removeLast() }
    for host in ["127.0.0.1", "localhost", "[::1]"] where rest.hasPrefix(host + ":") {
      guard let port = Int(rest.dropFirst(host.count + 1)), (1...65535).contains(port) else {
        return nil
      }
      // A name would be looked up, and could then be another machine.
      let numeric = host == "[::1]" ? "::1" : "127.0.0.1"
      return .loopback(host: numeric, port: port, tokenFile: tokenFile)
    }
    return nil
  }

  /// For sentences.
  var place: String {
    switch self {
    case .socket(let path): path
    case .loopback(let host, let port, _): "\(bracketed(host)):\(port)"
    }
  }

  /// What the Host header says.
  var host: String {
    switch self {
    case .socket: "greenbench"
    case .loopback: place
    }
  }

  private func bracketed(_ host: String) -> String { host.contains(":") ? "[\(host)]" : host }
}

/// Who listens at the other end of a Unix socket, as the kernel knows it.
public struct DaemonPeer: Hashable, Sendable {
  /// Under socket activation it is the process that made the socket, not the one that answers.
  public var pid: Int32
  public var uid: UInt32

  /// Whether it is the same user, or the superuser, who could be anybody anyway.
  var isTrusted: Bool { uid == geteuid() || uid == 0 }
}
