// A script for a store: steps that write, made from a generator, done one after the other.

import DaemonAPI
import Foundation
import Reports
import ResultStore
import StressKit

/// One thing that a store is asked to keep, to drop, or to move.
enum StoreStep: Hashable, CustomStringConvertible {
  case session(rows: Int, batches: Int)
  case submit

  /// The job of an earlier step, by that step's number.
  case begin(job: Int)
  case finish(job: Int)
  case event
  case sample
  case stress
  case pruneEvents(keep: Int)
  case pruneJobs(keep: Int)
  case pruneSamples(keep: Int)
  case checkpoint

  var description: String {
    switch self {
    case .session(let rows, let batches): "append a session of \(rows) rows, \(batches) batches"
    case .submit: "submit a job"
    case .begin(let job): "begin the job of step \(job)"
    case .finish(let job): "finish the job of step \(job), with its session"
    case .event: "append an event"
    case .sample: "append a sample"
    case .stress: "append a report of stress classes"
    case .pruneEvents(let keep): "prune events but \(keep)"
    case .pruneJobs(let keep): "prune jobs but \(keep)"
    case .pruneSamples(let keep): "prune samples but \(keep)"
    case .checkpoint: "checkpoint"
    }
  }
}

/// Steps, by number.
struct StoreScript {
  var steps: [StoreStep] = []

  /// The numbers of those that are done.
  var kept: [Int] = []
  let content: StoreContent

  /// Added to the number of a step wherever it is stored: a store can have seen other scripts.
  let base: Int

  /// How the jobs of submitted steps are called.
  static let client = "trial"

  /// Each kind at least once if there is room for it, the rest as it comes.
  init(count: Int, seed: UInt64, base: Int = 0, batchesMax: Int = 24) {
    self.base = base
    var generator = TrialGenerator(seed: seed)
    content = StoreContent(seed: generator.next())
    var jobs: [Int] = []
    var begun: Set<Int> = []
    for number in 0..<count {
      var step = Self.draw(number, &generator, batchesMax: batchesMax)
      if case .begin = step {
        if let job = jobs.randomElement(using: &generator) {
          step = begun.insert(job).inserted ? .begin(job: job) : .finish(job: job)
          if case .finish = step { jobs.removeAll { $0 == job } }
        } else {
          step = .submit
        }
      }
      if step == .submit { jobs.append(number) }
      steps.append(step)
    }
    kept = Array(steps.indices)
  }

  private static func draw(
    _ number: Int, _ generator: inout TrialGenerator, batchesMax: Int
  ) -> StoreStep {
    let session = StoreStep.session(
      rows: Int.random(in: 1...3, using: &generator),
      batches: Int.random(in: 1...batchesMax, using: &generator))
    let keep = Int.random(in: 1...6, using: &generator)
    let all: [StoreStep] = [
      session, .submit, .begin(job: 0), .event, .sample, .begin(job: 0), .stress, .checkpoint,
      .pruneEvents(keep: keep), .pruneJobs(keep: keep), .pruneSamples(keep: keep), session,
      .begin(job: 0), .submit,
    ]
    return number < all.count ? all[number] : all.randomElement(using: &generator) ?? session
  }

  /// The session that a step appends.
  func record(_ number: Int) -> SessionRecord? {
    switch steps[number] {
    case .session(let rows, let batches):
      content.record(base + number, rows: rows, batches: batches)
    case .finish: content.record(base + number, rows: 1, batches: 8)
    default: nil
    }
  }

  /// Whether a step can be done: the job that it needs is not left out.
  func isPossible(_ number: Int) -> Bool {
    switch steps[number] {
    case .begin(let job), .finish(let job): kept.contains(job)
    default: true
    }
  }

  /// The session of a step, or its report.
  func uuid(_ number: Int) -> String { StoreContent.uuid(base + number) }

  /// What the event of a step says.
  func message(_ number: Int) -> String { "step \(base + number)." }
}

/// What became of a step.
enum Fate: Hashable {
  /// The store said that it is done.
  case acknowledged

  /// The store said that it is not, or said nothing: it may be done, or not, but not half.
  case refused
}

/// Does steps on a store, and remembers what it said.
struct ScriptRun {
  let script: StoreScript
  private(set) var fates: [Int: Fate] = [:]

  /// The first error, and how many there were.
  private(set) var firstError: StoreError?
  private(set) var errors = 0

  /// Whether a checkpoint said that the log is empty, by step.
  private(set) var emptied: Set<Int> = []
  private var jobs: [Int: Job] = [:]

  init(_ script: StoreScript) { self.script = script }

  /// A run that was followed from outside: these steps were told to be done, and this one was on its way.
  init(_ script: StoreScript, acknowledged: [Int], begun: Int?) {
    self.script = script
    if let begun { fates[begun] = .refused }
    for number in acknowledged { fates[number] = .acknowledged }
  }

  /// Does all the steps that are kept, and calls `told` with the number of each that was acknowledged.
  ///
  /// It ends after so many errors: a store that takes nothing is none to go on with.
  mutating func all(
    on store: ResultStore, errorsMax: Int = .max, told: (Int) -> Void = { _ in }
  ) {
    for number in script.kept where errors < errorsMax {
      do {
        guard try perform(number, on: store) else { continue }
        fates[number] = .acknowledged
        told(number)
      } catch {
        refuse(number, error)
      }
    }
  }

  /// Does one step; false when there is nothing to do.
  mutating func one(_ number: Int, on store: ResultStore) throws(StoreError) -> Bool {
    try perform(number, on: store)
  }

  private mutating func refuse(_ number: Int, _ error: StoreError) {
    fates[number] = .refused
    firstError = firstError ?? error
    errors += 1
  }

  /// Does one step; false when there is nothing to do, because its job is not there.
  private mutating func perform(_ number: Int, on store: ResultStore) throws(StoreError) -> Bool {
    let stored = script.base + number
    switch script.steps[number] {
    case .session:
      guard let record = script.record(number) else { return false }
      try store.append(record)
    case .submit:
      jobs[number] = try store.submit(
        script.content.request(stored), client: StoreScript.client, key: "\(stored)",
        limit: 10_000, at: stored
      ).submission.job
    case .begin(let of):
      guard var job = jobs[of] else { return false }
      job.state = .running
      job.startedUnixNanoseconds = stored
      try store.save(job, event: (.jobStarted, script.message(number)), at: stored)
      jobs[of] = job
    case .finish(let of):
      guard var job = jobs[of], let record = script.record(number) else { return false }
      job.state = .done
      job.endedUnixNanoseconds = stored
      job.session = record.report.session
      try store.save(
        job, record: record, event: (.jobEnded, script.message(number)), at: stored)
    case .event:
      try store.appendEvent(.workerDied, message: script.message(number), at: stored)
    case .sample:
      try store.appendSample(
        DaemonSample(unixNanoseconds: stored, residentBytes: 1, descriptors: 1, jobsDone: 0))
    case .stress: try store.appendStress(script.content.stress(stored))
    case .pruneEvents(let keep): try store.pruneEvents(keep: keep)
    case .pruneJobs(let keep): try store.pruneJobs(keep: keep)
    case .pruneSamples(let keep): try store.pruneSamples(keep: keep)
    case .checkpoint:
      if try store.checkpoint() { emptied.insert(number) }
    }
    return true
  }
}

extension StoreScript {
  /// Less room than the script takes on a copy of a store: the disk is full before its end.
  ///
  /// - Parameters:
  ///   - share: Of what it takes, less than 1.
  ///   - template: The store.
  ///   - path: Of the copy.
  /// - Returns: The bytes.
  /// - Throws: That the script fails, or takes no room.
  func room(_ share: Double, after template: StoreTemplate, at path: String) throws -> Int {
    try template.copy(to: path)
    FaultVFS.clear()
    let store = try ResultStore(path: path)
    let taken = try FaultVFS.room { try whole(on: store) }
    if taken == 0, kept.count < steps.count {
      throw Skip("what is left of the script takes no room")
    }
    guard taken > 0 else { throw Finding("the script takes no room") }
    return Int(share * Double(taken))
  }

  /// Does it where nothing goes wrong.
  func whole(on store: ResultStore) throws(Finding) {
    var run = ScriptRun(self)
    run.all(on: store)
    if let error = run.firstError { throw Finding("a script failed without any fault: \(error)") }
  }
}
