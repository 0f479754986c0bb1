// What the daemon does by the clock: schedules, quiet hours, samples of itself.

import BenchmarkRunner
public import DaemonAPI
import Foundation
import Logging
import Metrics
import Reports
import ResultStore
import Threads

extension JobService {
  /// The longest sleep while jobs or schedules wait for a time, so that a clock that was set is noticed.
  static let longestSleep = Duration.seconds(60)

  /// How often the pressure is looked at while jobs wait for quiet.
  static let quietInterval = Duration.seconds(2)

  /// How often a store that took nothing is tried again.
  static let troubleInterval = Duration.seconds(5)

  /// Between two cleanings of the store, in nanoseconds.
  static let cleaningInterval = 3600 * 1_000_000_000

  /// A schedule that is later than this has missed its time, as on a machine that was off.
  static let latenessMax = 300 * 1_000_000_000

  /// Does what is due, and sets the alarm for what comes next.
  func tick() async {
    guard !isDraining else { return }
    let (now, steady) = (setting.now(), setting.steady())
    await fireSchedules(now)
    if steady >= nextSample {
      nextSample = steady + configuration.sampleSeconds * 1_000_000_000
      await sample(now)
      await watchLog()
    }
    if steady >= nextCleaning, running == nil {
      nextCleaning = steady + Self.cleaningInterval
      await clean()
    }
    dispatch()
    setAlarm()
  }

  /// Sleeps until something is due; an earlier alarm is forgotten.
  func setAlarm() {
    alarm?.cancel()
    guard !isDraining else { return }
    let wait = untilNext()
    alarm = Task { [weak self] in
      // Cancelled by the next alarm, which does what this one would have done.
      guard (try? await Alarm.sleep(for: wait)) != nil else { return }
      await self?.tick()
    }
  }

  /// How long nothing is due.
  func untilNext() -> Duration {
    let (now, steady) = (setting.now(), setting.steady())
    var wait = Duration.nanoseconds(Self.cleaningInterval)
    // Schedules and quiet hours go by the wall's clock, which may be set meanwhile.
    if !queue.isEmpty || !schedulesByID.isEmpty { wait = min(wait, Self.longestSleep) }
    func consider(_ time: Int?, from now: Int) {
      guard let time else { return }
      wait = min(wait, .nanoseconds(max(0, time - now)))
    }
    consider(nextSample, from: steady)
    for schedule in schedulesByID.values { consider(schedule.nextUnixNanoseconds, from: now) }
    if running == nil {
      consider(nextCleaning, from: steady)
      if !quietSince.isEmpty { wait = min(wait, Self.quietInterval) }
      if trouble != nil { wait = min(wait, Self.troubleInterval) }
    }
    // Never a busy loop, whatever the clock does.
    return max(wait, .milliseconds(100))
  }

  // MARK: Its own figures

  private func sample(_ now: Int) async {
    let memory = ownMemory()
    let sample = DaemonSample(
      unixNanoseconds: now, residentBytes: memory.residentBytes,
      allocatedBytes: memory.allocatedBytes, descriptors: memory.descriptors, jobsDone: jobsDone)
    Gauge(label: "greenbench_resident_bytes").record(memory.residentBytes)
    Gauge(label: "greenbench_open_descriptors").record(memory.descriptors)
    if let bytes = memory.allocatedBytes {
      Gauge(label: "greenbench_allocated_bytes").record(bytes)
    }
    Gauge(label: "greenbench_jobs_queued").record(queue.queuedCount)
    do {
      try await keeper.use { store throws(StoreError) in try store.appendSample(sample) }
      trouble = nil
    } catch {
      trouble = error.description
      logger.warning("no sample was stored", metadata: ["error": "\(error)"])
    }
  }

  // MARK: Schedules

  private func fireSchedules(_ now: Int) async {
    let due = schedulesByID.values.filter { ($0.nextUnixNanoseconds ?? .max) <= now }
    for schedule in due.sorted(by: { $0.id < $1.id }) where schedulesByID[schedule.id] != nil {
      await fire(schedule, now)
    }
  }

  private func fire(_ schedule: Schedule, _ now: Int) async {
    var schedule = schedule
    let planned = schedule.nextUnixNanoseconds ?? now
    schedule.nextUnixNanoseconds = next(of: schedule.request, after: now)
    // Before the submission: a schedule that cannot be submitted must not fire again and again.
    schedulesByID[schedule.id] = schedule
    if now - planned > Self.latenessMax {
      let late = (now - planned) / 60_000_000_000
      await note(
        .scheduleMissed, nil,
        "schedule \(schedule.id) (\(schedule.request.name)) is \(late) min late; left out")
    } else {
      await submit(&schedule, planned, now)
    }
    await keep(schedule)
  }

  private func submit(_ schedule: inout Schedule, _ planned: Int, _ now: Int) async {
    var request = schedule.request.job
    // Of the planned time: a daemon that is killed and tries again submits the very same job.
    if schedule.request.freshSeed {
      request.scenario.seed = UInt64(planned / 1_000_000_000) << 8 | UInt64(schedule.id & 0xFF)
    }
    let client = request.client ?? "schedule \(schedule.id)"
    do {
      let submission = try await submit(
        request, client: client, key: "schedule \(schedule.id) at \(planned)",
        schedule: schedule.id)
      schedule.lastUnixNanoseconds = now
      schedule.lastJob = submission.job.id
      await note(
        .scheduleFired, submission.job.id, "schedule \(schedule.id) (\(schedule.request.name))")
    } catch {
      await note(
        .scheduleMissed, nil,
        "schedule \(schedule.id) (\(schedule.request.name)) was refused: \(error.message)")
    }
  }

  private func keep(_ schedule: Schedule) async {
    guard schedulesByID[schedule.id] != nil else { return }
    schedulesByID[schedule.id] = schedule
    do {
      try await keeper.use { store throws(StoreError) in try store.save(schedule) }
    } catch {
      // The next daemon finds the old time and the old key: it does not submit the job twice.
      logger.error(
        "schedule \(schedule.id) was not stored", metadata: ["error": "\(error)"])
    }
  }

  private func next(of request: ScheduleRequest, after now: Int) -> Int? {
    do {
      return try CronExpression(request.cron).next(after: now, in: setting.timeZone())
    } catch {
      // It was read before it was stored; another version of the program may read less.
      logger.error("schedule \(request.name): \(error.message)")
      return nil
    }
  }

  public func schedules() async throws(Refusal) -> [Schedule] {
    schedulesByID.values.sorted { $0.id < $1.id }
  }

  public func addSchedule(_ request: ScheduleRequest) async throws(Refusal) -> Schedule {
    let cron = try CronExpression(request.cron)
    guard let next = cron.next(after: setting.now(), in: setting.timeZone()) else {
      throw Refusal(.malformed, "\"\(request.cron)\" never comes; choose a day that there is")
    }
    if let hello = await supervisor.hello {
      do {
        try BenchmarkRunner.check(request.job.scenario, with: hello)
      } catch {
        throw Refusal(.scenario, error.description)
      }
    }
    let schedule: Schedule
    do {
      schedule = try await keeper.use { store throws(StoreError) in
        try store.addSchedule(request, next: next)
      }
    } catch {
      throw Refusal(error)
    }
    schedulesByID[schedule.id] = schedule
    await note(.scheduleAdded, nil, "schedule \(schedule.id): \(request.cron) \(request.name)")
    setAlarm()
    return schedule
  }

  public func removeSchedule(_ id: Int) async throws(Refusal) {
    let isRemoved: Bool
    do {
      isRemoved = try await keeper.use { store throws(StoreError) in try store.removeSchedule(id) }
    } catch {
      throw Refusal(error)
    }
    schedulesByID[id] = nil
    guard isRemoved else {
      throw Refusal(.notFound, "there is no schedule \(id); see `greenbench schedule ls`")
    }
    await note(.scheduleRemoved, nil, "schedule \(id)")
  }
}
