// The daemon's configuration file: YAML, read strictly, every complaint with its line and column.

public import BenchmarkRunner
import DaemonAPI
import FoundationEssentials
import Logging

/// Reads `daemon.yaml`.
public enum DaemonConfigurationFile {
  static let keys = [
    "queue_limit", "quiet_hours", "quiet", "log_level", "events_kept", "jobs_kept",
    "samples_kept", "sample_every", "tcp_port", "connections_max",
    "worker_recycle_groups",
  ]

  /// Where the file is unless somebody names another one.
  ///
  /// - Parameter environment: The process's environment.
  /// - Returns: `$GREENBENCH_DAEMON_CONFIG`, or a file below `$XDG_CONFIG_HOME`, or one below
  ///   `~/.config`.
  public static func standardPath(environment: [String: String]) -> String {
    if let path = environment["GREENBENCH_DAEMON_CONFIG"], !path.isEmpty { return path }
    let file = "greenbench/daemon.yaml"
    // The XDG specification: a relative path is to be ignored.
    if let folder = environment["XDG_CONFIG_HOME"], folder.hasPrefix("/") {
      return "\(folder)/\(file)"
    }
    return
      "\(environment["HOME"] ?? FileManager.default.homeDirectoryForCurrentUser.path)/.config/\(file)"
  }

  /// Reads the settings from a file.
  ///
  /// - Parameter path: The file; one that is not there sets nothing.
  /// - Returns: The settings.
  /// - Throws: What is wrong, and where; also when others than the user and root may write the file.
  public static func read(_ path: String) throws(RunnerError) -> DaemonConfiguration {
    guard let text = try OwnedFile.read(path) else { return DaemonConfiguration() }
    return try parse(text, file: path)
  }

  /// Reads the settings from the text of a file.
  ///
  /// - Parameters:
  ///   - text: The YAML; nothing is fine, too.
  ///   - file: The file's name, for complaints.
  /// - Returns: The settings; what the text does not say is standard.
  /// - Throws: What is wrong, and where.
  public static func parse(
    _ text: String, file: String
  ) throws(RunnerError) -> DaemonConfiguration {
    typealias Settings = DaemonConfiguration
    let yaml = StrictYAML(file: file)
    var settings = Settings()
    guard let root = try yaml.value(of: text) else { return settings }
    for (name, key, value) in try yaml.entries(of: root, "the configuration", keys: keys) {
      switch name {
      case "queue_limit":
        settings.queueLimit = try yaml.integer(value, name, Settings.queueLimits)
      case "quiet_hours":
        let written = try yaml.text(value, name)
        guard let hours = QuietHours(written) else {
          throw yaml.wrong(value, name, written, QuietHours.form)
        }
        settings.quietHours = hours
      case "quiet": settings.quiet = try quiet(value, yaml)
      case "log_level":
        let written = try yaml.text(value, name)
        guard let level = Logger.Level(rawValue: written) else {
          let levels = Logger.Level.allCases.map(\.rawValue).joined(separator: ", ")
          throw yaml.wrong(value, name, written, "one of \(levels)")
        }
        settings.logLevel = level
      case "events_kept":
        settings.eventsKept = try yaml.integer(value, name, Settings.keptLimits)
      case "jobs_kept": settings.jobsKept = try yaml.integer(value, name, Settings.keptLimits)
      case "samples_kept":
        settings.samplesKept = try yaml.integer(value, name, Settings.keptLimits)
      case "sample_every":
        settings.sampleSeconds = try yaml.seconds(value, name, Settings.sampleSecondsLimits)
      case "tcp_port": settings.tcpPort = try yaml.integer(value, name, Settings.tcpPorts)
      case "connections_max":
        settings.connectionsMax = try yaml.integer(value, name, Settings.connectionsLimits)
      case "worker_recycle_groups":
        settings.workerRecycleGroups = try yaml.integer(value, name, Settings.workerRecycleLimits)
      default: throw yaml.unknown(key, name, among: keys)
      }
    }
    return settings
  }

  private static func quiet(
    _ node: StrictYAML.Value, _ yaml: StrictYAML
  ) throws(RunnerError) -> QuietCondition {
    let keys = ["pressure_percent_max", "deadline"]
    var pressure: Double?
    var deadline: Int?
    for (name, key, value) in try yaml.entries(of: node, "quiet", keys: keys) {
      switch name {
      case "pressure_percent_max": pressure = try yaml.number(value, name, 0...100)
      case "deadline": deadline = try yaml.seconds(value, name, 1...7 * 86_400)
      default: throw yaml.unknown(key, name, among: keys)
      }
    }
    guard let pressure, let deadline else {
      throw yaml.error(
        node, "quiet has no \(pressure == nil ? keys[0] : keys[1])",
        "write both, as in {pressure_percent_max: 5, deadline: 10m}")
    }
    return QuietCondition(pressurePercentMax: pressure, deadlineSeconds: Double(deadline))
  }
}
