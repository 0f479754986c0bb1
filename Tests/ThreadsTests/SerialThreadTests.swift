// An actor on a thread of its own: one thread, all jobs in order, and none left over.

import Dispatch
import Glibc
import Testing

@testable import Threads

@Suite("A serial thread")
struct SerialThreadTests {
  /// An actor that says on which thread it is.
  private actor Resident {
    private let thread: SerialThread
    private(set) var turns: [Int] = []

    init(thread: SerialThread = SerialThread(for: "a test")) { self.thread = thread }

    nonisolated var unownedExecutor: UnownedSerialExecutor {
      // SAFETY: the executor lives as long as this actor, which has it.
      unsafe thread.asUnownedSerialExecutor()
    }

    func take(_ turn: Int) -> pthread_t {
      turns.append(turn)
      return pthread_self()
    }

    func wait(_ signal: DispatchSemaphore, begun: AsyncStream<Void>.Continuation) {
      begun.finish()
      signal.wait()
    }
  }

  @Test func runsEverythingOnOneThread() async {
    let resident = Resident()
    let threads = await withTaskGroup(of: pthread_t.self) { group in
      for turn in 0..<200 { group.addTask { await resident.take(turn) } }
      return await group.reduce(into: Set<pthread_t>()) { $0.insert($1) }
    }
    #expect(threads.count == 1)
    #expect(await resident.turns.sorted() == Array(0..<200))
  }

  @Test(.timeLimit(.minutes(1))) func holdsNobodyElseWhileItBlocks() async {
    let (blocked, free) = (Resident(), Resident())
    let signal = DispatchSemaphore(value: 0)
    let (begins, begun) = AsyncStream.makeStream(of: Void.self)
    async let end: Void = blocked.wait(signal, begun: begun)
    for await _ in begins {}
    _ = await free.take(0)
    signal.signal()
    await end
  }

  @Test(.timeLimit(.minutes(1))) func givesItsThreadBackWithItsActor() async {
    let (ends, ended) = AsyncStream.makeStream(of: Void.self)
    do {
      let resident = Resident(
        thread: SerialThread { work in
          Crew.shared.need("a test") {
            work()
            ended.finish()
          }
        })
      _ = await resident.take(0)
    }
    for await _ in ends {}
  }

  @Test func endsAProgramThatHasNoThreadForIt() async {
    await #expect(processExitsWith: .failure) {
      Crew { _ throws(SystemFailure) in throw SystemFailure(code: EAGAIN) }.need("a test") {}
    }
  }
}
