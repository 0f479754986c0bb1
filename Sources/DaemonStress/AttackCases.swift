// The table of attacks by way of the file system.

import DaemonAPI
import Foundation
import Glibc
import StressKit

/// What somebody has prepared, and how it has to end.
struct AttackCase: Sendable {
  enum Way: Sendable {
    /// `daemon run`, with more arguments: it must not start.
    case daemon([String])

    /// Another command, which must not do it.
    case command([String])

    /// No attack, but what is left of a dead daemon: it has to start.
    case served
  }

  var name: String
  var way = Way.daemon([])
  var exit: Int32 = 6
  var words: String
  var needsRoot = false
  var prepare: @Sendable (AttackScene) throws -> Void
}

enum AttackCases {
  static var all: [AttackCase] {
    folders + sockets + locks + tokens + files + clients
  }

  private static let folders: [AttackCase] =
    [
      AttackCase(name: "the runtime folder is a link", words: "is a link or no folder") {
        try $0.link($0.paths.folder, to: "/tmp")
      },
      AttackCase(name: "the runtime folder is a file", words: "is a link or no folder") {
        try $0.write($0.paths.folder)
      },
      AttackCase(
        name: "the runtime folder is another user's", words: "belongs to user 65534",
        needsRoot: true
      ) {
        try $0.makeFolder()
        try $0.giveAway($0.paths.folder)
      },
      AttackCase(name: "anybody may write to the folder above", words: "anybody may write to") {
        try $0.makeFolder()
        try $0.chmod($0.daemon.folder.path, 0o777)
      },
      AttackCase(name: "the folder above is sticky, as /tmp", way: .served, words: "") {
        try $0.chmod($0.daemon.folder.path, 0o1777)
      },
      AttackCase(name: "the socket's path is too long", exit: 64, words: "at most 107") {
        $0.runtimeFolder = $0.daemon.folder.path + "/" + String(repeating: "x", count: 100)
      },
    ]
    + [0o770, 0o701, 0o777, 0o710].map { mode in
      let octal = String(mode, radix: 8)
      return AttackCase(name: "the runtime folder has mode \(octal)", words: "has mode \(octal)") {
        try $0.makeFolder()
        try $0.chmod($0.paths.folder, mode)
      }
    }

  private static let sockets: [AttackCase] = [
    AttackCase(name: "a file stands in the socket's place", words: "is no socket") {
      try $0.makeFolder()
      try $0.write($0.paths.socket)
    },
    AttackCase(name: "a link stands in the socket's place", words: "is no socket") {
      try $0.makeFolder()
      try $0.write($0.treasury)
      try $0.link($0.paths.socket, to: $0.treasury)
    },
    AttackCase(name: "a FIFO stands in the socket's place", words: "is no socket") {
      try $0.makeFolder()
      guard Files.fifo($0.paths.socket) else { throw Finding("no FIFO could be made") }
    },
    AttackCase(
      name: "another user's socket stands there", words: "belongs to user 65534", needsRoot: true
    ) {
      try $0.makeFolder()
      try $0.makeSocket()
      try $0.giveAway($0.paths.socket)
    },
    AttackCase(name: "a dead daemon left its socket and its lock", way: .served, words: "") {
      try $0.makeFolder()
      try $0.makeSocket()
      try $0.write($0.paths.lock, "1\n")
    },
  ]

  private static let locks: [AttackCase] = [
    AttackCase(name: "the lock is a link", words: "daemon.lock is a link") {
      try $0.makeFolder()
      try $0.write($0.treasury)
      try $0.link($0.paths.lock, to: $0.treasury)
    },
    AttackCase(name: "the lock has a second name", words: "has 2 names") {
      try $0.makeFolder()
      try $0.write($0.treasury)
      try $0.secondName($0.paths.lock, of: $0.treasury)
    },
    AttackCase(name: "others may write the lock", words: "600 keeps others out") {
      try $0.makeFolder()
      try $0.write($0.paths.lock, mode: 0o666)
    },
    AttackCase(
      name: "the lock is another user's", words: "belongs to user 65534", needsRoot: true
    ) {
      try $0.makeFolder()
      try $0.write($0.paths.lock)
      try $0.giveAway($0.paths.lock)
    },
    AttackCase(name: "the lock is a FIFO", words: "is no regular file") {
      try $0.makeFolder()
      guard Files.fifo($0.paths.lock) else { throw Finding("no FIFO could be made") }
    },
  ]

  /// A port below 1024 that nobody listens on: the token is looked at before.
  private static let tcp = AttackCase.Way.daemon(["--tcp-port", "1"])
  private static let token = String(repeating: "a", count: 64)

  private static let tokens: [AttackCase] =
    [
      AttackCase(name: "the token is a link", way: tcp, words: "token is a link") {
        try $0.makeFolder()
        try $0.write($0.treasury, token)
        try $0.link($0.paths.token, to: $0.treasury)
      },
      AttackCase(name: "the token has a second name", way: tcp, words: "has 2 names") {
        try $0.makeFolder()
        try $0.write($0.treasury, token)
        try $0.secondName($0.paths.token, of: $0.treasury)
      },
    ]
    + [0o644, 0o604, 0o620].map { mode in
      AttackCase(
        name: "the token has mode \(String(mode, radix: 8))", way: tcp,
        words: "600 keeps others out"
      ) {
        try $0.makeFolder()
        try $0.write($0.paths.token, token, mode: mode)
      }
    }
    + ["", "short", "a b" + token].map { text in
      AttackCase(name: "the token is `\(text.prefix(5))`", way: tcp, words: "is no token") {
        try $0.makeFolder()
        try $0.write($0.paths.token, text)
      }
    }

  private static let files: [AttackCase] = [
    AttackCase(name: "others may write the configuration", words: "others may write it") {
      try $0.chmod($0.daemon.folder.appending(path: "daemon.yaml").path, 0o622)
    },
    AttackCase(
      name: "the configuration is another user's", words: "user 65534's", needsRoot: true
    ) {
      try $0.giveAway($0.daemon.folder.appending(path: "daemon.yaml").path)
    },
    AttackCase(name: "the store is somebody's file", exit: 8, words: "is not a result store") {
      try $0.write($0.daemon.store, treasure)
    },
    AttackCase(name: "anybody may write the store", words: "anybody may write the store") {
      try $0.write($0.daemon.store, "", mode: 0o666)
    },
    AttackCase(name: "the store is a folder", words: "results.sqlite") {
      try FileManager.default.createDirectory(
        atPath: $0.daemon.store, withIntermediateDirectories: false)
    },
    AttackCase(
      name: "the log is a link", way: .command(["daemon", "start"]), words: "daemon.log"
    ) {
      try $0.makeFolder()
      try $0.write($0.treasury)
      try $0.link($0.paths.log, to: $0.treasury)
    },
    AttackCase(
      name: "the log has a second name", way: .command(["daemon", "start"]), words: "daemon.log"
    ) {
      try $0.makeFolder()
      try $0.write($0.treasury)
      try $0.secondName($0.paths.log, of: $0.treasury)
    },
    AttackCase(
      name: "others may read the log", way: .command(["daemon", "start"]), words: "daemon.log"
    ) {
      try $0.makeFolder()
      try $0.write($0.paths.log, mode: 0o644)
    },
  ]

  /// Long enough not to be taken for SQLite's own, short enough to be seen whole.
  private static let treasure = AttackScene.treasure

  private static let clients: [AttackCase] = [
    AttackCase(
      name: "a client's runtime folder is open to others", way: .command(["queue", "ls"]),
      words: "is open to other users"
    ) {
      try $0.makeFolder(0o755)
      try $0.makeSocket()
    },
    AttackCase(
      name: "a client finds a file in the socket's place", way: .command(["queue", "ls"]),
      words: "is no socket"
    ) {
      try $0.makeFolder()
      try $0.write($0.paths.socket)
    },
    AttackCase(
      name: "a client finds another user's socket", way: .command(["queue", "ls"]),
      words: "belongs to another user", needsRoot: true
    ) {
      try $0.makeFolder()
      try $0.makeSocket()
      try $0.giveAway($0.paths.socket)
    },
  ]
}
