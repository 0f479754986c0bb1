// Requests that are no requests: refused or cut off, without anybody else noticing.

import DaemonAPI
import Foundation
import StressKit

/// Fuzzes the daemon's socket, while somebody behaves.
struct Malformed: StressClass {
  let about = StressClassAbout(
    name: "malformed",
    injection:
      "wrong requests: lengths of a gigabyte, deep JSON, bad UTF-8, flipped bytes, pipelined",
    expectation: "each is refused with a status of the list or the connection is closed; no crash",
    goal: "10^7 requests, read on a socket or as texts; the daemon below 64 MB; others are served",
    unit: "requests",
    trials: TrialCounts(pr: 4, nightly: 200), secondsMax: 240)

  private static let connectionsEach = 250

  /// Read in this process, with the daemon's own reader: a night comes to ten millions.
  private static let textsEach = 50_000
  private static let residentBytesMax = 64_000_000

  func run(_ trial: Trial) throws {
    let seeds = (0..<Self.connectionsEach).map { _ in trial.generator.next() }
    let daemon = try DaemonUnderTest(trial)
    defer { daemon.remove() }
    try daemon.start()
    _ = try daemon.awaitWorker()
    let friend = Friend(daemon.paths.socket)
    defer { _ = friend.end() }
    for step in trial.steps(of: seeds.count) {
      var attacker = Attacker(seed: seeds[step])
      do {
        trial.count(try attacker.attack(daemon.paths.socket))
      } catch {
        trial.attach("sent", attacker.sent)
        throw Finding("connection \(step) of seed \(seeds[step]): \(error)\n\(daemon.log)")
      }
    }
    for isChunked in [false, true] { try tooLong(daemon, isChunked: isChunked) }
    try trial.require(daemon.child?.isOver == false, "the daemon ended: \(daemon.log)")
    let served = friend.end()
    try trial.require(served.fault == nil, "somebody who behaves: \(served.fault ?? "")")
    try trial.require(served.answers > 0, "somebody who behaves got no answer")
    let peak = ProcessFacts.peakBytes(try daemon.pid) ?? 0
    trial.figure("MB resident at the peak", Double(peak) / 1e6)
    try trial.require(
      peak < Self.residentBytesMax,
      "the daemon took \(peak) bytes, \(Self.residentBytesMax) are allowed")
    try daemon.stop(trial)
    try DecodedTexts.read(Self.textsEach, trial)
  }

  /// One byte more than a body may have; nothing else is wrong with it before it is read.
  private func tooLong(_ daemon: DaemonUnderTest, isChunked: Bool) throws {
    let job = [UInt8](Mutations.job.utf8)
    let count = DaemonProtocol.requestBytesMax + 1
    let body = job + [UInt8](repeating: 0x20, count: count - job.count)
    let chunked =
      Mutations.chunkedHead + String(count, radix: 16) + "\r\n"
      + String(decoding: body, as: UTF8.self) + "\r\n0\r\n\r\n"
    let wire = try daemon.wire()
    do {
      try wire.send(
        isChunked ? [UInt8](chunked.utf8) : Wire.request("POST", "/v1/jobs", body: body))
      let status = try wire.answer().status
      guard status == 413 else {
        throw Finding("\(count) bytes of body are answered with \(status)")
      }
    } catch WireError.closed {
      // Closed with some of it unread: a refusal, too.
    }
  }
}

/// Sends wrong requests over one connection, and looks at what comes back.
private struct Attacker {
  private var mutations: Mutations
  private var answered = 0
  private var isClosing = false
  private(set) var sent = ""

  /// Wrong requests on a connection before the one that ends it.
  private static let pipelinedMax = 32

  init(seed: UInt64) { mutations = Mutations(generator: TrialGenerator(seed: seed)) }

  /// How many requests were answered or cut off.
  mutating func attack(_ socket: String) throws -> Int {
    let count = Int.random(in: 0..<Self.pipelinedMax, using: &mutations.generator)
    let parts = (0..<count).map { _ in mutations.spoken() }
    let hasToBeRefused = Int.random(in: 0..<3, using: &mutations.generator) == 0
    let last = hasToBeRefused ? mutations.unsafeToAnswer() : mutations.broken()
    sent = (parts + [last]).map { String(String(decoding: $0, as: UTF8.self).prefix(600)) }
      .joined(separator: "\n---\n")
    let wire = try Wire(socket)
    try exchange(wire, parts)
    guard !isClosing else { return answered }
    try breakOff(wire, last, Mutations.refusals.union(hasToBeRefused ? [] : [200]))
    return answered + 1
  }

  /// The server need not read further than it has answered, so both ways take turns.
  private mutating func exchange(_ wire: Wire, _ parts: [[UInt8]]) throws {
    var left = parts.flatMap(\.self)[...]
    while !left.isEmpty, !isClosing {
      // What it said before it closed is still to be read.
      guard let count = try sent(Array(left.prefix(16_384)), wire) else { break }
      left.removeFirst(count)
      try take(wire, parts.count, waits: false)
    }
    while answered < parts.count, !isClosing { try take(wire, parts.count, waits: true) }
  }

  /// How many bytes were taken; nil where the other side has closed.
  private func sent(_ bytes: [UInt8], _ wire: Wire) throws -> Int? {
    do {
      return try wire.sendSome(bytes)
    } catch {
      if error == .closed { return nil }
      throw error
    }
  }

  private mutating func take(_ wire: Wire, _ wanted: Int, waits: Bool) throws {
    let isOpen = try wire.receive(waits: waits)
    while answered < wanted, let answer = try wire.takeAnswer() {
      try judge(answer, Mutations.refusals)
      answered += 1
      // Who says so may close, whatever else was asked.
      if answer.headers["connection"]?.lowercased() == "close" { isClosing = true }
    }
    if !isOpen, !isClosing, answered < wanted {
      throw Finding("closed with \(wanted - answered) requests unanswered that were HTTP")
    }
  }

  private func breakOff(_ wire: Wire, _ last: [UInt8], _ allowed: Set<Int>) throws {
    do {
      try wire.send(last)
      wire.finish()
      while try wire.receive() {}
    } catch WireError.closed {
      // Closed in the middle of what is too long, or with some of it unread: a refusal, too.
    }
    while let answer = try wire.takeAnswer() {
      try judge(answer, allowed)
    }
    if !wire.received.isEmpty {
      throw Finding(
        "an answer that is cut short: \(String(decoding: wire.received, as: UTF8.self))")
    }
  }

  private func judge(_ answer: WireAnswer, _ allowed: Set<Int>) throws {
    guard allowed.contains(answer.status) else {
      throw Finding("nonsense is answered with \(answer.status): \(answer.text.prefix(200))")
    }
  }
}
