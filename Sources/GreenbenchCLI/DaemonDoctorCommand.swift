// `greenbench daemon doctor`: what stands in the way of a daemon on this machine.

import ArgumentParser
import DaemonAPI
import DaemonClient

/// Looks at everything that a daemon needs, and says what to do.
struct DaemonDoctorCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "doctor", abstract: "Checks what a daemon needs; exit code 7 if something is bad.")

  @Flag(help: "Print one JSON document.")
  var json = false

  @OptionGroup var store: StoreOptions
  @OptionGroup var worker: WorkerOptions

  func run() async throws {
    let paths = DaemonOptions.paths
    var findings = FileChecks(paths: paths).findings
    findings += await AnswerCheck(client: DaemonClient(.socket(path: paths.socket))).findings()
    findings.append(FileChecks.store(store.file))
    findings += MachineChecks.findings
    findings.append(await MachineChecks.worker(worker))
    print(json ? try JSONDocument.text(findings) : Self.text(findings))
    if findings.contains(where: { $0.level == .bad }) { throw ExitCode(ExitCodes.bad.rawValue) }
  }

  private static func text(_ findings: [Finding]) -> String {
    Columns.text(
      findings.map {
        [$0.level.rawValue, $0.check, $0.fact + ($0.mend.map { "; \($0)" } ?? "")]
      })
  }
}

/// What one check found.
struct Finding: Encodable, Hashable {
  enum Level: String, Encodable {
    case ok, warn, bad
  }
  var check: String
  var level: Level
  var fact: String

  /// What to do; nil when nothing is to be done.
  var mend: String?

  static func ok(_ check: String, _ fact: String) -> Finding {
    Finding(check: check, level: .ok, fact: fact, mend: nil)
  }

  static func warn(_ check: String, _ fact: String, _ mend: String) -> Finding {
    Finding(check: check, level: .warn, fact: fact, mend: mend)
  }

  static func bad(_ check: String, _ fact: String, _ mend: String) -> Finding {
    Finding(check: check, level: .bad, fact: fact, mend: mend)
  }
}

/// Who answers, if anybody does.
struct AnswerCheck {
  let client: DaemonClient

  func findings() async -> [Finding] {
    do {
      let status = try await client.status()
      let peer = try await client.peer()
      let who = "pid \(status.pid) of uid \(peer.map { String($0.uid) } ?? "unknown")"
      var findings = [Finding.ok("daemon", "\(who) answers, \(status.state.rawValue)")]
      if status.state == .degraded {
        findings = [
          .bad("daemon", "\(who) stores nothing", "see `greenbench daemon logs`, and make room")
        ]
      }
      findings.append(
        status.version == VersionCommand.number
          ? .ok("version", "\(status.version), as this program")
          : .warn(
            "version", "\(status.version), and this program is \(VersionCommand.number)",
            "`greenbench daemon stop`, then start"))
      return findings
    } catch .notRunning {
      return [.warn("daemon", "none runs", "`greenbench daemon start`")]
    } catch {
      let parts = "\(error)".split(separator: "; ", maxSplits: 1).map(String.init)
      return [.bad("daemon", parts[0], parts.count > 1 ? parts[1] : "stop and start it")]
    }
  }
}
