// A sequence whose elements a body yields, from any depth of its calls.

public import Stacks

/// A sequence made by a body that yields.
///
///     let numbers = GreenletSequence<Int> { yield in
///       for number in 0..<3 { try yield(number) }
///     }
///     for number in numbers { print(number) }
///
/// The body may call functions that yield, and those others: unlike a generator of a language without
/// stacks, none of them needs to know. It may loop over another such sequence, and that one's body
/// may yield to this one, over its own head.
///
/// Every iteration runs the body anew on a stack of its own, given back when the iterator goes. An
/// iterator that is let go early ends the body as a ``Coroutine`` is ended.
public struct GreenletSequence<Element>: Sequence {
  /// What the body of a sequence yields with.
  public typealias Body = (Yielder) throws -> Void

  private let stacks: StackPool?
  private let body: Body

  /// Makes a sequence.
  ///
  /// - Parameters:
  ///   - stacks: Lends the stacks; the thread's own pool when nil.
  ///   - body: Yields the elements. What it throws ends the iteration: see ``Iterator/failure``.
  public init(stacks: StackPool? = nil, _ body: @escaping Body) {
    self.stacks = stacks
    self.body = body
  }

  /// Starts an iteration; the body runs with the first `next`.
  ///
  /// An iterator that gets no stack has no elements, and a ``Iterator/failure``.
  ///
  /// - Complexity: O(1).
  public func makeIterator() -> Iterator {
    Iterator(stacks: unsafe stacks ?? GreenletHub.ofThisThread().pointee.poolOfThread(), body: body)
  }

  /// One iteration.
  ///
  /// It belongs to the thread that made it. Let go early, it ends the body, which runs meanwhile.
  public final class Iterator: IteratorProtocol {
    private let turn: Turn
    private let coroutine: Coroutine<Void, Element>?

    /// What ended the iteration early: an error of the body, or that no stack could be had.
    public private(set) var failure: (any Error)?

    init(stacks: StackPool, body: @escaping Body) {
      let turn = Turn()
      self.turn = turn
      do throws(StackError) {
        coroutine = try Coroutine(on: stacks, running: Generator(body: body, turn: turn))
      } catch {
        coroutine = nil
        failure = error
      }
    }

    deinit { turn.isEnding = true }

    /// The next element; nil when the body has ended.
    ///
    /// The body runs until it yields or ends, and the caller waits. What it throws ends the
    /// iteration and is kept in ``failure``; that is ``Cancelled`` when the body had yielded to an
    /// outer sequence, and that one's iterator was let go: then let your own body end, too.
    ///
    /// - Precondition: Not called by the body itself, and on the thread that made the iterator.
    /// - Complexity: Two context switches, and what the body does.
    public func next() -> Element? {
      guard failure == nil, coroutine != nil else { return nil }
      precondition(!turn.isTaken, "the body of a sequence asked for its own next element")
      turn.isTaken = true
      defer { turn.isTaken = false }
      do {
        guard let step = try coroutine?.resumeUnlessFinished() else { return nil }
        if case .yielded(let element) = step { return element }
      } catch is EndOfSequence {
      } catch {
        failure = error
      }
      return nil
    }
  }

  /// Hands an element to whoever iterates.
  public struct Yielder {
    let suspender: Suspender<Void, Element>
    let turn: Turn

    /// Yields an element, and goes on when the next one is asked for.
    ///
    /// What is shared with whoever iterates may have changed by then.
    ///
    /// - Parameter element: What the pending `next` returns.
    /// - Throws: ``Cancelled`` when the iterator was let go: let it pass.
    ///   ``GreenletError/noGenerator`` when the sequence's body does not run.
    public func callAsFunction(_ element: Element) throws {
      if turn.isEnding { throw Cancelled() }
      guard turn.isTaken else { throw GreenletError.noGenerator }
      try suspender.suspend(element)
    }
  }

  private struct Generator: CoroutineBody {
    let body: Body
    let turn: Turn

    func run(_ suspender: Suspender<Void, Element>, _: Void) throws -> Element {
      try body(Yielder(suspender: suspender, turn: turn))
      if turn.isEnding { throw Cancelled() }
      throw EndOfSequence()
    }
  }
}

/// Whether an iteration is in the middle of `next`: only then may its body yield.
///
/// An object of its own: a yielder may outlive the coroutine, whose stack is then another one's.
final class Turn {
  var isTaken = false

  /// Whether the iterator was let go.
  var isEnding = false
}

/// Leaves a generator whose body is over: there is no element to return.
private struct EndOfSequence: Error {}

extension Coroutine {
  /// Resumes, or says that there is nothing to resume.
  fileprivate borrowing func resumeUnlessFinished() throws -> Step<Output>? where Input == Void {
    isFinished ? nil : try resume(())
  }
}
