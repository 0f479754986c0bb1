// Wrong texts by the ten thousand, read as the daemon reads them but without a socket between.

import DaemonAPI
import DaemonServer
import Foundation
import StressKit

/// What the daemon's reader of requests makes of wrong bodies and targets.
struct DecodedTexts {
  private var mutations: Mutations
  private var taken = 0
  private var refused = 0
  private var bodiesTaken = 0
  private var lookedAt = 0

  /// A text that is taken is written and read again as often as this; it is slower.
  private static let lookedAtEvery = 16

  /// What the process may take beside what it had, in bytes.
  private static let growthBytesMax = 8_000_000

  private init(_ generator: TrialGenerator) { mutations = Mutations(generator: generator) }

  /// Reads so many texts.
  ///
  /// A trap in it ends the trial's process, and is a finding by that.
  static func read(_ count: Int, _ trial: Trial) throws {
    var texts = Self(trial.generator)
    // What is made once is made before the memory is looked at.
    try texts.read(count / 10)
    let before = ProcessFacts.residentBytes(getpid())
    try texts.read(count - count / 10)
    trial.count(texts.taken + texts.refused)
    try trial.require(texts.refused > texts.taken, "most of them have to be wrong")
    try trial.require(texts.lookedAt > 0, "some are right by chance: none was looked at")
    guard let before, let after = ProcessFacts.residentBytes(getpid()) else { return }
    trial.figure("MB grown by reading \(count) texts", Double(after - before) / 1e6)
    try trial.require(
      after - before < growthBytesMax, "\(count) texts took \(after - before) bytes for good")
  }

  private mutating func read(_ count: Int) throws {
    for number in 0..<count {
      if number % 8 == 0 { try readTarget() } else { try readBody() }
    }
  }

  private mutating func readBody() throws {
    let body = mutations.body()
    let text = { String(String(decoding: body, as: UTF8.self).prefix(600)) }
    let request: JobRequest
    do {
      request = try RequestText.job(body)
    } catch {
      refused += 1
      guard error.code == .malformed || error.code == .limit else {
        throw Finding("refused as \(error.code), \(error.message): \(text())")
      }
      guard !error.message.isEmpty, error.message.utf8.count < 400 else {
        throw Finding("refused with \(error.message.utf8.count) bytes: \(text())")
      }
      return
    }
    taken += 1
    bodiesTaken += 1
    guard bodiesTaken % Self.lookedAtEvery == 0 else { return }
    // Another parser must see JSON, too: that it does not is the finding, whatever its error says. And what was read must mean the same when it is written.
    guard (try? JSONSerialization.jsonObject(with: Data(body))) is [String: Any] else {
      throw Finding("taken, and no JSON to another parser: \(text())")
    }
    let again = try RequestText.job([UInt8](JSONEncoder().encode(request)))
    guard again == request else { throw Finding("read as \(request), and then as \(again)") }
    lookedAt += 1
  }

  private mutating func readTarget() throws {
    let text = mutations.target()
    do {
      let target = try RequestText.target(text)
      taken += 1
      for part in target.path + target.query
      where part.utf8.contains(where: { $0 < 0x20 || $0 == 0x7f }) {
        throw Finding("\"\(part)\" came out of \"\(text)\"")
      }
    } catch is Refusal {
      refused += 1
    }
  }
}
