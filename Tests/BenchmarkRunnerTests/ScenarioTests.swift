// Scenario files, quantities, nearest names, errors and documents.

import Executor
import Foundation
import Reports
import Testing

@testable import BenchmarkRunner

@Suite("Scenario files")
struct ScenarioFileTests {
  @Test("A complete file")
  func complete() throws {
    let text = """
      workload: ping-pong
      backends: [native, ucontext]
      parameters: {rounds: [1_000, 1e6]}
      stack: [64KiB, mapped:1MiB]
      blocks: 12
      batches: 3
      batch: 500us
      seed: 0x1f
      """
    let scenario = try ScenarioFile.parse(text, file: "a.yaml", seed: 1)
    #expect(
      scenario
        == Scenario(
          workload: "ping-pong", backends: ["native", "ucontext"],
          parameters: ["rounds": [1000, 1_000_000]], stacks: ["64KiB", "mapped:1MiB"], blocks: 12,
          batchesPerVisit: 3, batchNanoseconds: 500_000, seed: 31))
    #expect(scenario.groups.count == 4)
  }

  @Test("What a file leaves out is standard")
  func standard() throws {
    let scenario = try ScenarioFile.parse("workload: ring", file: "a.yaml", seed: 9)
    #expect(scenario == Scenario(workload: "ring", seed: 9))
    #expect(scenario.groups == [Scenario.Group(parameters: [:], stack: "64KiB")])
  }

  @Test(
    "A mistake is answered with its place and the mend",
    arguments: [
      ("workload: a\nbakends: [b]", "a.yaml:2:1: unknown key bakends; did you mean backends?"),
      ("workload: a\nblocks: many", "a.yaml:2:9: blocks is `many`; write " + Quantity.integerForm),
      ("workload: a\nblocks: '3'", "a.yaml:2:9: blocks is a text in quotes; take the quotes away"),
      ("workload: a\nblocks: 0", "a.yaml:2:9: blocks is 0; choose from 1 to 10000"),
      ("workload: a\nbatch: 1min", "a.yaml:2:8: batch is `1min`; write " + Quantity.durationForm),
      ("workload: a\nstack: 64K", "a.yaml:2:8: stack is `64K`; write " + Quantity.sizeForm),
      ("workload: a\nseed: x", "a.yaml:2:7: seed is `x`; write " + SeedText.form),
      ("workload: [a]", "a.yaml:1:11: workload is no plain word; write one word"),
      ("workload: a\nworkload: b", "a.yaml:1:1: key workload stands there twice; remove one"),
      (
        "workload: a\nbackends: [b, b]",
        "a.yaml:2:11: backends names one thing twice; remove one"
      ),
      ("blocks: 3", "a.yaml:1:1: no workload; add a line `workload: <name>`"),
      ("", "a.yaml:1:1: the file is empty; add a line `workload: <name>`"),
      ("- a", "a.yaml:1:1: the scenario is no mapping; write `key: value` lines"),
    ])
  func mistakes(text: String, complaint: String) {
    #expect {
      try ScenarioFile.parse(text, file: "a.yaml", seed: 1)
    } throws: { error in
      #expect("\(error)" == complaint)
      return (error as? RunnerError)?.exitCode == 64
    }
  }

  @Test("Broken syntax has a place as well")
  func syntax() {
    #expect {
      try ScenarioFile.parse("workload: [a\nblocks: 3", file: "a.yaml", seed: 1)
    } throws: { error in
      guard case .badFile("a.yaml", 2, _, _, _) = error as? RunnerError else { return false }
      return true
    }
  }

  @Test("A file that is not there")
  func missing() {
    #expect(throws: RunnerError.noSuchFile("/no/such.yaml")) {
      try ScenarioFile.read("/no/such.yaml", seed: 1)
    }
  }
}

@Suite("Small parts of the runner")
struct PartsTests {
  @Test("Whole numbers")
  func integers() {
    let right = ["0": 0, "50_000": 50_000, "1e6": 1_000_000, "2.5e3": 2500, "-3": -3]
    for (text, value) in right { #expect(Quantity.integer(text) == value) }
    for text in ["", "_1", "1__0", "1.5", "1e", "e3", "1e19", "9e18x", "2.5e0", "99e18"] {
      #expect(Quantity.integer(text) == nil, "\(text)")
    }
  }

  @Test("Sizes and durations")
  func units() {
    #expect(Quantity.bytes("64KiB") == 65536)
    #expect(Quantity.bytes("1MiB") == 1 << 20)
    #expect(Quantity.bytes("64") == nil)
    #expect(Quantity.bytes("0KiB") == nil)
    #expect(Quantity.nanoseconds("1ms") == 1_000_000)
    #expect(Quantity.nanoseconds("500us") == 500_000)
    #expect(Quantity.nanoseconds("2s") == 2_000_000_000)
    #expect(Quantity.nanoseconds("5") == nil)
    #expect(Quantity.nanoseconds("ms") == nil)
    #expect(Quantity.seconds("90s") == 90)
    #expect(Quantity.seconds("10m") == 600)
    #expect(Quantity.seconds("1_0h") == 36_000)
    for text in ["10", "0s", "10ms", "1d", "m", "9e18h"] { #expect(Quantity.seconds(text) == nil) }
    #expect(Quantity.decimal("2.5") == 2.5)
    #expect(Quantity.decimal("10") == 10)
    for text in ["", ".5", "5.", "-1", "1e3", "nan", "inf", "0x1", "1.2.3"] {
      #expect(Quantity.decimal(text) == nil, "\(text)")
    }
  }

  @Test("Nearest names")
  func nearest() {
    let names = ["native", "ucontext", "thread"]
    #expect(Nearest.name(to: "nativ", among: names) == "native")
    #expect(Nearest.name(to: "trhead", among: names) == "thread")
    #expect(Nearest.name(to: "goroutine", among: names) == nil)
    #expect(Nearest.distance("abcd", "acbd") == 1)
  }

  @Test("Orders are mirrored permutations, and every row is first about as often")
  func orders() {
    var firsts = [0, 0, 0]
    for number in 0..<3000 {
      let visits = BlockOrder.visits(count: 3, seed: 7, number: number)
      #expect(visits == visits.reversed())
      #expect(visits.prefix(3).sorted() == [0, 1, 2])
      firsts[visits[0]] += 1
    }
    #expect(firsts.allSatisfy { (900...1100).contains($0) })
    var generator = SplitMix64(seed: 1_234_567)
    #expect(generator.next() == 6_457_827_717_110_365_317, "the published sequence")
  }

  @Test("Pressure and fingerprint files")
  func files() throws {
    let text = "some avg10=0.00 avg60=0.00 avg300=0.00 total=1234\nfull avg10=0.00 total=9\n"
    #expect(Pressure.parse(text) == 1234)
    #expect(Pressure.parse("") == nil)
    #expect(Environment.chosen("always [madvise] never") == "madvise")
    #expect(Environment.fingerprint(runtime: "x")["runtime"] == "x")
    let file = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString)
    defer {
      // It is a temporary file: what cannot be removed goes with the others.
      try? FileManager.default.removeItem(at: file)
    }
    let bytes = Data((0..<600_001).map { UInt8(truncatingIfNeeded: $0 &* 31) })
    try bytes.write(to: file)
    #expect(Stamp.hash(ofFile: file.path) == Stamp.hash(of: bytes))
    #expect(Stamp.hash(of: Data("greenbench".utf8)) != Stamp.hash(of: Data("greenbencg".utf8)))
    #expect(Stamp.source(of: "/no/such/file").commit == "unknown")
  }

  @Test("A document names what is not known")
  func document() throws {
    let row = Row(workload: "w", backend: "b", stack: "s", parameters: [:])
    let text = try RunDocument.json(
      RunReport(
        session: "x", seed: .max, environment: [:], verdict: .ok, exit: 0, rows: [row]))
    for key in ["p10_ns", "failure", "ratio", "checksum", "bytes_per_greenlet"] {
      #expect(text.contains("\"\(key)\" : null"))
    }
    #expect(text.contains("18446744073709551615"))
  }

  @Test("Every error has one line and its code")
  func errors() {
    let errors: [(RunnerError, String, Int32)] = [
      (
        .unknownWorkload("a", nearest: nil), "unknown workload a; see `greenbench workload list`",
        64
      ),
      (.unknownBackend("a", nearest: nil), "unknown backend a; see `greenbench backend list`", 64),
      (
        .unknownParameter("a", workload: "w", nearest: nil),
        "w has no parameter a; see `greenbench workload describe w`", 64
      ),
      (
        .unknownStackSource("a", nearest: nil),
        "unknown stack source a; give a size alone, as in 64KiB", 64
      ),
      (.outOfRange(what: "x", value: 1, least: 2, most: 3), "x is 1; choose from 2 to 3", 64),
      (.badQuantity(what: "x", text: "y", wanted: "z"), "x is `y`; write z", 64),
      (
        .badFile(file: "f", line: 1, column: 2, fact: "a", mend: "b"), "f:1:2: a; b", 64
      ),
      (.noSuchFile("f"), "no file f; check the path", 5),
      (.unreadableFile("f", reason: "r"), "cannot read f: r; check its permissions", 6),
      (.exposedFile("f", fact: "a", mend: "b"), "f is not trusted: a; b", 6),
      (.worker(.stopped), "the worker was stopped; start it again", 1),
      (
        .otherProtocol(theirs: 2, ours: 1),
        "the worker speaks protocol 2, not 1; build both from one commit", 8
      ),
    ]
    for (error, text, code) in errors {
      #expect(error.description == text)
      #expect(error.exitCode == code)
    }
  }
}
