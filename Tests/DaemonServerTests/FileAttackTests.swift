// What others may have put into the folder before the daemon came: all refused.

import CSockets
import DaemonAPI
import Foundation
import Logging
import Testing

@testable import DaemonServer

/// Sixteen attacks by way of the file system; `RequestAttackTests` has those by way of requests.
struct FileAttackTests {
  static let isRoot = geteuid() == 0
  static let nobody: UInt32 = 65534

  /// A folder with a runtime folder in it that a daemon would take.
  static func prepared() throws -> Folder {
    let folder = try Folder()
    try FileManager.default.createDirectory(
      atPath: folder.runtime.folder, withIntermediateDirectories: false,
      attributes: [.posixPermissions: 0o700])
    return folder
  }

  static func write(_ text: String, to path: String, mode: Int = 0o600) throws {
    try Data(text.utf8).write(to: URL(filePath: path))
    try chmod(path, mode)
  }

  static func chmod(_ path: String, _ mode: Int) throws {
    try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: path)
  }

  static func giveAway(_ path: String) throws {
    try FileManager.default.setAttributes(
      [.ownerAccountID: Int(nobody)], ofItemAtPath: path)
  }

  /// What a daemon says that may not start there.
  static func refusal(
    _ folder: Folder, tcp: Bool = false, environment: [String: String] = [:]
  ) async throws -> ServerError {
    try await #require(throws: ServerError.self) {
      try await withServer(
        in: folder, tcp: tcp, adjust: .set(\.environment, environment)
      ) { _ in }
    }
  }

  @Test("A1: the runtime folder is a link") func linkedFolder() async throws {
    let folder = try Folder()
    try FileManager.default.createSymbolicLink(
      atPath: folder.runtime.folder, withDestinationPath: "/tmp")
    let error = try await Self.refusal(folder)
    #expect(error.exitCode == 6)
    #expect(error.description.contains("is a link or no folder"))
  }

  @Test("A2: the runtime folder is another user's", .enabled(if: isRoot))
  func foreignFolder() async throws {
    let folder = try Self.prepared()
    try Self.giveAway(folder.runtime.folder)
    let error = try await Self.refusal(folder)
    #expect(error.exitCode == 6)
    #expect(error.description.contains("belongs to user 65534"))
  }

  @Test("A3: the runtime folder lets others in", arguments: [0o770, 0o701, 0o777, 0o710])
  func openFolder(mode: Int) async throws {
    let folder = try Self.prepared()
    try Self.chmod(folder.runtime.folder, mode)
    let error = try await Self.refusal(folder)
    #expect(error.exitCode == 6)
    #expect(error.description.contains("has mode \(String(mode, radix: 8))"))
  }

  @Test("A4: the folder above can be written by anybody") func openParent() async throws {
    let folder = try Self.prepared()
    try Self.chmod(folder.path, 0o777)
    let error = try await Self.refusal(folder)
    #expect(error.description.contains("anybody may write to"))
    // Sticky, as /tmp is: others cannot rename what is not theirs.
    try Self.chmod(folder.path, 0o1777)
    try await withServer(in: folder) { _ in }
  }

  @Test("A5: a file stands in the socket's place") func fileAtSocket() async throws {
    let folder = try Self.prepared()
    try Self.write("precious", to: folder.runtime.socket)
    let error = try await Self.refusal(folder)
    #expect(error.exitCode == 6)
    #expect(error.description.contains("is no socket"))
    let kept = try String(contentsOfFile: folder.runtime.socket, encoding: .utf8)
    #expect(kept == "precious")
  }

  @Test("A6: a link stands in the socket's place") func linkAtSocket() async throws {
    let folder = try Self.prepared()
    try FileManager.default.createSymbolicLink(
      atPath: folder.runtime.socket, withDestinationPath: "\(folder.path)/elsewhere")
    let error = try await Self.refusal(folder)
    #expect(error.description.contains("is no socket"))
    #expect(!FileManager.default.fileExists(atPath: "\(folder.path)/elsewhere"))
  }

  @Test("A7: a FIFO stands in the socket's place") func fifoAtSocket() async throws {
    let folder = try Self.prepared()
    #expect(unsafe mkfifo(folder.runtime.socket, 0o600) == 0)
    let error = try await Self.refusal(folder)
    #expect(error.description.contains("is no socket"))
  }

  @Test("A8: another user's socket stands there", .enabled(if: isRoot))
  func foreignSocket() async throws {
    let folder = try Self.prepared()
    close(unsafe gb_unix_listen(folder.runtime.socket, 1))
    try Self.giveAway(folder.runtime.socket)
    let error = try await Self.refusal(folder)
    #expect(error.description.contains("belongs to user 65534"))
    #expect(FileManager.default.fileExists(atPath: folder.runtime.socket))
  }

  @Test("A9: the lock is a link") func linkedLock() async throws {
    let folder = try Self.prepared()
    try Self.write("precious", to: "\(folder.path)/target")
    try FileManager.default.createSymbolicLink(
      atPath: folder.runtime.lock, withDestinationPath: "\(folder.path)/target")
    let error = try await Self.refusal(folder)
    #expect(error.description.contains("daemon.lock is a link"))
    let kept = try String(contentsOfFile: "\(folder.path)/target", encoding: .utf8)
    #expect(kept == "precious")
  }

  @Test("A10: the lock has a second name") func hardLinkedLock() async throws {
    let folder = try Self.prepared()
    try Self.write("precious", to: "\(folder.path)/target")
    try FileManager.default.linkItem(
      atPath: "\(folder.path)/target", toPath: folder.runtime.lock)
    let error = try await Self.refusal(folder)
    #expect(error.description.contains("has 2 names"))
    let kept = try String(contentsOfFile: "\(folder.path)/target", encoding: .utf8)
    #expect(kept == "precious")
  }

  @Test("A11: the lock is another user's", .enabled(if: isRoot)) func foreignLock() async throws {
    let folder = try Self.prepared()
    try Self.write("", to: folder.runtime.lock)
    try Self.giveAway(folder.runtime.lock)
    let error = try await Self.refusal(folder)
    #expect(error.description.contains("belongs to user 65534"))
  }

  @Test("A12: others can read the token", arguments: [0o644, 0o640, 0o604, 0o620])
  func openToken(mode: Int) async throws {
    let folder = try Self.prepared()
    try Self.write(String(repeating: "a", count: 64), to: folder.runtime.token, mode: mode)
    let error = try await Self.refusal(folder, tcp: true)
    #expect(error.exitCode == 6)
    #expect(error.description.contains("600 keeps others out"))
  }

  @Test("A13: the token is a link") func linkedToken() async throws {
    let folder = try Self.prepared()
    try Self.write(String(repeating: "a", count: 64), to: "\(folder.path)/target")
    try FileManager.default.createSymbolicLink(
      atPath: folder.runtime.token, withDestinationPath: "\(folder.path)/target")
    let error = try await Self.refusal(folder, tcp: true)
    #expect(error.description.contains("token is a link"))
  }

  @Test(
    "A14: the token can be guessed",
    arguments: [
      "", "short", String(repeating: "a", count: 31), "a b" + String(repeating: "a", count: 61),
    ])
  func weakToken(text: String) async throws {
    let folder = try Self.prepared()
    try Self.write(text, to: folder.runtime.token)
    let error = try await Self.refusal(folder, tcp: true)
    #expect(error.exitCode == 6)
    #expect(error.description.contains("is no token"))
  }

  @Test("A15: a descriptor is not what a service manager would hand down")
  func wrongDescriptors() throws {
    let folder = try Self.prepared()
    let file = unsafe open("/dev/null", O_RDONLY)
    let stream = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
    let datagram = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue), 0)
    let everywhere = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    #expect(listen(everywhere, 1) == 0)
    defer { for number in [file, stream, datagram, everywhere] { close(number) } }
    for (number, word) in [
      (file, "is no socket"), (stream, "does not listen"), (datagram, "does not listen"),
      (everywhere, "beyond loopback"), (Int32(900), "is no socket"),
    ] {
      let error = #expect(throws: ServerError.self) { _ = try Listener.inherited(number) }
      #expect(error?.description.contains(word) == true, "\(number)")
    }
    let good = unsafe gb_unix_listen(folder.runtime.socket, 1)
    // Closes it when it goes.
    let kind = try Listener.inherited(good).kind
    #expect(kind == .unix)
  }

  @Test("A16: what is made is the user's alone, whatever the umask was") func makesNothingOpen()
    async throws
  {
    let folder = try Folder()
    try await withServer(in: folder, tcp: true) { server in
      let paths = server.configuration.paths
      for (path, mode) in [
        (paths.folder, 0o700), (paths.socket, 0o600), (paths.lock, 0o600), (paths.token, 0o600),
      ] {
        let found = try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions]
        #expect(found as? Int == mode, "\(path)")
      }
      #expect(try server.token.utf8.count == 64)
    }
    #expect(!FileManager.default.fileExists(atPath: folder.runtime.socket))
  }

  @Test("A17: two daemons want one folder") func secondDaemon() async throws {
    let folder = try Folder()
    try await withServer(in: folder) { server in
      let error = #expect(throws: ServerError.self) { _ = try RuntimeClaim(folder.runtime) }
      #expect(error?.exitCode == 75)
      #expect(error?.description.contains("(pid \(getpid()))") == true)
      // The first one's socket is where it was.
      let reply = try await server.get("/healthz")
      #expect(reply.status == 200)
    }
  }

  @Test("A18: a killed daemon left its socket and its lock") func staleSocket() async throws {
    let folder = try Self.prepared()
    close(unsafe gb_unix_listen(folder.runtime.socket, 1))
    try Self.write("1\n", to: folder.runtime.lock)
    try await withServer(in: folder) { server in
      let reply = try await server.get("/healthz")
      #expect(reply.status == 200)
    }
  }

  @Test("A19: the socket's path is too long for the kernel") func longPath() async throws {
    let paths = RuntimePaths(folder: "/tmp/" + String(repeating: "x", count: 100))
    let error = #expect(throws: ServerError.self) { _ = try RuntimeClaim(paths) }
    #expect(error?.exitCode == 64)
    #expect(error?.description.contains("at most 107") == true)
  }

  @Test(
    "A20: another user connects",
    .enabled(
      if: isRoot && FileManager.default.isExecutableFile(atPath: "/usr/bin/setpriv")
        && FileManager.default.isExecutableFile(atPath: "/usr/bin/env")))
  func foreignPeer() async throws {
    try await withServer { server in
      let paths = server.configuration.paths
      // As if the permissions had failed: what is left is the credentials.
      try Self.chmod(URL(filePath: paths.folder).deletingLastPathComponent().path, 0o711)
      try Self.chmod(paths.folder, 0o711)
      try Self.chmod(paths.socket, 0o666)
      let script = """
        import socket, sys
        s = socket.socket(socket.AF_UNIX); s.settimeout(20); s.connect(sys.argv[1])
        try:
          s.sendall(b'GET /healthz HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n'); print(len(s.recv(100)))
        except (BrokenPipeError, ConnectionResetError): print(0)
        """
      let said = try await onThread {
        let process = Process()
        process.executableURL = URL(filePath: "/usr/bin/setpriv")
        process.arguments = [
          "--reuid=65534", "--regid=65534", "--clear-groups", "/usr/bin/env", "python3", "-c",
          script, paths.socket,
        ]
        let output = Pipe()
        process.standardOutput = output
        try process.run()
        process.waitUntilExit()
        return String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
      }
      #expect(said == "0\n")
      let metrics = try await server.get("/metrics").body
      #expect(metrics.contains(#"greenbench_http_closed_total{reason="foreign"} 1"#))
    }
  }

  @Test("A20: only one's own user may ask, and not even root for another") func peers() {
    #expect(PeerCheck.mayAsk(1000, of: 1000))
    #expect(!PeerCheck.mayAsk(0, of: 1000))
    #expect(!PeerCheck.mayAsk(1001, of: 1000))
    #expect(!PeerCheck.mayAsk(nil, of: 0))
  }
}
