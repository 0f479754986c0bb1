// A daemon put together: its folder, its store, its jobs, its server.

import DaemonAPI
import DaemonJobs
import DaemonServer
import Executor
import Foundation
import Logging
import Measurement
import Metrics
import Reports
import ResultStore

/// What `greenbench daemon run` runs.
struct DaemonHouse {
  let paths: RuntimePaths
  let storePath: String

  /// The configuration file, read again at SIGHUP.
  let configurationPath: String

  /// The program that is started as a worker.
  let worker: String
  let source: SourceVersion

  /// What the command line says, over what the file says.
  let change: @Sendable (inout DaemonConfiguration) -> Void

  /// Serves until a signal ends it.
  ///
  /// - Throws: What cannot be read, made, opened or listened on.
  func run() async throws {
    let keepsThreads = try DaemonThreads.areKept()
    AllocatedBytes.keepLittle(givesBackAtRest: keepsThreads)
    let configuration = try readConfiguration()
    let environment = ProcessInfo.processInfo.environment
    LoggingSystem.bootstrap { label in
      LogLines(label: label, level: configuration.logLevel, environment: environment)
    }
    let metrics = MetricsRegistry()
    MetricsSystem.bootstrap(metrics)
    let logger = Logger(label: "greenbench")

    // First the folder: who has its lock is the only daemon, and the only one to open the store.
    let claim = try RuntimeClaim(paths)
    // The log of writes is emptied by a daemon that ends by itself.
    let wasKilled = FileSize.bytes(of: storePath + "-wal") > 0
    try distrustOpenStore()
    let store = try ResultStore(path: storePath)
    try store.limitCache(kibibytes: Self.cacheKibibytes)
    if !keepsThreads {
      logger.notice("tasks run on threads that end: a shortage of processes may delay answers")
    }
    let jobs = JobService(
      store: store, configuration: configuration, setting: setting(CPUPlacement.leaveLastCPU()),
      logger: logger)
    try await jobs.start(checksStore: wasKilled)

    var serving = ServerConfiguration(
      paths: paths, tcpPort: configuration.tcpPort.map(UInt16.init),
      version: VersionCommand.number, environment: environment)
    serving.connectionsMax = configuration.connectionsMax
    let server = DaemonServer(
      service: jobs, claim: claim, configuration: serving,
      hooks: Hooks(
        // Before the server's own end: a run whose worker is killed then is stored yet.
        drain: { await jobs.drain(deadline: .seconds(max(0.5, $0 - Self.storingSeconds))) },
        reload: { await reload(jobs, since: configuration, logger) }),
      metrics: metrics, logger: logger)
    do {
      try await server.run()
    } catch {
      // A server that ended by itself leaves jobs that run.
      await jobs.drain(deadline: .zero)
      throw error
    }
    await jobs.drain(deadline: .zero)
  }

  /// Filled within minutes, so that the daemon does not grow for hours.
  private static let cacheKibibytes = 256

  /// Of the time to drain, what is kept for ending a worker and storing what it measured.
  private static let storingSeconds = 1.5

  private func readConfiguration() throws -> DaemonConfiguration {
    var configuration = try DaemonConfigurationFile.read(configurationPath)
    change(&configuration)
    return configuration
  }

  /// Who may write the store could put jobs into it, and the daemon would run them.
  private func distrustOpenStore() throws {
    // One that is not there is made for the user alone.
    let facts = try? FileManager.default.attributesOfItem(atPath: storePath)
    let mode = (facts?[.posixPermissions] as? NSNumber)?.intValue ?? 0
    guard mode & 0o002 != 0 else { return }
    throw DaemonFault(
      .permission,
      "anybody may write the store \(storePath) (mode \(String(mode, radix: 8)));"
        + " look at what is in it, then call `chmod o-w` on it")
  }

  private func reload(
    _ jobs: JobService, since start: DaemonConfiguration, _ logger: Logger
  ) async {
    // A file that was moved away is more likely a slip than the wish for all standard settings.
    guard FileManager.default.fileExists(atPath: configurationPath) else {
      return logger.error(
        "the configuration stays as it was",
        metadata: ["error": "there is no \(configurationPath); put it back, or start again without"]
      )
    }
    do {
      let configuration = try readConfiguration()
      let late = configuration.differencesThatWait(since: start)
      if !late.isEmpty {
        logger.notice(
          "some settings count from the next start",
          metadata: ["settings": "\(late.joined(separator: ", "))"])
      }
      await jobs.reload(configuration)
    } catch {
      logger.error("the configuration stays as it was", metadata: ["error": "\(error)"])
    }
  }

  private func setting(_ cpu: Int32?) -> JobService.Setting {
    let (worker, arguments) = (worker, ["worker"] + (cpu.map { ["--cpu", "\($0)"] } ?? []))
    return JobService.Setting(
      version: VersionCommand.number, source: source,
      launch: { await WorkerProcess.launch(worker, arguments: arguments) },
      allocatedBytes: AllocatedBytes.now)
  }
}

/// The size of a file.
private enum FileSize {
  /// 0 where there is no such file.
  static func bytes(of path: String) -> Int {
    // One that is not there, or cannot be asked, has nothing in it.
    let facts = try? FileManager.default.attributesOfItem(atPath: path)
    return (facts?[.size] as? Int) ?? 0
  }
}
