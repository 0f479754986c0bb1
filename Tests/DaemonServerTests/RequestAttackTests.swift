// Requests that mean no good: all refused, and the next one is answered.

import DaemonAPI
import Foundation
import Synchronization
import Testing

@testable import DaemonServer

/// The attacks by way of requests, numbered on from `FileAttackTests`.
struct RequestAttackTests {
  static func overTCP(
    _ server: RunningServer, path: String = "/v1/status", host: String? = nil,
    fields: String
  ) async throws -> Reply {
    let port = try server.port
    let wire = try await Wire.tcp(port)
    await wire.send(
      "GET \(path) HTTP/1.1\r\nHost: \(host ?? "127.0.0.1:\(port)")\r\n\(fields)"
        + "Connection: close\r\n\r\n")
    return Reply(try await wire.readToEnd())
  }

  @Test("A21: a page has its name resolved to loopback") func rebinding() async throws {
    try await withServer(tcp: true) { server in
      let bearer = "Authorization: Bearer \(try server.token)\r\n"
      let port = try server.port
      for host in [
        "evil.example", "evil.example:\(port)", "127.0.0.1", "127.0.0.1:1",
        "localhost.evil.example",
        "127.0.0.1:\(port)@evil.example", "",
      ] {
        let reply = try await Self.overTCP(server, host: host, fields: bearer)
        #expect(reply.status == 403, "\(host)")
      }
      for host in ["localhost:\(port)", "127.0.0.1:\(port)", "[::1]:\(port)", "LOCALHOST:\(port)"] {
        let reply = try await Self.overTCP(server, host: host, fields: bearer)
        #expect(reply.status == 200, "\(host)")
      }
    }
  }

  @Test("A22: a page of another origin asks") func otherOrigin() async throws {
    try await withServer(tcp: true) { server in
      let bearer = "Authorization: Bearer \(try server.token)\r\n"
      for field in ["Origin: http://evil.example", "Origin: null", "Sec-Fetch-Site: cross-site"] {
        let reply = try await Self.overTCP(server, fields: bearer + field + "\r\n")
        #expect(reply.status == 403, "\(field)")
        #expect(!reply.description.lowercased().contains("access-control"))
      }
    }
  }

  @Test("A23: the token is missing, wrong, or begins well") func wrongToken() async throws {
    try await withServer(tcp: true) { server in
      let token = try server.token
      for field in [
        "", "Authorization: Bearer\r\n", "Authorization: Bearer \r\n",
        "Authorization: Bearer \(token.dropLast())\r\n", "Authorization: Bearer \(token)a\r\n",
        "Authorization: Bearer \(token)\(token)\r\n", "Authorization: Basic \(token)\r\n",
        "Authorization: Bearer \(token.uppercased())x\r\n",
        "Authorization: Bearer \(token)\r\nAuthorization: Bearer x\r\n",
      ] {
        let reply = try await Self.overTCP(server, fields: field)
        #expect(reply.status == 401, "\(field)")
        #expect(reply.field("WWW-Authenticate") == #"Bearer realm="greenbench""#)
      }
      let good = try await Self.overTCP(server, fields: "Authorization: Bearer \(token)\r\n")
      #expect(good.status == 200)
    }
  }

  @Test("A23: only the very token matches") func comparesAllOfTheToken() throws {
    let text = String(repeating: "ab", count: 32)
    let token = try #require(Token([UInt8](text.utf8)))
    #expect(token.matches(text))
    for other in [
      "", "a", "ab", text.dropLast() + "a", "b" + text.dropFirst(), text + "a", text + text,
    ] {
      #expect(!token.matches(other), "\(other)")
    }
  }

  @Test(
    "A24: the path leads elsewhere",
    arguments: [
      "/v1/../v1/status", "/v1/%2e%2e/v1/status", "/v1//status", "/v1/status/", "/%76%31/status%00",
      "/v1/sessions/..%2f..%2fetc%2fpasswd", "/v1/jobs/1%2fcancel", "/v1/jobs/%ff", "/v1/jobs/-1",
      "/v1/jobs/+1", "/v1/jobs/99999999999999999999", "/v1/status;x", "/v1/%zz", "//v1/status",
    ])
  func traversal(path: String) async throws {
    try await withServer { server in
      let reply = try await server.get(path)
      #expect(reply.status == 404 || reply.status == 400, "\(reply)")
      #expect(server.service.state.withLock { $0.asked.isEmpty })
    }
  }

  @Test(
    "A25: two readers would see two requests in it",
    arguments: [
      "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
      "Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
      "Content-Length: 3, 3\r\n\r\nabc", "Content-Length: +3\r\n\r\nabc",
      "Content-Length: -1\r\n\r\n", "Content-Length: 0x3\r\n\r\nabc",
      "Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
      "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
      "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n", "X: a\r\n b\r\nY\r\n\r\n",
      "Transfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n", "Host: y\r\n\r\n",
      "X: a\u{0}b\r\n\r\n", "Transfer-Encoding: chunked\r\n\r\nzz\r\n\r\n",
    ])
  func smuggling(rest: String) async throws {
    try await withServer { server in
      let wire = try await server.wire()
      await wire.send(
        "POST /v1/jobs HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n\(rest)"
          + "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
      let reply = Reply(try await wire.readToEnd())
      #expect([400, 413, 501].contains(reply.status), "\(reply)")
      #expect(!reply.description.contains("ok\n"), "what follows was taken for a request")
      #expect(try await server.get("/healthz").status == 200)
    }
  }

  @Test("A26: the head is huge") func hugeHead() async throws {
    try await withServer { server in
      let long = String(repeating: "a", count: 9000)
      let status = try await server.get("/v1/\(long)").status
      #expect([414, 431].contains(status))
      #expect(try await server.get("/v1", fields: "X: \(long)\r\n").status == 431)
      let many = (0..<101).map { "X\($0): a\r\n" }.joined()
      #expect(try await server.get("/v1", fields: many).status == 431)
      let wide = (0..<4).map { "X\($0): \(String(repeating: "b", count: 6000))\r\n" }.joined()
      #expect(try await server.get("/v1", fields: wide).status == 431)
      #expect(try await server.get("/healthz").status == 200)
    }
  }

  @Test("A27: the body is huge, or its length is a lie") func hugeBody() async throws {
    try await withServer { server in
      let most = DaemonProtocol.requestBytesMax
      let announced = try await server.ask(
        "POST /v1/jobs HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
          + "Content-Length: \(most + 1)\r\n\r\n")
      #expect(announced.status == 413)
      #expect(announced.field("Connection") == "close")
      let absurd = try await server.ask(
        "POST /v1/jobs HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
          + "Content-Length: 99999999999999999999\r\n\r\n")
      #expect([400, 413].contains(absurd.status))
      let wire = try await server.wire()
      await wire.send(
        "POST /v1/jobs HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
          + "Transfer-Encoding: chunked\r\n\r\n")
      let chunk = "10000\r\n" + String(repeating: " ", count: 0x10000) + "\r\n"
      // Sending ends by itself when the server has had enough.
      for _ in 0..<64 where await wire.send(chunk) {}
      #expect(Reply(try await wire.readToEnd()).status == 413)
      #expect(try await server.get("/healthz").status == 200)
    }
  }

  @Test("A28: a proxy's or another protocol's request comes") func otherProtocols() async throws {
    try await withServer { server in
      for (text, status) in [
        ("GET http://evil.example/v1/status HTTP/1.1\r\nHost: x\r\n\r\n", 400),
        ("CONNECT evil.example:443 HTTP/1.1\r\nHost: x\r\n\r\n", 400),
        ("OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n", 400),
        ("GET /v1 HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n", 400),
        ("GET /v1 HTTP/1.0\r\n\r\n", 505), ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400),
        ("GET /v1 HTTP/3.1\r\n\r\n", 505), ("SSH-2.0-OpenSSH\r\n\r\n", 400),
        ("\u{16}\u{3}\u{1}\u{2}\u{0}\r\n\r\n", 400), ("GET /v1\r\n\r\n", 505),
        ("BREW /v1 HTTP/1.1\r\nHost: x\r\n\r\n", 400),
      ] {
        let reply = try await server.ask(text)
        #expect(reply.status == status, "\(text): \(reply)")
        #expect(reply.field("Connection") == "close", "\(text)")
        #expect(reply.body.contains(#""detail":"#), "\(text)")
      }
      #expect(try await server.get("/healthz").status == 200)
    }
  }

  @Test(
    "A29: the body is no request of this language",
    arguments: [
      ("", "is empty"), ("{", "is no JSON"), ("{}", "\"scenario\" is missing"),
      ("[]", "send an object"), ("null", "of another type"),
      ("{\"scenario\":{\"workload\":1}}", "send a string"),
      (#"{"scenario":{"workload":"a","blok":1}}"#, "did you mean \"blocks\"?"),
      (#"{"scenario":{"workload":"a"},"priority":11}"#, "from -10 to 10"),
      (#"{"scenario":{"workload":"a"},"priority":1.5}"#, "out of its range"),
      (#"{"scenario":{"workload":"a"},"priority":1e999}"#, "out of its range"),
      (#"{"scenario":{"workload":"a"},"priority":1,"priority":2}"#, "there twice"),
      (#"{"scenario":{"workload":"\u0000"}}"#, "is no name"),
      (#"{"scenario":{"workload":"a"},"client":""}"#, "client is no name"),
      (#"{"scenario":{"workload":"a","parameters":{"x":[]}}}"#, "is empty"),
      (#"{"scenario":{"workload":"a"}} x"#, "is no JSON"),
      (#"{"scenario":{"workload":"a"},"time_budget_s":-1}"#, "time_budget_s"),
    ])
  func nonsense(body: String, word: String) async throws {
    try await withServer { server in
      let reply = try await server.post("/v1/jobs", body)
      #expect(reply.status == 400, "\(reply)")
      #expect(reply.body.replacing("\\\"", with: "\"").contains(word), "\(reply.body)")
    }
  }

  @Test("A29: the body nests, or lists, without end; or is no text") func deepBodies() async throws
  {
    try await withServer { server in
      let deep = String(repeating: "[", count: 500_000)
      #expect(try await server.post("/v1/jobs", deep).body.contains("more than 32 levels"))
      let long =
        #"{"scenario":{"workload":"a","stacks":["# + String(repeating: "1,", count: 2000) + "1]}}"
      #expect(try await server.post("/v1/jobs", long).body.contains("more than 1000 entries"))
      let wire = try await server.wire()
      await wire.send(
        [UInt8](
          ("POST /v1/jobs HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
            + "Content-Length: 2\r\nConnection: close\r\n\r\n").utf8) + [0xC3, 0x28])
      #expect(try await wire.readToEnd().contains("is not UTF-8"))
      let form = try await server.ask(
        "POST /v1/jobs HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n"
          + "Connection: close\r\n\r\n{}")
      #expect(form.status == 415)
    }
  }

  @Test(
    "A30: the query is not of this language",
    arguments: [
      "limit=0", "limit=1001", "limit=x", "limit=", "limit=1&limit=2", "limt=1", "state=sleeping",
      "client=%00", "client=%zz", "before=-1", "=", "&", "limit=99999999999999999999", "client=",
    ])
  func queries(query: String) async throws {
    try await withServer { server in
      let reply = try await server.get("/v1/jobs?\(query)")
      #expect(reply.status == 400, "\(reply)")
    }
  }
}
