// A switch for C to call: it has no closures, and no errors.

/// One side's way to the other.
@safe final class Crossing {
  private let act: () throws -> Void

  /// What `act` threw, until somebody takes it.
  var failure: (any Error)?

  init(_ act: @escaping () throws -> Void) { self.act = act }

  /// What C calls.
  ///
  /// - Safety: `argument` must be a crossing that somebody holds until this returns.
  @unsafe static func go(_ argument: UnsafeMutableRawPointer?) {
    guard let argument = unsafe argument else { preconditionFailure("a crossing without itself") }
    // SAFETY: passes on the caller's duty.
    let crossing = unsafe Unmanaged<Crossing>.fromOpaque(argument).takeUnretainedValue()
    do { try crossing.act() } catch { crossing.failure = error }
  }
}
