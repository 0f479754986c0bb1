// What the server tells about itself: metrics, log lines, notices.

import CSockets
import DaemonAPI
import Foundation
import Logging
import Metrics
import Synchronization
import Testing
import UnixSignals

@testable import DaemonServer

struct RecordTests {
  @Test func writesFamiliesWithTypesAndAnEnd() {
    let registry = MetricsRegistry()
    registry.describe("jobs.done", "Jobs \"done\"\nso far.")
    Counter(label: "jobs.done", dimensions: [("kind", "a\"b\\c\nd")], factory: registry).increment(
      by: 3)
    Meter(label: "depth", factory: registry).set(2.5)
    Timer(label: "wait", factory: registry).recordNanoseconds(2_000_000)
    let text = OpenMetricsText.document(of: registry, gauges: [("up_seconds", "Up.", 1)])
    for line in [
      "# TYPE jobs_done counter", #"# HELP jobs_done Jobs \"done\"\nso far."#,
      #"jobs_done_total{kind="a\"b\\c\nd"} 3"#, "# TYPE depth gauge", "depth 2.5",
      "# TYPE wait_seconds histogram", "# UNIT wait_seconds seconds",
      #"wait_seconds_bucket{le="0.001"} 0"#, #"wait_seconds_bucket{le="0.0025"} 1"#,
      #"wait_seconds_bucket{le="+Inf"} 1"#, "wait_seconds_count 1", "wait_seconds_sum 0.002",
      "up_seconds 1",
    ] { #expect(text.components(separatedBy: "\n").contains(line), "\(line)") }
    #expect(text.hasSuffix("\n# EOF\n"))
  }

  @Test func keepsTheNumberOfSeriesBounded() {
    let registry = MetricsRegistry()
    for number in 0..<5000 {
      Counter(label: "c", dimensions: [("n", "\(number)")], factory: registry).increment()
    }
    #expect(registry.snapshot.series.count == MetricsRegistry.familySeriesMax)
    #expect(registry.snapshot.dropped == 5000 - MetricsRegistry.familySeriesMax)
    // Another kind under the same name would make a document that nobody can read.
    Meter(label: "c", factory: registry).set(1)
    #expect(registry.snapshot.dropped == 5001 - MetricsRegistry.familySeriesMax)
  }

  @Test func countsRequestsByRouteAndNotByPath() async throws {
    try await withServer { server in
      for number in 1...3 { _ = try await server.get("/v1/jobs/\(number)") }
      _ = try await server.get("/nothing/\(UUID())")
      let reply = try await server.get("/metrics")
      #expect(reply.field("Content-Type") == OpenMetricsText.contentType)
      #expect(
        reply.body.contains(
          #"greenbench_http_requests_total{method="GET",route="/v1/jobs/{id}",status="4xx"} 3"#))
      #expect(
        reply.body.contains(
          #"greenbench_http_requests_total{method="GET",route="none",status="4xx"} 1"#))
      #expect(reply.body.contains("greenbench_http_connections 1"))
      #expect(reply.body.contains("process_open_fds 9"))
    }
  }

  @Test func writesOneObjectALine() throws {
    let lines = Lines()
    var handler = LogLines(
      label: "daemon", level: .info, isForJournal: false, write: { lines.add($0) })
    handler[metadataKey: "job"] = "7"
    let logger = Logger(label: "x") { _ in handler }
    logger.info("two\nlines \"here\" \u{1B}[31m", metadata: ["user": "65534"])
    logger.debug("too small")
    let line = try #require(lines.all.first)
    #expect(lines.all.count == 1)
    #expect(line.hasSuffix("}\n"))
    let object = try #require(
      try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: String])
    #expect(object["message"] == "two\nlines \"here\" \u{1B}[31m")
    #expect(object["user"] == "65534")
    #expect(object["job"] == "7")
    let time = try #require(object["time"])
    #expect(time.wholeMatch(of: /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z/) != nil, "\(time)")
    #expect(!line.dropLast().contains { $0 == "\n" || $0 == "\u{1B}" })
  }

  @Test func givesTheJournalItsPriorities() {
    let lines = Lines()
    let logger = Logger(label: "x") { label in
      LogLines(label: label, level: .trace, isForJournal: true, write: { lines.add($0) })
    }
    logger.error("a")
    logger.debug("b")
    #expect(lines.all.map { $0.prefix(4) } == ["<3>{", "<7>{"])
  }

  @Test func knowsWhatAServiceManagerGives() {
    let manager = ServiceManager(
      environment: ["LISTEN_PID": "5", "LISTEN_FDS": "2", "WATCHDOG_USEC": "3000000"], process: 5)
    #expect(manager.inherited == 3..<5)
    #expect(manager.watchdogSeconds == 3)
    let other = ServiceManager(
      environment: [
        "LISTEN_PID": "6", "LISTEN_FDS": "2", "WATCHDOG_PID": "6", "WATCHDOG_USEC": "3",
      ],
      process: 5)
    #expect(other.inherited.isEmpty)
    #expect(other.watchdogSeconds == nil)
    for count in ["-1", "x", "0", "999999999"] {
      let wrong = ServiceManager(environment: ["LISTEN_PID": "5", "LISTEN_FDS": count], process: 5)
      #expect(wrong.inherited.isEmpty, "\(count)")
    }
  }

  @Test func tellsAServiceManagerThatItIsReadyAndStops() async throws {
    let folder = try Folder()
    let path = "\(folder.path)/notify"
    let inbox = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue), 0)
    defer { close(inbox) }
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    unsafe withUnsafeMutableBytes(of: &address.sun_path) { unsafe $0.copyBytes(from: path.utf8) }
    let size = socklen_t(MemoryLayout<sockaddr_un>.size)
    let result = unsafe withUnsafePointer(to: &address) { pointer in
      unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        unsafe bind(inbox, $0, size)
      }
    }
    #expect(result == 0)
    try await withServer(
      in: folder,
      adjust: .set(\.environment, ["NOTIFY_SOCKET": path, "WATCHDOG_USEC": "2000000"])
    ) { _ in
      let said = try await Self.notices(inbox, until: "WATCHDOG=1\n")
      #expect(said.hasPrefix("READY=1\nSTATUS=accepting connections\n"))
    }
    let said = try await Self.notices(inbox, until: "STOPPING=1\n")
    #expect(said.contains("STOPPING=1\n"))
  }

  /// What is sent to a socket until a text is in it; nothing for 20 s ends it, too.
  private static func notices(_ inbox: Int32, until end: String) async throws -> String {
    try await onThread {
      var patience = timeval(tv_sec: 20, tv_usec: 0)
      _ = unsafe setsockopt(
        inbox, SOL_SOCKET, SO_RCVTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
      var said = ""
      var buffer = [UInt8](repeating: 0, count: 4096)
      while !said.contains(end) {
        let count = unsafe recv(inbox, &buffer, buffer.count, 0)
        guard count > 0 else { break }
        said += String(decoding: buffer.prefix(count), as: UTF8.self) + "\n"
      }
      return said
    }
  }

  @Test func writesADumpThatIsTheUsersAlone() async throws {
    let folder = try Folder()
    let claim = try RuntimeClaim(folder.runtime)
    let signals = SignalService(
      signals: await UnixSignalsSequence(trapping: []), service: FakeService(), claim: claim,
      hooks: Hooks(),
      manager: ServiceManager(environment: [:], process: 1),
      logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
    // Somebody's link is replaced, not followed.
    try FileManager.default.createSymbolicLink(
      atPath: folder.runtime.dump, withDestinationPath: "\(folder.path)/target")
    await signals.dump()
    await signals.dump()
    let dump = try String(contentsOfFile: folder.runtime.dump, encoding: .utf8)
    #expect(dump == "state of everything\n")
    #expect(!FileManager.default.fileExists(atPath: "\(folder.path)/target"))
    let mode = try FileManager.default.attributesOfItem(atPath: folder.runtime.dump)[
      .posixPermissions]
    #expect(mode as? Int == 0o600)
  }

  @Test func findsTheRuntimeFolder() {
    func folder(_ environment: [String: String]) -> String {
      RuntimePaths(environment: environment).folder
    }
    #expect(folder(["GREENBENCH_RUNTIME_DIR": "/a", "XDG_RUNTIME_DIR": "/b"]) == "/a")
    #expect(folder(["XDG_RUNTIME_DIR": "/b", "XDG_STATE_HOME": "/c"]) == "/b/greenbench")
    #expect(folder(["XDG_RUNTIME_DIR": "b", "XDG_STATE_HOME": "/c"]) == "/c/greenbench/run")
    #expect(folder(["HOME": "/h"]) == "/h/.local/state/greenbench/run")
  }
}

/// Lines that were written.
final class Lines: Sendable {
  private let state = Mutex<[String]>([])
  var all: [String] { state.withLock { $0 } }
  func add(_ line: String) { state.withLock { $0.append(line) } }
}
