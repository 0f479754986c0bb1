// Requests that are wrong, each made of a right one by a seed.

import Foundation
import StressKit

/// Makes wrong requests.
struct Mutations {
  var generator: TrialGenerator

  /// Statuses with which nonsense is refused; 422 is a scenario that the worker does not have.
  static let refusals: Set<Int> = [
    400, 403, 404, 405, 408, 409, 411, 413, 414, 415, 417, 422, 426, 429, 431, 501, 505,
  ]

  /// A right job, but for its workload, which no worker has: nonsense goes no further than that.
  static let job =
    #"{"scenario":{"workload":"no-such-workload","backends":["native"],"parameters":{"steps":[1]},"#
    + #""stacks":["64KiB"],"blocks":1,"batches_per_visit":1,"batch_ns":100000,"seed":7},"#
    + #""command_line":"stress","client":"stress","priority":0,"resumes":true,"#
    + #""quiet":{"pressure_percent_max":5,"deadline_s":60},"time_budget_s":5}"#

  private mutating func one<Value>(of values: [Value]) -> Value {
    values[Int.random(in: 0..<values.count, using: &generator)]
  }

  private static func message(
    _ method: String, _ path: String, _ body: [UInt8] = [], _ headers: [String] = []
  ) -> [UInt8] {
    Wire.request(method, path, body: body.isEmpty && method == "GET" ? nil : body, headers: headers)
  }

  /// One that is HTTP and says nothing sensible: it is answered, and the connection goes on.
  mutating func spoken() -> [UInt8] {
    switch Int.random(in: 0..<10, using: &generator) {
    case 0: Self.message("GET", one(of: Self.wrongPaths))
    case 1:
      Self.message(one(of: ["PUT", "PATCH", "TRACE", "OPTIONS", "DELETE"]), one(of: Self.paths))
    case 2, 3: Self.message("POST", "/v1/jobs", wrongMember())
    case 4, 5: Self.message("POST", "/v1/jobs", wrongBytes())
    case 6: Self.message("POST", "/v1/jobs", deep())
    case 7: wrongType()
    case 8:
      Self.message(
        "POST", "/v1/jobs", [UInt8](Self.job.utf8),
        [
          "Idempotency-Key: "
            + one(of: [String(repeating: "k", count: 129), "", "a b\tc", "\u{e4}"])
        ])
    default: wrongSchedule()
    }
  }

  /// One that has to be refused, whatever else it says: who goes on after it can be led astray.
  mutating func unsafeToAnswer() -> [UInt8] { [UInt8](one(of: Self.refused).utf8) }

  /// One that is no HTTP, or none that is safe to go on after: the connection ends with it.
  mutating func broken() -> [UInt8] {
    switch Int.random(in: 0..<8, using: &generator) {
    case 0, 1: [UInt8](one(of: Self.badLines).utf8)
    case 2, 3:
      [UInt8](
        ("GET /v1/status HTTP/1.1\r\nHost: x\r\n" + one(of: Self.badHeaders) + "\r\n\r\n").utf8)
    case 4: [UInt8](tooMuch().utf8)
    case 5: [UInt8]((Self.chunkedHead + one(of: Self.badChunks)).utf8)
    case 6: cutShort()
    default: flipped()
    }
  }

  /// A body alone.
  mutating func body() -> [UInt8] {
    switch Int.random(in: 0..<256, using: &generator) {
    case 0: deep()
    case 1..<64: wrongMember()
    case 64..<80:
      Array(Self.job.utf8.prefix(Int.random(in: 0..<Self.job.utf8.count, using: &generator)))
    default: wrongBytes()
    }
  }

  /// A target alone: a path, some of whose bytes are others.
  mutating func target() -> String {
    var bytes = [UInt8](one(of: Self.wrongPaths + Self.paths).utf8)
    for _ in 0..<Int.random(in: 1..<4, using: &generator) {
      let at = Int.random(in: 0..<bytes.count, using: &generator)
      let signs: [UInt8] = [0x25, 0x2b, 0x2f, 0x3f, 0x26, 0x3d, 0x30, 0x66, 0]
      bytes[at] =
        Bool.random(using: &generator) ? one(of: signs) : .random(in: 0...127, using: &generator)
    }
    return String(decoding: bytes, as: UTF8.self)
  }

  // MARK: Bodies

  private mutating func wrongMember() -> [UInt8] {
    let members = [
      #""backends":["native"]"#, #""steps":[1]"#, #""stacks":["64KiB"]"#, #""blocks":1"#,
      #""batches_per_visit":1"#, #""batch_ns":100000"#, #""priority":0"#, #""resumes":true"#,
      #""deadline_s":60"#, #""time_budget_s":5"#, #""command_line":"stress""#,
    ]
    let member = one(of: members)
    let name = member.prefix { $0 != ":" }
    let values = [
      "-1", "1e308", "1e999", "[]", "{}", "[[]]", "\"\"", "-0.5", "99999999999999999999999999",
      "\"\\u0000\"", "{\"a\":{}}", "\"" + String(repeating: "x", count: 5000) + "\"", "tru", "",
    ]
    let fresh: String
    switch Int.random(in: 0..<5, using: &generator) {
    case 0: fresh = "\(name.dropLast())s\":1"
    case 1: fresh = "\(member),\(member)"
    default: fresh = "\(name):\(one(of: values))"
    }
    return [UInt8](Self.job.replacingOccurrences(of: member, with: fresh).utf8)
  }

  /// Bytes of a document dropped, doubled, replaced, or followed by what is no UTF-8.
  private mutating func wrongBytes() -> [UInt8] {
    var body = [UInt8](Self.job.utf8)
    for _ in 0..<Int.random(in: 1..<4, using: &generator) {
      let at = Int.random(in: 0..<body.count, using: &generator)
      let end = min(body.count, at + Int.random(in: 1..<20, using: &generator))
      switch Int.random(in: 0..<4, using: &generator) {
      case 0: body.removeSubrange(at..<end)
      case 1: body.insert(contentsOf: body[at..<end], at: at)
      case 2: body[at] = UInt8.random(in: 0...255, using: &generator)
      default:
        body.insert(
          contentsOf: one(of: [
            [0xff, 0xfe], [0xc0, 0x80], [0xed, 0xa0, 0x80], [0x4e, 0x61, 0x4e],
          ]),
          at: at)
      }
      if body.isEmpty { body = [0x7b] }
    }
    return body
  }

  private mutating func deep() -> [UInt8] {
    let depth = one(of: [33, 64, 200, 1000, 100_000])
    let open = one(of: ["[", "{\"a\":"])
    return [UInt8](String(repeating: open, count: depth).utf8)
  }

  private mutating func wrongType() -> [UInt8] {
    let kind = one(of: ["text/plain", "application/xml", "application/jsonx", "", ";;;"])
    let head = "POST /v1/jobs HTTP/1.1\r\nHost: x\r\nContent-Type: \(kind)\r\n"
    return [UInt8]((head + "Content-Length: \(Self.job.utf8.count)\r\n\r\n" + Self.job).utf8)
  }

  private mutating func wrongSchedule() -> [UInt8] {
    let cron = one(of: [
      "", "* * * *", "61 * * * *", "* * * * * *", "a b c d e", "*/0 * * * *", "1-0 * * * *",
    ])
    let name = one(of: ["x", "", String(repeating: "y", count: 5000)])
    let text = #"{"cron":"\#(cron)","name":"\#(name)","job":\#(Self.job)}"#
    return Self.message("POST", "/v1/schedules", [UInt8](text.utf8))
  }

  // MARK: What is no request

  private mutating func tooMuch() -> String {
    let start = "GET /v1/status HTTP/1.1\r\nHost: x\r\n"
    let posted = "POST /v1/jobs HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    return one(of: [
      "GET /" + String(repeating: "a", count: 9000) + " HTTP/1.1\r\nHost: x\r\n\r\n",
      start + "X: " + String(repeating: "b", count: 17_000) + "\r\n\r\n",
      start + String(repeating: "X: y\r\n", count: 200) + "\r\n",
      posted + "Content-Length: 2000000\r\n\r\n{", posted + "Content-Length: 1073741824\r\n\r\n{",
    ])
  }

  /// The front of a right request; who sent it goes away.
  private mutating func cutShort() -> [UInt8] {
    let whole = Self.message("POST", "/v1/jobs", [UInt8](Self.job.utf8))
    return Array(whole.prefix(Int.random(in: 1..<whole.count, using: &generator)))
  }

  /// A right request with some bytes of its head changed.
  private mutating func flipped() -> [UInt8] {
    var whole = Self.message("POST", "/v1/jobs", [UInt8](Self.job.utf8))
    let head = whole.count - Self.job.utf8.count - 4
    for _ in 0..<Int.random(in: 1..<5, using: &generator) {
      let at = Int.random(in: 0..<head, using: &generator)
      whole[at] = UInt8.random(in: 0...255, using: &generator)
    }
    return whole
  }

  // MARK: Lists

  private static let paths = [
    "/v1/status", "/v1/jobs", "/v1/jobs/1", "/v1/jobs/1/cancel", "/v1/events", "/v1/sessions/0000",
    "/v1/schedules", "/v1/queue/pause", "/metrics", "/readyz",
  ]

  private static let wrongPaths = [
    "/v1/jobs/-1", "/v1/jobs/0x10", "/v1/jobs/99999999999999999999", "/v1/jobs/1e3", "/v1/jobs/%00",
    "/v1/jobs/1/explode", "/v1/jobs//", "/v2/status", "/v1/../etc/passwd", "/v1/%2e%2e/%2e%2e/etc",
    "/v1/sessions/zz%ff", "/v1/sessions/" + String(repeating: "a", count: 300), "/v1/jobs?limit=0",
    "/v1/jobs?limit=1001", "/v1/jobs?limit=x", "/v1/jobs?state=flying", "/v1/jobs?before=-5",
    "/v1/jobs?colour=red", "/v1/events?after=-1", "/v1/events?limit=99999999999999999999",
    "/v1/status?x=1", "/V1/STATUS", "/v1/schedules/none", "/v1/jobs/%D9%A1", "/v1/%zz",
  ]

  static let chunkedHead =
    "POST /v1/jobs HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    + "Transfer-Encoding: chunked\r\n\r\n"

  private static let badLines = [
    "GET\r\n\r\n", "GET /v1/status\r\n\r\n", "GET /v1/status HTTP/9.9\r\nHost: x\r\n\r\n",
    "\u{16}\u{03}\u{01}\u{02}\u{00}\u{01}\u{00}\u{01}\r\n\r\n",
    "GET  /v1/status HTTP/1.1\r\n\r\n", "BREW /v1/status HTTP/1.1\r\n\r\n",
    "get /v1/status HTTP/1.1\r\n\r\n", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "GET /\u{00} HTTP/1.1\r\nHost: x\r\n\r\n", String(repeating: "\u{00}", count: 64) + "\r\n\r\n",
    "GET /v1/status HTTP/1.1 trailing\r\nHost: x\r\n\r\n", "HTTP/1.1 200 OK\r\n\r\n",
    "CONNECT example.org:443 HTTP/1.1\r\nHost: example.org\r\n\r\n",
  ]

  private static let refused: [String] =
    [
      "Host: y", "Upgrade: websocket", "Content-Length: 1\r\nContent-Length: 2",
      "Transfer-Encoding: gzip", "Transfer-Encoding: chunked, identity",
      "Content-Length: 5\r\nTransfer-Encoding: chunked",
      "X: " + String(repeating: "b", count: 17_000),
      String(repeating: "X: y\r\n", count: 200) + "Z: z",
    ].map { "GET /v1/status HTTP/1.1\r\nHost: x\r\n\($0)\r\n\r\n" } + [
      "GET /v1/status HTTP/1.0\r\nHost: x\r\n\r\n", "GET //v1/status HTTP/1.1\r\nHost: x\r\n\r\n",
      "GET /v1/status?" + String(repeating: "a", count: 9000) + " HTTP/1.1\r\nHost: x\r\n\r\n",
    ]

  private static let badHeaders = [
    "no colon here", ": empty", "Spa ce: 1", "Na\u{00}me: 1", "Folded: a\r\n b", "N\u{e4}me: 1",
    "Value: \u{01}\u{02}", "Content-Length: -1", "Content-Length: 1\r\nContent-Length: 2",
    "Content-Length: 0x10", "Content-Length: 99999999999999999999", "Transfer-Encoding: gzip",
    "Content-Length: 5\r\nTransfer-Encoding: chunked", "Transfer-Encoding: chunked, identity",
  ]

  private static let badChunks = [
    "zz\r\nabc\r\n0\r\n\r\n", "-5\r\nabc\r\n", "ffffffffffffffff1\r\nabc\r\n",
    "5\r\nabcdefgh\r\n0\r\n\r\n",
    "3;" + String(repeating: "e", count: 20_000) + "\r\nabc\r\n0\r\n\r\n",
    "\r\n\r\n",
  ]
}
