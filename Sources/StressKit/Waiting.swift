// Swift's tasks, for trials, whose thread may block.

import Dispatch

/// Waits for what only a task can do.
public enum Waiting {
  /// Runs a task and waits for its end.
  ///
  /// Blocks; not for a thread of Swift's tasks.
  ///
  /// - Parameter body: The task.
  /// - Returns: Its result.
  /// - Throws: What it throws.
  public static func forResult<Value: Sendable>(
    _ body: @escaping @Sendable () async throws -> Value
  ) throws -> Value {
    let box = Box<Value>()
    let done = DispatchSemaphore(value: 0)
    Task {
      do {
        box.result = .success(try await body())
      } catch {
        box.result = .failure(error)
      }
      done.signal()
    }
    done.wait()
    guard let result = box.result else { fatalError("signalled without a result") }
    return try result.get()
  }

  private final class Box<Value: Sendable>: @unchecked Sendable {
    // SAFETY (@unchecked Sendable): written before the semaphore is signalled, read after it was waited for.
    var result: Result<Value, any Error>?
  }
}
