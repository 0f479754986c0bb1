// Coroutines side by side in memory of their own: no box, no reference count, no array of handles.

public import Stacks

/// Coroutines of one backend, next to each other.
///
/// A box for each of them would cost an allocation and a header, which is more than many a
/// coroutine's own state.
@safe public final class CoroutineRow<Backend: SwitchBackend & ~Copyable> {
  // Invariant: `count` coroutines from here on are initialised until deinit.
  @usableFromInline let base: UnsafeMutablePointer<Backend>
  public let count: Int

  /// Makes coroutines that have not started.
  ///
  /// - Throws: What the backend throws; then none is left.
  @inlinable @inline(__always) public init(
    _ count: Int, on stacks: StackPool, body: (_ number: Int) -> some ContextBody
  ) throws {
    precondition(count > 0, "a row without coroutines")
    let base = UnsafeMutablePointer<Backend>.allocate(capacity: count)
    var made = 0
    do {
      while made < count {
        let coroutine = try Backend(on: stacks, body: body(made))
        // SAFETY: within the capacity, and not initialised yet.
        unsafe (base + made).initialize(to: coroutine)
        made += 1
      }
    } catch {
      // SAFETY: these were initialised above, and nobody else knows them.
      unsafe base.deinitialize(count: made)
      unsafe base.deallocate()
      throw error
    }
    unsafe self.base = base
    self.count = count
  }

  /// Resumes one of them.
  ///
  /// - Precondition: `number` is from 0 up to and without `count`.
  @inlinable @inline(__always) public func resume(_ number: Int, _ word: Int) throws -> Int {
    precondition(number >= 0 && number < count, "no such coroutine")
    // SAFETY: initialised, by the check above.
    return try unsafe base[number].resume(word)
  }

  /// Whether one of them has returned or thrown.
  ///
  /// - Precondition: `number` is from 0 up to and without `count`.
  @inlinable public func isFinished(_ number: Int) -> Bool {
    precondition(number >= 0 && number < count, "no such coroutine")
    // SAFETY: initialised, by the check above.
    return unsafe base[number].isFinished
  }

  deinit {
    // SAFETY: by the invariant. Whoever ends here runs to its end meanwhile, and knows nothing of us.
    unsafe base.deinitialize(count: count)
    unsafe base.deallocate()
  }
}
