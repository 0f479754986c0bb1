// Switches of coroutines that have more to exchange: control words, a sanitizer, the runtime's list.

import CSanitizers
import CSwitch
import Stacks

extension CoroutineCell {
  /// Makes every switch of this coroutine take the long way.
  func prepareLongWay() {
    guard unsafe !core.pointee.long.isAlways else { return }
    unsafe core.pointee.long.isAlways = true
    unsafe head.pointee.parked = CoroutineCore.longParkingName
    // SAFETY: the saved stack pointer, whose low bits are the tag.
    unsafe UnsafeMutableRawPointer(core).assumingMemoryBound(to: UInt.self).pointee |= UInt(
      gb_pair_long)
    let lowest = unsafe head.pointee.lowest
    unsafe gb_fiber_init(
      &core.pointee.long.fiberInside, lowest, UnsafeMutableRawPointer(head) - lowest)
  }

  /// Forgets what an earlier coroutine on this stack needed.
  func forgetLongWay() {
    if unsafe core.pointee.long.isAlways {
      unsafe gb_fiber_destroy(&core.pointee.long.fiberInside)
    }
  }

  /// Gives the body control words of its own, as they are now.
  @usableFromInline @inline(never) func ownFloatEnvironment() {
    prepareLongWay()
    unsafe core.pointee.long.ownsFloatEnvironment = true
    unsafe core.pointee.long.floatInside = gb_float_save()
  }

  /// As `enter`, whatever there is to exchange.
  ///
  /// - Precondition: The coroutine is ready or suspended: misuse ends the process here.
  @usableFromInline @inline(never) func enterTheLongWay(
    sending word: UInt, as status: CoroutineCore.Status
  ) -> UInt {
    precondition(self.status == .suspended, "a running or finished coroutine was resumed")
    exchangeAccesses()
    let tag = tag(of: status)
    guard unsafe core.pointee.long.isAlways else {
      // SAFETY: as in `enter`.
      return unsafe gb_pair_exchange(pair, word, tag)
    }
    if unsafe core.pointee.long.ownsFloatEnvironment {
      unsafe core.pointee.long.floatOutside = gb_float_save()
      unsafe gb_float_load(core.pointee.long.floatInside)
    }
    unsafe gb_accesses_exit(&core.pointee.long.accessesOutside)
    unsafe gb_accesses_enter(&core.pointee.long.accessesInside)
    unsafe gb_fiber_init_thread(&core.pointee.long.fiberOutside)
    unsafe gb_fiber_leave(
      &core.pointee.long.fiberOutside, &core.pointee.long.fiberInside, false)
    // SAFETY: as in `enter`.
    let word = unsafe gb_pair_exchange(pair, word, tag)
    unsafe gb_fiber_arrive(
      &core.pointee.long.fiberOutside, &core.pointee.long.fiberInside)
    return word
  }

  /// As `suspend` and `finish`, whatever there is to exchange.
  ///
  /// - Precondition: We are on the coroutine's stack: misuse ends the process here.
  @usableFromInline @inline(never) func leaveTheLongWay(
    sending word: UInt, as status: CoroutineCore.Status
  ) -> UInt {
    precondition(
      self.status == .running || self.status == .ending, "suspended from outside the coroutine")
    exchangeAccesses()
    let tag = tag(of: status)
    guard unsafe core.pointee.long.isAlways else {
      // SAFETY: as in `suspend`.
      return unsafe gb_pair_exchange(pair, word, tag)
    }
    if unsafe core.pointee.long.ownsFloatEnvironment {
      unsafe core.pointee.long.floatInside = gb_float_save()
      unsafe gb_float_load(core.pointee.long.floatOutside)
    }
    unsafe gb_accesses_exit(&core.pointee.long.accessesInside)
    unsafe gb_accesses_enter(&core.pointee.long.accessesOutside)
    // The first frame stays on the stack for the next body, so no switch is its last.
    unsafe gb_fiber_leave(
      &core.pointee.long.fiberInside, &core.pointee.long.fiberOutside, false)
    // SAFETY: as in `suspend`.
    let word = unsafe gb_pair_exchange(pair, word, tag)
    arriveTheLongWay()
    return word
  }

  /// Exchanges the lists of open accesses.
  private func exchangeAccesses() {
    let open = unsafe core.pointee.accesses.pointee
    unsafe core.pointee.accesses.pointee = core.pointee.long.otherAccesses
    unsafe core.pointee.long.otherAccesses = open
  }

  /// The tag that the pair is to have: long, if either side's next switch has more to exchange.
  private func tag(of status: CoroutineCore.Status) -> UInt {
    let isLong = unsafe core.pointee.long.isAlways || core.pointee.long.otherAccesses != nil
    return UInt(status.rawValue) | (isLong ? UInt(gb_pair_long) : 0)
  }

  /// To be called by the coroutine, first thing after it was continued.
  func arriveTheLongWay() {
    unsafe gb_fiber_arrive(
      &core.pointee.long.fiberInside, &core.pointee.long.fiberOutside)
  }
}
