// Injected faults: what a test makes fail on purpose, to see that the program gets over it.

/// Faults that are waiting to happen on this thread.
///
/// Each happens once, to the n-th occasion from now, and is then gone. Switches with a message are
/// occasions; a `throw` and what the engine does by itself are not, but for stacks.
public struct GreenletFaults {
  /// The first switch that is to get no stack: 1 is the next one.
  public var failingStack: Int?

  /// The switch that is to be refused with ``GreenletError/injected(greenlet:current:)``.
  ///
  /// Its target stays as it was.
  public var failingSwitch: Int?

  /// The suspension that is to end with ``error`` instead of a message.
  public var throwingSuspension: Int?

  /// What ``throwingSuspension`` throws.
  public var error: any Error = GreenletExit()

  /// No faults.
  public init() {}

  /// The faults of this thread; setting them replaces those that have not happened.
  ///
  /// Every switch takes the long way until an empty value is set.
  public static var ofThisThread: GreenletFaults {
    get { unsafe GreenletHub.ofThisThread().pointee.faults }
    set {
      let hub = unsafe GreenletHub.ofThisThread()
      unsafe hub.pointee.faults = newValue
      if newValue.isEmpty {
        unsafe hub.pointee.stopWatching(for: GreenletHub.Watch.faults)
      } else {
        unsafe hub.pointee.watch(for: GreenletHub.Watch.faults)
      }
    }
  }

  private var isEmpty: Bool {
    failingStack == nil && failingSwitch == nil && throwingSuspension == nil
  }

  /// Counts down to an occasion.
  ///
  /// - Returns: Whether it is this one.
  private static func isDue(_ count: inout Int?) -> Bool {
    guard let left = count else { return false }
    count = left > 1 ? left - 1 : nil
    return left <= 1
  }

  /// Whether the stack that is about to be taken is the failing one.
  mutating func failsStack() -> Bool { Self.isDue(&failingStack) }

  /// Refuses the failing switch, and makes the throwing suspension throw.
  mutating func countSwitch(
    to target: GreenletCell, on hub: UnsafeMutablePointer<GreenletHub>
  ) throws(GreenletError) {
    guard !isEmpty else {
      // All have happened: switches need not come here for them any more.
      return unsafe hub.pointee.stopWatching(for: GreenletHub.Watch.faults)
    }
    if Self.isDue(&failingSwitch) {
      throw .injected(
        greenlet: unsafe target.core.pointee.name,
        current: unsafe hub.pointee.current.pointee.name)
    }
  }

  /// Whether the suspension that begins is the throwing one.
  mutating func throwsAtSuspension() -> Bool { Self.isDue(&throwingSuspension) }
}

extension GreenletHub {
  /// Makes the message that arrived the injected error.
  mutating func replaceMessage(_ word: UInt) {
    if !pending.contains(.failure) { Message.discard(word, messageType) }
    failure = faults.error
    pending.insert(.failure)
  }
}
