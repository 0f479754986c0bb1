// The ranges of what a request may say; whether it makes sense is the service's to know.

import DaemonAPI
import Reports

enum RequestChecks {
  static let textLengthMax = 4096
  static let secondsMax = 7 * 86_400.0

  static let job = JSONShape.object([
    "scenario": .object([
      "workload": .value, "backends": .list(.value), "parameters": .map(.list(.value)),
      "stacks": .list(.value), "blocks": .value, "batches_per_visit": .value, "batch_ns": .value,
      "seed": .value,
    ]),
    "command_line": .value, "client": .value, "priority": .value, "resumes": .value,
    "quiet": .object(["pressure_percent_max": .value, "deadline_s": .value]),
    "time_budget_s": .value,
  ])

  static let schedule = JSONShape.object([
    "cron": .value, "name": .value, "job": job, "fresh_seed": .value,
  ])

  static func check(_ request: JobRequest) throws(Refusal) {
    try check(request.scenario)
    try length(request.commandLine, "command_line", 0...textLengthMax)
    if let client = request.client { try name(client, "client") }
    try range(request.priority, "priority", DaemonProtocol.priorities)
    if let quiet = request.quiet {
      try range(quiet.pressurePercentMax, "quiet.pressure_percent_max", 0...100)
      try range(quiet.deadlineSeconds, "quiet.deadline_s", 0...secondsMax)
    }
    if let budget = request.timeBudgetSeconds {
      try range(budget, "time_budget_s", 0.001...secondsMax)
    }
  }

  static func check(_ request: ScheduleRequest) throws(Refusal) {
    try length(request.cron, "cron", 1...256)
    try name(request.name, "name")
    try check(request.job)
  }

  private static func check(_ scenario: Scenario) throws(Refusal) {
    try name(scenario.workload, "scenario.workload")
    for backend in scenario.backends { try name(backend, "scenario.backends") }
    for (parameter, values) in scenario.parameters {
      try name(parameter, "scenario.parameters")
      if values.isEmpty {
        throw Refusal(
          .malformed, "scenario.parameters.\(parameter) is empty; send a value or leave it out")
      }
    }
    for stack in scenario.stacks { try name(stack, "scenario.stacks") }
    try range(scenario.blocks, "scenario.blocks", 1...1_000_000)
    try range(scenario.batchesPerVisit, "scenario.batches_per_visit", 1...1_000_000)
    try range(scenario.batchNanoseconds, "scenario.batch_ns", 1...60_000_000_000)
  }

  /// Something that is written to logs and shown in tables: printable ASCII of bounded length.
  static func name(_ text: String, _ place: String) throws(Refusal) {
    guard 1...DaemonProtocol.nameBytesMax ~= text.utf8.count,
      text.utf8.allSatisfy({ (0x20...0x7E).contains($0) })
    else {
      throw Refusal(
        .malformed,
        "\(place) is no name; send 1 to \(DaemonProtocol.nameBytesMax) printable ASCII characters")
    }
  }

  private static func length(
    _ text: String, _ place: String, _ range: ClosedRange<Int>
  ) throws(Refusal) {
    guard range.contains(text.unicodeScalars.count) else {
      throw Refusal(
        .malformed,
        "\(place) has \(text.unicodeScalars.count) characters; "
          + "send \(range.lowerBound) to \(range.upperBound)")
    }
  }

  private static func range<Value: Comparable>(
    _ value: Value, _ place: String, _ range: ClosedRange<Value>
  ) throws(Refusal) {
    guard range.contains(value) else {
      throw Refusal(
        .malformed,
        "\(place) is \(value); send a number from \(range.lowerBound) to \(range.upperBound)")
    }
  }
}
