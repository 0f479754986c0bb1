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
    goal: "all closed; no answer of others later by more than 1 %",
    unit: "clients",
    trials: TrialCounts(pr: 1, nightly: 3), secondsMax: 240, isAlone: true)

  /// By how much the answers to others may be later.
  private static let changeMax = 0.01

  /// How many standard errors of the measurement come on top of it: none to speak of on a quiet machine.
  private static let errors = 4.0

  /// For how long the others are measured before and after.
  private static let controlSeconds = 4.0

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
    var nextByte = ContinuousClock.now
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
    let control = try DaemonUnderTest(trial, name: "c")
    defer { control.remove() }
    try control.start()
    let friend = Friend(daemon.paths.socket)
    defer { _ = friend.end() }
    let sockets = (daemon.paths.socket, control.paths.socket)
    let before = try LatencyPair.ask(sockets.0, sockets.1, seconds: Self.controlSeconds)
    let meanwhile = LatencyPair.begin(sockets.0, sockets.1)
    // Its error is thrown below; here it only ends with a trial that fails before.
    defer { _ = try? meanwhile.end() }
    var clients: [Client] = []
    // As long as all of them are there.
    var during: LatencyPair.Ratio?
    for way in ways {
      for _ in 0..<count { clients.append(try begin(way, daemon)) }
    }
    let end = ContinuousClock.now + .seconds(75 + DaemonUnderTest.patience)
    while !clients.isEmpty {
      guard ContinuousClock.now < end else {
        throw Finding("\(clients.count) are not closed: \(Set(clients.map(\.way)))")
      }
      // How soon an end is noticed; nothing depends on it.
      usleep(20_000)
      var left: [Client] = []
      for client in clients {
        guard try isClosed(client) else {
          left.append(client)
          continue
        }
        if during == nil { during = try meanwhile.end() }
        trial.count()
        let seconds = (ContinuousClock.now - client.begin) / .seconds(1)
        trial.figure("seconds until \(client.way) is closed", seconds)
        try trial.require(
          seconds > Self.seconds(client.way) * 0.9,
          "\(client.way) was closed after \(seconds) s, before its time")
      }
      clients = left
    }
    let after = try LatencyPair.ask(sockets.0, sockets.1, seconds: Self.controlSeconds)
    if let during { try expectUnaffected(before, during, after, trial) }
    let served = friend.end()
    trial.figure("s for the slowest answer to others", served.longest)
    try trial.require(served.fault == nil, "somebody who behaves: \(served.fault ?? "")")
    try trial.require(
      served.longest < 10, "somebody who behaves waited \(served.longest) s for his answer")
    try control.stop(trial)
    try daemon.stop(trial)
  }

  /// The others' answers come as they came before and come after: the change is less than the bar and
  /// what a measurement of this machine cannot tell.
  private func expectUnaffected(
    _ before: LatencyPair.Ratio, _ during: LatencyPair.Ratio, _ after: LatencyPair.Ratio,
    _ trial: Trial
  ) throws {
    let usual = max(before.median, after.median)
    let change = during.median / usual - 1
    // What cannot be told is how far the two that should be the same are apart, too. What makes answers
    // come unevenly meanwhile is no excuse, so that counts no more than before and after.
    let usualError = (before.error * before.error + after.error * after.error).squareRoot()
    let drift = abs(before.median - after.median)
    let error = Self.errors * (usualError + min(during.error, usualError)) + drift
    trial.figure("% that others' answers were later", change * 100)
    trial.figure("% that could not be told from none", error * 100)
    try trial.require(
      change <= Self.changeMax + error,
      "others got their answers \(change * 100) % later, and \(error * 100) % would be chance")
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
      // One a second: many more would be work, which others wait for as they do for any.
      guard ContinuousClock.now >= client.nextByte else { break }
      client.nextByte += .seconds(1)
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
