// The daemon's configuration: what a file may say, and whose file it may be.

import BenchmarkRunner
import DaemonAPI
import Foundation
import Logging
import Testing

@testable import DaemonJobs

@Suite("The daemon's configuration")
struct DaemonConfigurationTests {
  private func parse(_ text: String) throws -> DaemonConfiguration {
    try DaemonConfigurationFile.parse(text, file: "d.yaml")
  }

  @Test("A complete file")
  func complete() throws {
    let settings = try parse(
      """
      queue_limit: 10
      quiet_hours: 22:00-06:00
      quiet: {pressure_percent_max: 2.5, deadline: 10m}
      log_level: debug
      events_kept: 1e6
      jobs_kept: 50_000
      samples_kept: 7
      sample_every: 2h
      tcp_port: 8765
      connections_max: 64
      worker_recycle_groups: 8
      """)
    var expected = DaemonConfiguration()
    expected.queueLimit = 10
    expected.quietHours = QuietHours("22:00-06:00")
    expected.quiet = QuietCondition(pressurePercentMax: 2.5, deadlineSeconds: 600)
    expected.logLevel = .debug
    expected.eventsKept = 1_000_000
    expected.jobsKept = 50_000
    expected.samplesKept = 7
    expected.sampleSeconds = 7200
    expected.tcpPort = 8765
    expected.connectionsMax = 64
    expected.workerRecycleGroups = 8
    #expect(settings == expected)
    #expect(Set(DaemonConfigurationFile.keys).count == 11)
  }

  @Test("What a file leaves out is standard", arguments: ["", "# nothing\n", "---\n", "{}"])
  func standard(text: String) throws {
    #expect(try parse(text) == DaemonConfiguration())
  }

  @Test(
    "A mistake is answered with its place and the mend",
    arguments: [
      (
        "queue_limit: 10\nqueue_limits: 3",
        "2:1: unknown key queue_limits; did you mean queue_limit?"
      ),
      ("queue_limit: 1\nqueue_limit: 1", "1:1: key queue_limit stands there twice; remove one"),
      ("queue_limit: 0", "1:14: queue_limit is 0; choose from 1 to 100000"),
      ("queue_limit: ten", "1:14: queue_limit is `ten`; write \(Quantity.integerForm)"),
      ("queue_limit: [1]", "1:14: queue_limit is no plain word; write one word"),
      ("queue_limit: '1'", "1:14: queue_limit is a text in quotes; take the quotes away"),
      ("quiet_hours: night", "1:14: quiet_hours is `night`; write \(QuietHours.form)"),
      (
        "quiet: {deadline: 10m}",
        "1:8: quiet has no pressure_percent_max; write both, as in {pressure_percent_max: 5, deadline: 10m}"
      ),
      (
        "quiet: {pressure_percent_max: 101, deadline: 1s}",
        "1:31: pressure_percent_max is 101; choose from 0 to 100"
      ),
      (
        "quiet: {pressure_percent_max: nan, deadline: 1s}",
        "1:31: pressure_percent_max is `nan`; write \(Quantity.decimalForm)"
      ),
      ("quiet: {pressure: 1}", "1:9: unknown key pressure; did you mean pressure_percent_max?"),
      (
        "quiet: {pressure_percent_max: 1, deadline: 10}",
        "1:44: deadline is `10`; write \(Quantity.secondsForm)"
      ),
      (
        "quiet: {pressure_percent_max: 1, deadline: 200h}",
        "1:44: deadline is 200h; choose from 1s to 604800s"
      ),
      ("quiet: 5", "1:8: quiet is no mapping; write `key: value` lines"),
      (
        "log_level: loud",
        "1:12: log_level is `loud`; write one of trace, debug, info, notice, warning, error, critical"
      ),
      ("tcp_port: 65536", "1:11: tcp_port is 65536; choose from 1 to 65535"),
      ("- a", "1:1: the configuration is no mapping; write `key: value` lines"),
    ])
  func mistakes(text: String, complaint: String) {
    #expect {
      try parse(text)
    } throws: { error in
      #expect("\(error)" == "d.yaml:" + complaint)
      return (error as? RunnerError)?.exitCode == 64
    }
  }

  @Test("Two documents in one file, or broken syntax, are no configuration")
  func syntax() {
    for text in ["queue_limit: 1\n---\nqueue_limit: 2", "quiet: {", "a: *b", "\t"] {
      #expect { try parse(text) } throws: { ($0 as? RunnerError)?.exitCode == 64 }
    }
  }

  private func withFile(_ text: String, _ body: (String) throws -> Void) throws {
    let path = FileManager.default.temporaryDirectory
      .appending(path: "greenbench-daemon-\(UUID().uuidString).yaml").path
    let made = FileManager.default.createFile(
      atPath: path, contents: Data(text.utf8), attributes: [.posixPermissions: 0o600])
    try #require(made)
    defer {
      // The test has its result; a file that stays behind does not change it.
      try? FileManager.default.removeItem(atPath: path)
    }
    try body(path)
  }

  @Test("What counts from the next start only is named")
  func differencesThatWait() {
    let start = DaemonConfiguration()
    var now = start
    now.queueLimit = 7
    #expect(now.differencesThatWait(since: start) == [])
    now.tcpPort = 8765
    now.logLevel = .error
    #expect(now.differencesThatWait(since: start) == ["log_level", "tcp_port"])
  }

  @Test("A file is read; one that is not there sets nothing")
  func read() throws {
    try withFile("tcp_port: 8765") { path throws in
      #expect(try DaemonConfigurationFile.read(path).tcpPort == 8765)
      #expect(try DaemonConfigurationFile.read(path + "x") == DaemonConfiguration())
      #expect(try DaemonConfigurationFile.read(path + "/x") == DaemonConfiguration())
    }
  }

  @Test("A file that others may write is not trusted", arguments: [0o620, 0o602, 0o666])
  func exposed(mode: Int) throws {
    try withFile("tcp_port: 8765") { path in
      try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: path)
      let error = #expect(throws: RunnerError.self) { try DaemonConfigurationFile.read(path) }
      #expect(error?.exitCode == 6)
      #expect(
        error?.description
          == "\(path) is not trusted: others may write it (mode \(String(mode, radix: 8))); "
          + "call `chmod go-w` on it")
      try FileManager.default.setAttributes([.posixPermissions: 0o644], ofItemAtPath: path)
      #expect(try DaemonConfigurationFile.read(path).tcpPort == 8765)
    }
  }

  @Test(
    "Another user's file is not trusted", .enabled(if: geteuid() == 0, "only root gives files away")
  )
  func foreign() throws {
    try withFile("tcp_port: 8765") { path in
      try FileManager.default.setAttributes([.ownerAccountID: 12345], ofItemAtPath: path)
      #expect(
        throws: RunnerError.exposedFile(
          path, fact: "it is user 12345's", mend: "make a file of your own")
      ) { try DaemonConfigurationFile.read(path) }
    }
  }

  @Test("What is no plain file, too long or no text is not read")
  func unreadable() throws {
    #expect(throws: RunnerError.unreadableFile("/dev/null", reason: "it is no plain file")) {
      try DaemonConfigurationFile.read("/dev/null")
    }
    #expect(throws: RunnerError.unreadableFile("/", reason: "it is no plain file")) {
      try DaemonConfigurationFile.read("/")
    }
    try withFile(String(repeating: "#", count: OwnedFile.bytesMax + 1)) { path in
      #expect(throws: RunnerError.unreadableFile(path, reason: "it is longer than 1048576 bytes")) {
        try DaemonConfigurationFile.read(path)
      }
      try Data([0xFF, 0xFE, 0xFD]).write(to: URL(filePath: path))
      try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: path)
      #expect(throws: RunnerError.unreadableFile(path, reason: "it is not UTF-8 text")) {
        try DaemonConfigurationFile.read(path)
      }
    }
  }

  @Test("The standard path follows the environment")
  func standardPath() {
    let path = DaemonConfigurationFile.standardPath
    #expect(path(["GREENBENCH_DAEMON_CONFIG": "x.yaml", "HOME": "/h"]) == "x.yaml")
    #expect(path(["XDG_CONFIG_HOME": "/c", "HOME": "/h"]) == "/c/greenbench/daemon.yaml")
    let home = "/h/.config/greenbench/daemon.yaml"
    #expect(path(["HOME": "/h", "XDG_CONFIG_HOME": "c", "GREENBENCH_DAEMON_CONFIG": ""]) == home)
  }
}
