// Who is behind a connection over the Unix socket.

import CSockets
import NIOCore

enum PeerCheck {
  /// A connection of somebody else.
  struct Foreign: Error {}

  /// The user that the kernel noted when the connection was made; nil when it does not tell.
  static func user(behind channel: any Channel) -> EventLoopFuture<UInt32?> {
    guard let provider = channel as? any SocketOptionProvider else {
      return channel.eventLoop.makeSucceededFuture(nil)
    }
    // SAFETY: the option's value is a `struct ucred`: three words, a process and two ids, as
    // gb_peer has them.
    let peer: EventLoopFuture<gb_peer> = provider.unsafeGetSocketOption(
      level: .socket, name: NIOBSDSocket.Option(rawValue: GB_PEER_OPTION))
    return peer.map { $0.uid }.flatMapErrorThrowing { _ in nil }
  }

  /// The daemon runs programs as its user: that is for this user alone, and not even for root,
  /// whose way is to become that user.
  static func mayAsk(_ peer: UInt32?, of user: UInt32) -> Bool { peer == user }
}
