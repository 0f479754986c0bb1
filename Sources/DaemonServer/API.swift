// Every path of the API.

import DaemonAPI
import FoundationEssentials
import HTTPTypes

/// The routes over one service.
struct API: Sendable {
  let service: any DaemonService
  let metrics: MetricsRegistry
  let version: String

  private static let root = DaemonProtocol.root

  var table: RouteTable {
    RouteTable(routes: aboutAll + ofJobs + ofQueue + ofEvents + ofSchedules + probes)
  }

  private var aboutAll: [Route] {
    [
      Route(.get, Self.root) { [version] _ throws(Refusal) in
        try .json(Index(name: Answer.serverName, version: version))
      },
      Route(.get, "\(Self.root)/openapi.json") { _ throws(Refusal) in
        Answer(
          status: 200, contentType: "application/json", body: .whole(OpenAPIDocument.bytes))
      },
      Route(.get, "\(Self.root)/status") { [service] _ throws(Refusal) in
        try .json(await service.status())
      },
      Route(.get, "\(Self.root)/sessions/{prefix}") { [service] call throws(Refusal) in
        let prefix = (call.parts.first ?? "").lowercased()
        guard prefix.utf8.count <= 36, prefix.allSatisfy({ $0.isHexDigit || $0 == "-" }) else {
          throw Refusal(
            .notFound, "there is no session \"\(prefix.prefix(40))\"; see `greenbench list`")
        }
        return try .json(await service.session(prefix))
      },
    ]
  }

  private var ofJobs: [Route] {
    [
      Route(.post, "\(Self.root)/jobs", takesBody: true) { [service] call throws(Refusal) in
        let request = try call.decode(JobRequest.self, shape: RequestChecks.job)
        try RequestChecks.check(request)
        if let key = call.idempotencyKey {
          try RequestChecks.name(key, DaemonProtocol.idempotencyHeader)
        }
        let submission = try await service.submit(
          request, client: request.client ?? call.client, key: call.idempotencyKey)
        var answer = try Answer.json(submission, status: submission.repeated ? 200 : 201)
        answer.fields[.location] = "\(Self.root)/jobs/\(submission.job.id)"
        return answer
      },
      Route(.get, "\(Self.root)/jobs", query: ["state", "client", "before", "limit"]) {
        [service] call throws(Refusal) in
        try .json(await service.jobs(try Self.filter(call)))
      },
      Route(.get, "\(Self.root)/jobs/{id}") { [service] call throws(Refusal) in
        try .json(await service.job(try call.number(of: "job")))
      },
      Route(.get, "\(Self.root)/jobs/{id}/updates", query: [Self.cancelName]) {
        [service] call throws(Refusal) in
        let id = try call.number(of: "job")
        let isOwned = try call.flag(Self.cancelName)
        let updates = try await service.updates(job: id)
        var stream = EventStream(updates, frame: Self.frame(of:))
        if isOwned { stream.onLeave = { await Self.cancel(id, service) } }
        return .events(stream)
      },
    ]
      + JobAction.allCases.map { action in
        Route(.post, "\(Self.root)/jobs/{id}/\(action.rawValue)") {
          [service] call throws(Refusal) in
          try .json(await service.act(action, job: try call.number(of: "job")))
        }
      }
  }

  private static let cancelName = "cancel_on_close"

  /// Cancels a job that nobody waits for any more.
  private static func cancel(_ id: Int, _ service: any DaemonService) async {
    do {
      _ = try await service.act(.cancel, job: id)
    } catch {
      // It has ended meanwhile: the client left after the last update.
      return
    }
  }

  private var ofQueue: [Route] {
    [("pause", true), ("resume", false)].map { name, paused in
      Route(.post, "\(Self.root)/queue/\(name)") { [service] _ throws(Refusal) in
        try .json(await service.setQueuePaused(paused))
      }
    }
  }

  private var ofEvents: [Route] {
    [
      Route(.get, "\(Self.root)/events", query: ["after", "limit"]) {
        [service] call throws(Refusal) in
        let after = try call.number("after", in: 0...Int.max) ?? 0
        let limit = try call.number("limit", in: 1...DaemonProtocol.pageMax) ?? 100
        return try .json(await service.events(after: after, limit: limit))
      },
      Route(.get, "\(Self.root)/events/stream", query: ["after"]) {
        [service] call throws(Refusal) in
        var after = try call.number("after", in: 0...Int.max) ?? 0
        // What a client has seen already counts more than where it began.
        if let last = call.lastEventID, !last.isEmpty {
          after = try Call.number(last, called: "Last-Event-ID", in: 0...Int.max)
        }
        let stream = try await service.eventStream(after: after)
        return .events(
          EventStream(stream) { event in
            EventStream.frame(event: event.kind.rawValue, id: event.seq, data: Self.line(event))
          })
      },
    ]
  }

  private var ofSchedules: [Route] {
    [
      Route(.get, "\(Self.root)/schedules") { [service] _ throws(Refusal) in
        try .json(await service.schedules())
      },
      Route(.post, "\(Self.root)/schedules", takesBody: true) {
        [service] call throws(Refusal) in
        let request = try call.decode(ScheduleRequest.self, shape: RequestChecks.schedule)
        try RequestChecks.check(request)
        let schedule: Schedule
        do throws(Refusal) {
          schedule = try await service.addSchedule(request)
        } catch {
          // The document is one of the language; that its time means nothing is another matter.
          guard error.code == .malformed else { throw error }
          return .refusal(error, status: Refusal.Code.scenario.httpStatus)
        }
        var answer = try Answer.json(schedule, status: 201)
        answer.fields[.location] = "\(Self.root)/schedules/\(schedule.id)"
        return answer
      },
      Route(.delete, "\(Self.root)/schedules/{id}") { [service] call throws(Refusal) in
        try await service.removeSchedule(try call.number(of: "schedule"))
        return .nothing
      },
    ]
  }

  private var probes: [Route] {
    [
      Route(.get, "/healthz") { _ throws(Refusal) in .text("ok\n", as: "text/plain") },
      Route(.get, "/readyz") { [service] _ throws(Refusal) in
        guard let obstacle = await service.obstacle() else {
          return .text("ready\n", as: "text/plain")
        }
        return .refusal(Refusal(.store, obstacle))
      },
      Route(.get, "/metrics") { [service, metrics] _ throws(Refusal) in
        let gauges = StatusGauges.of(await service.status())
        return .text(
          OpenMetricsText.document(of: metrics, gauges: gauges),
          as: OpenMetricsText.contentType)
      },
    ]
  }

  private static func filter(_ call: Call) throws(Refusal) -> JobFilter {
    var filter = JobFilter()
    for name in call.query["state"]?.split(separator: ",", omittingEmptySubsequences: false) ?? [] {
      guard let state = Job.State(rawValue: String(name)) else {
        throw Refusal(
          .malformed,
          "there is no state \"\(name.prefix(40))\"; "
            + NearestName.hint(String(name), among: Job.State.allCases.map(\.rawValue)))
      }
      filter.states.insert(state)
    }
    if let client = call.query["client"] {
      try RequestChecks.name(client, "client")
      filter.client = client
    }
    filter.before = try call.number("before", in: 1...Int.max)
    filter.limit = try call.number("limit", in: 1...DaemonProtocol.pageMax) ?? filter.limit
    return filter
  }

  private static func frame(of update: JobUpdate) -> String {
    let data =
      switch update {
      case .state(let job): line(job)
      case .progress(let progress): line(progress)
      case .block(let block): line(block)
      }
    return EventStream.frame(event: update.name, data: data)
  }

  /// JSON of one line.
  ///
  /// These values are ours and finite, so that they can be written.
  private static func line(_ value: some Encodable) -> String {
    guard let data = try? Answer.encode(value) else { return "null" }
    return String(decoding: data, as: UTF8.self)
  }
}

/// What `/v1` says.
struct Index: Encodable {
  var name: String
  var version: String
  var api = "v1"
  var links = [
    "document": "\(DaemonProtocol.root)/openapi.json", "events": "\(DaemonProtocol.root)/events",
    "jobs": "\(DaemonProtocol.root)/jobs", "schedules": "\(DaemonProtocol.root)/schedules",
    "status": "\(DaemonProtocol.root)/status",
  ]
}

/// What the daemon's status says in figures.
enum StatusGauges {
  static func of(
    _ status: DaemonStatus
  ) -> [(family: String, help: String, value: Double)] {
    [
      ("greenbench_jobs_queued", "Jobs that wait.", Double(status.queue.queued)),
      ("greenbench_jobs_paused", "Jobs that somebody paused.", Double(status.queue.paused)),
      (
        "greenbench_jobs_running", "Whether a job runs.", status.queue.running == nil ? 0 : 1
      ),
      ("greenbench_jobs_limit", "The most jobs that may wait.", Double(status.queue.limit)),
      ("greenbench_workers", "Worker processes.", Double(status.workers.count)),
      (
        "greenbench_worker_restarts", "How often a worker was started anew.",
        Double(status.workers.reduce(0) { $0 + $1.restarts })
      ),
      ("greenbench_uptime_seconds", "Since the daemon started.", status.uptimeSeconds),
      ("greenbench_last_event", "The newest event's number.", Double(status.lastEvent)),
      (
        "process_resident_memory_bytes", "Resident memory of this process.",
        Double(status.memory.residentBytes)
      ),
      ("process_open_fds", "Open descriptors of this process.", Double(status.memory.descriptors)),
    ]
      + (status.memory.allocatedBytes.map {
        [("greenbench_allocated_bytes", "Allocated by the allocator's account.", Double($0))]
      } ?? [])
  }
}
