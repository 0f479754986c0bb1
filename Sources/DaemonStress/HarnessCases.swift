// The runs of the harness's own test, and how each has to end.

import Foundation
import Reports
import StressKit

/// A run, and how it has to end.
struct HarnessCase {
  var name: String
  var arguments: [String]
  var exit: Int32

  /// Of every row; nil where nothing is measured and nothing printed.
  var status: Row.Status?

  /// A part of the sentence in each row.
  var failure = ""

  /// A part of what is said on standard error.
  var complaint = ""
}

enum HarnessCases {
  /// A short run that goes well.
  static let run = [
    "run", "control", "--quick", "--blocks", "2", "--backend", "native", "--no-daemon",
  ]

  /// Runs of this process, most of them by a worker that is not what it says.
  static func here(_ workers: FalseWorkers) throws -> [HarnessCase] {
    func standIn(_ script: String) -> [String] { run + ["--worker", script] }
    func lies(_ name: String, _ expression: String) throws -> [String] {
      standIn(try workers.changing(name, expression))
    }
    func dummy(_ name: String, _ more: String...) -> [String] {
      ["run", name, "--quick", "--backend", "native", "--no-daemon"] + more
    }
    let endless = "\(workers.program) worker | while read -r line; do case $line in *batches*) "
    return [
      HarnessCase(name: "a good run", arguments: run, exit: 0, status: .ok),
      HarnessCase(
        name: "a wrong pointer", arguments: dummy("dummy-crash", "-p", "kind=0"), exit: 3,
        status: .crashed, failure: "worker died: signal 11 (SIGSEGV) in \"dummy-crash\""),
      HarnessCase(
        name: "a trap", arguments: dummy("dummy-crash", "-p", "kind=1"), exit: 3, status: .crashed,
        failure: "worker died: signal "),
      HarnessCase(
        name: "abort", arguments: dummy("dummy-crash", "-p", "kind=2"), exit: 3, status: .crashed,
        failure: "worker died: signal 6 (SIGABRT)"),
      HarnessCase(
        name: "an overflow", arguments: dummy("dummy-overflow"), exit: 3, status: .crashed,
        failure: "stack overflow in dummy-overflow"),
      HarnessCase(
        name: "a wrong checksum",
        arguments: try lies("wrong", #"s/"matches":true/"matches":false/"#), exit: 3,
        status: .unverified, failure: "is not the oracle's"),
      HarnessCase(
        name: "a leak of greenlets",
        arguments: try lies("greenlets", #"s/"leakedGreenlets":0/"leakedGreenlets":7/"#), exit: 3,
        status: .unverified, failure: "leaked 7 greenlets and 0 stacks"),
      HarnessCase(
        name: "a leak of stacks",
        arguments: try lies("stacks", #"s/"leakedStacks":0/"leakedStacks":1/"#), exit: 3,
        status: .unverified, failure: "leaked 0 greenlets and 1 stacks"),
      HarnessCase(
        name: "nonsense in place of batches",
        arguments: try lies("nonsense", #"s/.*"batches":\[.*/not a reply/"#), exit: 3,
        status: .garbled, failure: "worker spoke nonsense"),
      HarnessCase(
        name: "half a line",
        arguments: try lies("half", #"s/\("batches":.\{5\}\).*/\1/"#), exit: 3, status: .garbled,
        failure: "worker spoke nonsense"),
      HarnessCase(
        name: "two replies for one",
        arguments: try lies("twice", #"/"batches":\[/p"#), exit: 3, status: .garbled,
        failure: "worker spoke nonsense"),
      HarnessCase(
        name: "a line without an end",
        arguments: standIn(
          try workers.script(
            "endless",
            endless + "head -c 17000000 /dev/zero ;; *) printf '%s\\n' \"$line\" ;; esac; done")),
        exit: 3, status: .garbled, failure: "a line over"),
      HarnessCase(
        name: "death at the first batch",
        arguments: standIn(try workers.dying("death", at: #""batches":\["#)), exit: 3,
        status: .crashed,
        failure: "worker died"),
      HarnessCase(
        name: "a greeting that is refused",
        arguments: try lies(
          "refusing", #"s/.*"hello":.*/{"error":{"code":"failed","message":"not today"},"id":1}/"#),
        exit: 1, complaint: "not today"),
      HarnessCase(
        name: "another protocol", arguments: try lies("older", #"s/"version":1\b/"version":9/"#),
        exit: 8, complaint: "protocol 9"),
      HarnessCase(
        name: "death at the greeting", arguments: standIn(try workers.script("dead", "exit 7")),
        exit: 1, complaint: "worker died: exit code 7"),
      HarnessCase(
        name: "a worker without backends",
        arguments: ["run", "control", "--quick", "--no-daemon", "--worker"] + [
          try workers.changing(
            "bare", #"s/"\(backends\|standardBackends\)":\[[^]]*\]/"\1":[]/g"#)
        ], exit: 9, status: .ok),
      HarnessCase(
        name: "no worker at all", arguments: standIn("/nonexistent/worker"), exit: 1,
        complaint: "cannot start"),
    ]
  }
}
