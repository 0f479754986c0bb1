// Many writers: processes that append to one store at once, while others read it.

import Foundation
import Reports
import ResultStore
import StressKit

struct ManyWriters: StressClass {
  let about = StressClassAbout(
    name: "many-writers",
    injection: "2 to 8 processes append to one store at once, others read it meanwhile",
    expectation: "all that was acknowledged is there, no reader sees a half, waiting has an end",
    goal: "0 lost, 0 torn",
    unit: "appended",
    trials: TrialCounts(pr: 20, nightly: 1000), secondsMax: 300)

  func run(_ trial: Trial) throws {
    let path = trial.scratch.appending(path: "results.sqlite").path
    let writers = Int.random(in: 2...8, using: &trial.generator)
    let readers = Int.random(in: 1...3, using: &trial.generator)
    let each = Int.random(in: 4...12, using: &trial.generator)
    let seed = trial.generator.next()
    // Half of the trials begin with all of them making the file.
    if trial.index.isMultiple(of: 2) { _ = try ResultStore(path: path) }
    trial.tell("\(writers) writers of \(each) steps each, \(readers) readers")
    let scripts = (0..<writers).map { writer in
      var script = StoreScript(count: each, seed: seed &+ UInt64(writer), base: (writer + 1) * 1000)
      // What one of them dropped another could not tell from a loss.
      script.kept.removeAll { script.steps[$0].isPruning }
      return script
    }
    var (writing, reading): ([Child], [Child]) = ([], [])
    // A reader whose sessions never come would read on after a trial that failed.
    defer { for child in writing + reading { child.end() } }
    for script in scripts { writing.append(try Child { Self.write(script, path, $0) }) }
    for _ in 0..<readers { reading.append(try Child { Self.read(path, scripts, $0) }) }
    var fates: [[Int: Fate]] = []
    for child in writing {
      let lines = child.lines()
      guard child.wait() == .exited(0) else { throw Finding("a writer died") }
      if let trouble = lines.first(where: { Int($0) == nil }) { throw Finding(trouble) }
      let numbers = lines.compactMap { Int($0) }
      fates.append(Dictionary(uniqueKeysWithValues: numbers.map { ($0, .acknowledged) }))
    }
    for child in reading {
      let lines = child.lines()
      guard child.wait() == .exited(0) else { throw Finding("a reader died") }
      guard lines == ["done"] else { throw Finding("a reader: \(lines)") }
    }
    let store = try ResultStore(path: path)
    for (script, fates) in zip(scripts, fates) {
      try StoreAudit(store, script).check(fates)
      trial.count(fates.count)
    }
  }

  /// Does a script; who was held up for too long tries again, which comes to an end.
  private static func write(_ script: StoreScript, _ path: String, _ tell: (String) -> Void) {
    do {
      let store = try patiently { () throws(StoreError) in try ResultStore(path: path) }
      var run = ScriptRun(script)
      for number in script.kept where script.isPossible(number) {
        guard try patiently({ () throws(StoreError) in try run.one(number, on: store) }) else {
          continue
        }
        tell("\(number)")
      }
    } catch {
      tell("a writer: \(error)")
    }
  }

  /// Reads until all sessions of all scripts are there.
  private static func read(_ path: String, _ scripts: [StoreScript], _ tell: (String) -> Void) {
    var missing: [String: SessionRecord] = [:]
    for script in scripts {
      for number in script.kept {
        if let record = script.record(number), script.isPossible(number) {
          missing[record.report.session] = record
        }
      }
    }
    do {
      while !missing.isEmpty {
        guard let store = try opened(path) else { continue }
        for summary in try patiently({ () throws(StoreError) in try store.sessions(limit: 1000) }) {
          guard let record = missing.removeValue(forKey: summary.session) else { continue }
          let found = try patiently { () throws(StoreError) in try store.session(summary.session) }
          guard found == record else { return tell("session \(summary.session) is torn") }
        }
      }
      tell("done")
    } catch {
      tell("a reader: \(error)")
    }
  }

  /// nil as long as nobody has made it.
  private static func opened(_ path: String) throws -> ResultStore? {
    do {
      return try patiently { () throws(StoreError) in try ResultStore(path: path, readOnly: true) }
    } catch .noStore {
      return nil
    }
  }

  /// How often somebody tries who was told that the store is busy: each took five seconds.
  private static let triesMax = 12

  private static func patiently<Value>(
    _ body: () throws(StoreError) -> Value
  ) throws(StoreError) -> Value {
    for _ in 1..<triesMax {
      do {
        return try body()
      } catch .busy {
        continue
      }
    }
    return try body()
  }
}
