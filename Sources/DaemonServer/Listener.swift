// The sockets that the daemon listens on: its own, or those that a service manager made.

import CSockets
import DaemonAPI

/// A listening socket.
struct Listener: ~Copyable {
  enum Kind: Hashable, Sendable {
    case unix

    /// Loopback only.
    case tcp(port: UInt16)
  }

  let kind: Kind
  let socket: Descriptor

  /// For people.
  let address: String

  /// Takes a socket that this process was started with.
  ///
  /// - Throws: That it is none, does not listen, or can be reached from outside.
  static func inherited(_ number: Int32) throws(ServerError) -> Listener {
    let facts = SystemCalls.describe(number)
    SystemCalls.keepFromChildren(number)
    let mend = "mend the socket unit"
    guard facts.family != 0 else {
      throw ServerError(.usage, "descriptor \(number) is no socket; \(mend)")
    }
    guard facts.is_stream == 1, facts.is_listening == 1 else {
      throw ServerError(.usage, "descriptor \(number) does not listen for streams; \(mend)")
    }
    let isUnix = facts.family == 1
    guard isUnix || facts.is_loopback == 1 else {
      throw ServerError(
        .permission, "descriptor \(number) listens beyond loopback; \(mend)")
    }
    return Listener(
      kind: isUnix ? .unix : .tcp(port: UInt16(facts.port)),
      socket: Descriptor(open: number),
      address: isUnix
        ? "the service manager's Unix socket" : "http://127.0.0.1:\(facts.port)")
  }

  /// Makes the Unix socket, in the place of one that a daemon left when it was killed.
  ///
  /// The claim says that no daemon lives that would still want it.
  static func unix(_ claim: RuntimeClaim) throws(ServerError) -> Listener {
    let path = claim.paths.socket
    let name = RuntimePaths.socketName
    if let old = try claim.folder.facts(of: name) {
      guard old.kind == .socket else {
        throw ServerError(
          .permission, "\(path) is no socket; look who made it, then remove it")
      }
      guard old.user == SystemCalls.user else {
        throw ServerError(
          .permission, "\(path) belongs to user \(old.user); look who made it, then remove it")
      }
      try claim.folder.remove(name)
    }
    let listener: Listener
    do {
      listener = Listener(
        kind: .unix, socket: try SystemCalls.listen(onUnixSocket: path), address: path)
    } catch {
      throw ServerError(
        .permission, "\(path) cannot be listened on: \(error.reason); look what is in the folder")
    }
    // By the open folder, which nobody can have exchanged.
    let made = try claim.folder.facts(of: name)
    guard made?.kind == .socket, made?.user == SystemCalls.user, made?.mode == 0o600 else {
      throw ServerError(
        .permission,
        "\(path) is not what was made there; look who else writes to \(claim.paths.folder)")
    }
    return listener
  }

  /// Listens on loopback.
  ///
  /// - Returns: nil where the machine has no such loopback.
  static func loopback(port: UInt16, isIPv6: Bool) throws(ServerError) -> Listener? {
    do {
      let socket = try SystemCalls.listen(onLoopbackPort: port, isIPv6: isIPv6)
      let taken = UInt16(SystemCalls.describe(socket.number).port)
      return Listener(
        kind: .tcp(port: taken), socket: socket,
        address: "http://\(isIPv6 ? "[::1]" : "127.0.0.1"):\(taken)")
    } catch {
      if error.isUnsupported { return nil }
      throw ServerError(
        .usage, "port \(port) of loopback: \(error.reason); name another one with --tcp-port")
    }
  }
}
