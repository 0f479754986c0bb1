// A scenario compared with what the worker has, before anything is measured.

import Reports

/// A scenario whose every name and number is known to be right.
struct Plan {
  var scenario: Scenario
  var backends: [BackendDescription]

  /// Whether the worker has the control workload.
  var hasControl: Bool

  /// The workload that is measured in every block, so that sessions can be compared.
  static let control = "control"

  /// Checks a scenario.
  init(_ scenario: Scenario, with hello: HelloReply) throws(RunnerError) {
    guard let workload = hello.workloads.first(where: { $0.name == scenario.workload }) else {
      throw .unknownWorkload(
        scenario.workload,
        nearest: Nearest.name(to: scenario.workload, among: hello.listedWorkloads.map(\.name)))
    }
    var chosen: [BackendDescription] = []
    for name in scenario.backends.isEmpty ? hello.backends.map(\.name) : scenario.backends {
      guard let backend = hello.backends.first(where: { $0.name == name }) else {
        throw .unknownBackend(
          name, nearest: Nearest.name(to: name, among: hello.backends.map(\.name)))
      }
      if !chosen.contains(backend) { chosen.append(backend) }
    }
    for (name, values) in scenario.parameters.sorted(by: { $0.key < $1.key }) {
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
}
