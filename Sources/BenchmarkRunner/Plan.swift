// A scenario compared with what the worker has, before anything is measured.

import Reports

/// A scenario whose every name and number is known to be right.
struct Plan {
  var scenario: Scenario
  var backends: [BackendDescription]

  /// Whether the worker has the control workload.
  var hasControl: Bool

  /// Sentences about what was left out.
  var notes: [String] = []

  /// The workload that is measured in every block, so that sessions can be compared.
  static let control = "control"

  /// The share of the available memory that a sweep nobody asked for may take.
  static let sweepShare = 0.5

  /// The share of it that a run may take whose size was asked for.
  static let askedShare = 0.9

  /// Checks a scenario, and fills in what it leaves open.
  ///
  /// - Parameters:
  ///   - scenario: What was asked for.
  ///   - hello: What the worker has.
  ///   - memoryAvailable: In bytes; nil where nobody knows, and then nothing is refused for it.
  /// - Throws: What is wrong with the scenario, or does not fit this machine.
  init(
    _ scenario: Scenario, with hello: HelloReply, memoryAvailable: Int? = nil
  ) throws(RunnerError) {
    guard let workload = hello.workloads.first(where: { $0.name == scenario.workload }) else {
      throw .unknownWorkload(
        scenario.workload,
        nearest: Nearest.name(to: scenario.workload, among: hello.listedWorkloads.map(\.name)))
    }
    let all = hello.backends.map(\.name)
    var chosen: [BackendDescription] = []
    for name in scenario.backends.isEmpty
      ? workload.standardBackends ?? all : scenario.backends
    {
      guard let backend = hello.backends.first(where: { $0.name == name }) else {
        throw .unknownBackend(name, nearest: Nearest.name(to: name, among: all))
      }
      if !chosen.contains(backend) { chosen.append(backend) }
    }
    try Self.check(scenario.parameters, of: workload)
    for stack in scenario.stacks { try Self.check(stack, hello) }
    let limits = [
      ("blocks", scenario.blocks), ("batches", scenario.batchesPerVisit),
    ]
    for (what, value) in limits where !(1...10_000).contains(value) {
      throw .outOfRange(what: what, value: value, least: 1, most: 10_000)
    }
    self.scenario = scenario
    backends = chosen
    hasControl = hello.workloads.contains { $0.name == Self.control }
    if scenario.backends.isEmpty { leaveOutBackends(workload) }
    try addSweeps(workload, memoryAvailable)
    for group in self.scenario.groups {
      if let obstacle = obstacle(
        group.parameters, workload, memoryAvailable, share: Self.askedShare)
      {
        throw obstacle
      }
    }
  }

  private static func check(
    _ parameters: [String: [Int]], of workload: WorkloadDescription
  ) throws(RunnerError) {
    for (name, values) in parameters.sorted(by: { $0.key < $1.key }) {
      guard let parameter = workload.parameters.first(where: { $0.name == name }) else {
        throw .unknownParameter(
          name, workload: workload.name,
          nearest: Nearest.name(to: name, among: workload.parameters.map(\.name)))
      }
      for value in values where !(parameter.least <= value && value <= parameter.most) {
        throw .outOfRange(
          what: "\(workload.name)'s \(name)", value: value, least: parameter.least,
          most: parameter.most)
      }
    }
  }

  private static func check(_ stack: String, _ hello: HelloReply) throws(RunnerError) {
    let parts = stack.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
    let size = String(parts.last ?? "")
    guard let bytes = Quantity.bytes(size) else {
      throw .badQuantity(what: "the stack", text: stack, wanted: Quantity.sizeForm)
    }
    let (least, most) = (hello.stackBytesLeast ?? 1, hello.stackBytesMost ?? .max)
    guard (least...max(least, most)).contains(bytes) else {
      throw .outOfRange(what: "the stack in bytes", value: bytes, least: least, most: most)
    }
    if parts.count == 2, !hello.stackSources.contains(String(parts[0])) {
      throw .unknownStackSource(
        String(parts[0]), nearest: Nearest.name(to: String(parts[0]), among: hello.stackSources))
    }
  }

  // MARK: - What fits

  /// Leaves out backends that nobody named and that cannot hold so many coroutines.
  private mutating func leaveOutBackends(_ workload: WorkloadDescription) {
    let most = scenario.groups.compactMap { workload.liveCount($0.parameters) }.max() ?? 1
    let fitting = backends.filter { most <= $0.coroutinesMost ?? .max }
    guard !fitting.isEmpty else { return }
    for backend in backends where !fitting.contains(backend) {
      notes.append(
        "\(backend.name) is left out: it holds \(backend.coroutinesMost ?? 0) coroutines at most")
    }
    backends = fitting
  }

  /// Gives the parameters that a run without a value sweeps their values.
  private mutating func addSweeps(
    _ workload: WorkloadDescription, _ available: Int?
  ) throws(RunnerError) {
    for parameter in workload.parameters where scenario.parameters[parameter.name] == nil {
      guard let sweep = parameter.sweep else { continue }
      // The worst of what else is asked for.
      var others = scenario.parameters.compactMapValues { $0.max() }
      var (kept, out): ([Int], [String]) = ([], [])
      var reason: RunnerError?
      for value in sweep {
        others[parameter.name] = value
        if let obstacle = obstacle(others, workload, available, share: Self.sweepShare) {
          if reason == nil { reason = obstacle }
          out.append("\(value)")
        } else {
          kept.append(value)
        }
      }
      if let reason {
        guard !kept.isEmpty else { throw reason }
        let values = out.joined(separator: ", ")
        notes.append("\(parameter.name)=\(values) is left out: \(reason.description)")
      }
      scenario.parameters[parameter.name] = kept
    }
  }

  /// What stands against running these parameters on all chosen backends.
  private func obstacle(
    _ parameters: [String: Int], _ workload: WorkloadDescription, _ available: Int?, share: Double
  ) -> RunnerError? {
    guard let count = workload.liveCount(parameters), let bytes = workload.liveBytes(parameters)
    else { return nil }
    let name = workload.population?.count
    for backend in backends {
      if let most = backend.coroutinesMost, count > most {
        return .outOfRange(
          what: "\(workload.name)'s \(name ?? "count") on \(backend.name)", value: count, least: 1,
          most: most)
      }
    }
    // All backends of a group are alive at the same time: their blocks are interleaved.
    let needed = bytes * backends.count
    guard let available, Double(needed) > share * Double(available) else { return nil }
    return .tooLittleMemory(
      what: "\(workload.name) with \(count) coroutines on each of \(backends.count) backends",
      needed: needed, allowed: Int(share * Double(available)))
  }
}
