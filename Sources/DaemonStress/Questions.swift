// The questions that trials ask a daemon: jobs, their states, and what they look like.

import DaemonAPI
import Foundation
import Reports
import StressKit

extension Wire {
  /// The document behind a path that has to be answered with 200.
  func get<Value: Decodable>(_ path: String, _ type: Value.Type = Value.self) throws -> Value {
    let answer = try ask("GET", path)
    guard answer.status == 200 else {
      throw Finding("GET \(path) is answered with \(answer.status): \(answer.text.prefix(200))")
    }
    return try answer.decode()
  }

  func status() throws -> DaemonStatus { try get("/v1/status") }

  func job(_ id: Int) throws -> Job { try get("/v1/jobs/\(id)") }

  /// Every job that the daemon knows, newest first.
  func allJobs() throws -> [Job] {
    var found: [Job] = []
    var before = ""
    while true {
      let page: JobPage = try get("/v1/jobs?limit=1000\(before)")
      found += page.jobs
      guard let next = page.next else { return found }
      before = "&before=\(next)"
    }
  }

  /// Submits, and hands over the answer, whatever it is.
  func submit(_ job: JobRequest, key: String? = nil) throws -> WireAnswer {
    try send(try Self.submission(job, key: key))
    return try answer()
  }

  /// The bytes of a submission.
  static func submission(_ job: JobRequest, key: String?) throws -> [UInt8] {
    let headers = key.map { ["\(DaemonProtocol.idempotencyHeader): \($0)"] } ?? []
    return request(
      "POST", "/v1/jobs", body: [UInt8](try JSONEncoder().encode(job)), headers: headers)
  }

  /// Submits what has to be accepted.
  func accepted(_ job: JobRequest, key: String? = nil) throws -> Job {
    let answer = try submit(job, key: key)
    guard answer.status == 201 || answer.status == 200 else {
      throw Finding(
        "a job is answered with \(answer.status): \(answer.text.prefix(200))")
    }
    return try answer.decode(Submission.self).job
  }

  /// Does something to a job, if it can still be done.
  ///
  /// - Returns: Whether it was done.
  @discardableResult func act(_ action: JobAction, _ job: Int) throws -> Bool {
    let answer = try ask("POST", "/v1/jobs/\(job)/\(action.rawValue)", body: [])
    guard answer.status == 200 || answer.status == 409 else {
      throw Finding("\(action.rawValue) is answered with \(answer.status): \(answer.text)")
    }
    return answer.status == 200
  }

  /// Follows a job until it is as wanted; nil when it ended first.
  ///
  /// The connection is used up by that.
  func follow(_ id: Int, until isWanted: (Job) -> Bool) throws -> Job? {
    try stream("/v1/jobs/\(id)/updates")
    while let event = try nextEvent() {
      guard event.name == "state" else { continue }
      let job = try JSONDecoder().decode(Job.self, from: Data(event.data.utf8))
      if isWanted(job) { return job }
    }
    return nil
  }

  /// Follows a job until its first block is complete; false when it ended before one was.
  func awaitBlock(_ id: Int) throws -> Bool {
    try stream("/v1/jobs/\(id)/updates")
    while let event = try nextEvent() {
      if event.name == "block" { return true }
    }
    return false
  }
}

extension Trial {
  /// As `expect`, for a class that counts something else than what it looks at.
  func require(_ condition: Bool, _ otherwise: @autoclosure () -> String) throws(Finding) {
    guard condition else { throw Finding(otherwise()) }
  }

  /// The same, for two values.
  func require<Value: Equatable>(
    _ value: Value, is expected: Value, _ what: @autoclosure () -> String
  ) throws(Finding) {
    guard value == expected else { throw Finding("\(what()): \(value), not \(expected)") }
  }
}

/// Jobs to submit.
enum Jobs {
  /// A run that takes some milliseconds.
  static func tiny(
    _ seed: UInt64, client: String = "stress", workload: String = "control"
  ) -> JobRequest {
    JobRequest(
      scenario: Scenario(
        workload: workload, backends: ["native"], blocks: 1, batchesPerVisit: 1,
        batchNanoseconds: 100_000, seed: seed),
      commandLine: "greenbench stress", client: client)
  }

  /// A run of about 5 ms a block.
  static func long(
    _ seed: UInt64, blocks: Int, client: String = "stress", priority: Int = 0, resumes: Bool = true
  ) -> JobRequest {
    JobRequest(
      scenario: Scenario(
        workload: "ping-pong", backends: ["native"], blocks: blocks, batchesPerVisit: 2,
        batchNanoseconds: 500_000, seed: seed),
      commandLine: "greenbench stress", client: client, priority: priority, resumes: resumes)
  }
}
