// The order of the queue.

import DaemonAPI
import Reports
import Testing

@testable import DaemonJobs

@Suite("The queue")
struct JobQueueTests {
  static func job(
    _ id: Int, client: String = "a", priority: Int = 0, state: Job.State = .queued
  ) -> Job {
    Job(
      id: id, state: state, client: client,
      request: JobRequest(
        scenario: Scenario(workload: "ping-pong", seed: 1), client: client, priority: priority),
      submittedUnixNanoseconds: id)
  }

  /// Takes all jobs, in the order in which they would run.
  private func drain(_ jobs: [Job]) -> [Int] {
    var queue = JobQueue()
    for job in jobs { queue.put(job) }
    var order: [Int] = []
    while let next = queue.next(where: { _ in true }) {
      order.append(next.id)
      queue.serve(next.client)
      _ = queue.remove(next.id)
    }
    return order
  }

  @Test("Of one client the oldest comes first")
  func oldest() {
    #expect(drain([Self.job(3), Self.job(1), Self.job(2)]) == [1, 2, 3])
  }

  @Test("Clients take turns, however many jobs one of them has")
  func turns() {
    let jobs =
      (1...4).map { Self.job($0, client: "many") }
      + [Self.job(5, client: "few"), Self.job(6, client: "few")]
    #expect(drain(jobs) == [1, 5, 2, 6, 3, 4])
  }

  @Test("A greater priority goes first, and costs its client a turn")
  func priorities() {
    let jobs = [
      Self.job(1, client: "a"), Self.job(2, client: "b"), Self.job(3, client: "a", priority: 5),
      Self.job(4, client: "c", priority: -1),
    ]
    #expect(drain(jobs) == [3, 2, 1, 4])
  }

  @Test("A paused job stays, a job that may not run is passed by")
  func leftOut() {
    var queue = JobQueue()
    queue.put(Self.job(1, state: .paused))
    queue.put(Self.job(2))
    queue.put(Self.job(3))
    #expect(queue.next { $0.id != 2 }?.id == 3)
    #expect(queue.next { $0.id < 2 } == nil)
    #expect(queue.queuedCount == 2)
    #expect(queue.pausedCount == 1)
  }

  @Test("A changed job takes the place of what it was")
  func changed() {
    var queue = JobQueue()
    queue.put(Self.job(1))
    queue.put(Self.job(1, state: .paused))
    #expect(queue.next { _ in true } == nil)
    #expect(queue.remove(1)?.state == .paused)
    #expect(queue.isEmpty)
  }
}
