// Clients that are slow in one way each: cut off by their deadline, and nobody else waits for them.

import DaemonAPI
import Foundation
import Glibc
import StressKit

/// Bytes one by one, halves of requests, and answers that nobody reads.
struct SlowClients: StressClass {
  let about = StressClassAbout(
    name: "slow-clients",
    injection: "a byte now and then, half a request, nothing at all, answers that are not read",
    expectation: "each is closed at its deadline, not before; others are served meanwhile",
    goal: "all closed; no answer of others later than that",
    unit: "clients",
    trials: TrialCounts(pr: 1, nightly: 4), secondsMax: 240)

  private enum Way: CaseIterable { case byteWise, half, silent, unread, idle }

  /// The daemon's own limits: a request takes 10 s at most, an answer that is written 30 s, and
  /// between two requests 75 s may pass.
  private static func seconds(_ way: Way) -> Double {
    switch way {
    case .byteWise, .half, .silent: 10
    case .unread: 30
    case .idle: 75
    }
  }

  private final class Client {
    let way: Way
    let wire: Wire
    let begin = ContinuousClock.now
    var text = [UInt8](("GET /v1/status HTTP/1.1\r\nHost: x\r\nX-Slow: ").utf8)
    init(_ way: Way, _ wire: Wire) {
      self.way = way
      self.wire = wire
    }
  }

  func run(_ trial: Trial) throws {
    let ways: [Way] = trial.profile == .pr ? [.byteWise, .half, .silent] : Way.allCases
    let count = Int.random(in: 10...25, using: &trial.generator)
    trial.tell("\(count) of each of \(ways)")
    let daemon = try DaemonUnderTest(trial)
    defer { daemon.remove() }
    try daemon.start()
    let friend = Friend(daemon.paths.socket)
    defer { _ = friend.end() }
    var clients: [Client] = []
    for way in ways {
      for _ in 0..<count { clients.append(try begin(way, daemon)) }
    }
    let end = ContinuousClock.now + .seconds(75 + DaemonUnderTest.patience)
    while !clients.isEmpty {
      guard ContinuousClock.now < end else {
        throw Finding("\(clients.count) are not closed: \(Set(clients.map(\.way)))")
      }
      // The pace of the bytes; nothing depends on it.
      usleep(20_000)
      var left: [Client] = []
      for client in clients {
        guard try isClosed(client) else {
          left.append(client)
          continue
        }
        trial.count()
        let seconds = (ContinuousClock.now - client.begin) / .seconds(1)
        trial.figure("seconds until \(client.way) is closed", seconds)
        try trial.require(
          seconds > Self.seconds(client.way) * 0.9,
          "\(client.way) was closed after \(seconds) s, before its time")
      }
      clients = left
    }
    let served = friend.end()
    trial.figure("s for the slowest answer to others", served.longest)
    try trial.require(served.fault == nil, "somebody who behaves: \(served.fault ?? "")")
    try trial.require(
      served.longest < 10, "somebody who behaves waited \(served.longest) s for his answer")
    try daemon.stop(trial)
  }

  private func begin(_ way: Way, _ daemon: DaemonUnderTest) throws -> Client {
    let client = Client(way, try daemon.wire())
    switch way {
    case .half:
      try client.wire.send("POST /v1/jobs HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{")
    case .unread:
      let greedy = Wire.request("GET", "/v1/openapi.json")
      var room = 1
      while room > 0 { room = try client.wire.sendSome(greedy) }
    case .idle: _ = try client.wire.ask("GET", "/v1/status")
    case .byteWise, .silent: break
    }
    return client
  }

  private func isClosed(_ client: Client) throws -> Bool {
    switch client.way {
    case .unread: return client.wire.isHungUp
    case .byteWise:
      let next = client.text.isEmpty ? UInt8(ascii: "s") : client.text.removeFirst()
      do {
        _ = try client.wire.sendSome([next])
      } catch {
        return true
      }
    case .half, .silent, .idle: break
    }
    do {
      return try !client.wire.receive(waits: false)
    } catch {
      return true
    }
  }
}
