// The copies of one slice: what of its frames is not on the shared stack any more.

import CSanitizers
import CSwitch

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// What is kept of a sliced greenlet outside of its core: the head of a block of the allocator's.
///
/// Copies follow it, of the lowest words of the slice, `saved` from its stack pointer on; the rest, up
/// to `stop`, is still in place. They come in pieces, lowest first, since nothing is copied twice:
/// each time that more of the slice is in the way, another piece follows, after the count of its words.
struct SliceHeader {
  /// The next owner of bytes in place, towards higher addresses.
  var previous: UInt = 0

  /// The end of the slice, in words from the lowest one of the region; 0 before it has one.
  var stop: UInt32 = 0

  /// Words that are copied.
  var saved: UInt32 = 0

  /// Words of the first piece.
  var first: UInt32 = 0

  /// Words that the block has room for, this header not included.
  var capacity: UInt32 = 0

  /// What `previous` says of one that has not run yet.
  static let notRun: UInt = 1

  static var room: Int { MemoryLayout<SliceHeader>.size }
}

/// A sliced greenlet, as the owner of its copies.
@safe struct Slice: Equatable {
  // Invariant: a core with a block, from the greenlet's start until it is cleared away.
  let core: UnsafeMutablePointer<GreenletCore>

  static let word = MemoryLayout<UInt>.size

  static func == (left: Slice, right: Slice) -> Bool { unsafe left.core == right.core }

  /// Gives a greenlet its block.
  ///
  /// - Returns: Whether there was memory.
  static func makeBlock(_ core: UnsafeMutablePointer<GreenletCore>) -> Bool {
    guard let block = unsafe malloc(SliceHeader.room) else { return false }
    var header = SliceHeader()
    header.previous = SliceHeader.notRun
    unsafe block.initializeMemory(as: SliceHeader.self, to: header)
    unsafe core.pointee.kept = block
    return true
  }

  var header: SliceHeader {
    get { unsafe place.pointee }
    nonmutating set { unsafe place.pointee = newValue }
  }

  private var place: UnsafeMutablePointer<SliceHeader> {
    unsafe core.pointee.kept.unsafelyUnwrapped.assumingMemoryBound(to: SliceHeader.self)
  }

  private var payload: UnsafeMutableRawPointer {
    unsafe UnsafeMutableRawPointer(place) + SliceHeader.room
  }

  /// The next owner.
  var previous: Slice? {
    guard let core = unsafe UnsafeMutablePointer<GreenletCore>(bitPattern: header.previous) else {
      return nil
    }
    return unsafe Slice(core: core)
  }

  /// The lowest address of a suspended slice.
  var start: UInt { UInt(bitPattern: unsafe core.pointee.context.sp) }
  var name: String { unsafe core.pointee.name }

  /// The copies, one after the other: where each begins, and the words of the slice that it has.
  private func forEachPiece(_ use: (UnsafeMutableRawPointer, Int) -> Int) -> Int {
    let header = header
    var (done, used) = (0, 0)
    while done < Int(header.saved) {
      var words = Int(header.first)
      if done > 0 {
        unsafe words = payload.load(fromByteOffset: used * Self.word, as: Int.self)
        used += 1
      }
      unsafe used += use(payload + used * Self.word, words)
      done += words
    }
    return used
  }

  /// Words that the copies take.
  private var used: Int {
    unsafe forEachPiece { copy, words in
      // SAFETY: only the map is read; the words themselves are not.
      unsafe gb_copied_words(copy, words)
    }
  }

  /// Makes the block larger by so many words.
  ///
  /// - Returns: Whether there was memory; the block is as it was when not.
  func grow(by words: Int) -> Bool {
    let capacity = Int(header.capacity) + words
    // SAFETY: the greenlet's own block, of which no other pointer is kept.
    guard let block = unsafe realloc(core.pointee.kept, SliceHeader.room + capacity * Self.word)
    else { return false }
    unsafe core.pointee.kept = block
    header.capacity = UInt32(capacity)
    return true
  }

  /// Moves to a larger block.
  ///
  /// - Parameters:
  ///   - block: The slice's own from now on.
  ///   - capacity: Words that it has room for.
  func move(to block: UnsafeMutableRawPointer, capacity: Int) {
    let old = unsafe core.pointee.kept.unsafelyUnwrapped
    // SAFETY: two blocks of our own, the new one at least as large.
    unsafe block.copyMemory(from: old, byteCount: SliceHeader.room + used * Self.word)
    unsafe free(old)
    unsafe core.pointee.kept = block
    header.capacity = UInt32(capacity)
  }

  /// Words that are not copied yet below an address.
  func wordsLeft(upTo: UInt) -> Int {
    let from = start + UInt(header.saved) * UInt(Self.word)
    return upTo > from ? Int(upTo - from) / Self.word : 0
  }

  /// Copies what is not copied yet below an address.
  ///
  /// - Parameters:
  ///   - upTo: The address.
  ///   - scratch: Room for the copy as it is packed: see `gb_packed_most`.
  ///   - makeRoom: Makes the block larger by so many words, if it can.
  /// - Returns: Bytes that were copied; nil when there was no room.
  func save(
    upTo: UInt, scratch: UnsafeMutableRawPointer, _ makeRoom: (Int) -> Bool
  ) -> Int? {
    let words = wordsLeft(upTo: upTo)
    guard words > 0 else { return 0 }
    let (saved, used) = (Int(header.saved), used)
    let from = unsafe UnsafeRawPointer(bitPattern: start + UInt(saved * Self.word))
    // A long piece is not packed: it goes to the block at once.
    let isLong = gb_packed_most(words) == words
    // SAFETY: words in place of a suspended greenlet, and room enough.
    let copied = unsafe isLong ? words : gb_pack_frames(scratch, from, words)
    let all = used + (saved == 0 ? 0 : 1) + copied
    guard all <= Int(header.capacity) || makeRoom(all - Int(header.capacity)) else { return nil }
    var place = used * Self.word
    if saved == 0 {
      header.first = UInt32(words)
    } else {
      unsafe payload.storeBytes(of: words, toByteOffset: place, as: Int.self)
      place += Self.word
    }
    // SAFETY: room was made for it.
    if isLong {
      unsafe gb_pack_frames(payload + place, from, words)
    } else {
      unsafe (payload + place).copyMemory(from: scratch, byteCount: copied * Self.word)
    }
    header.saved = UInt32(saved + words)
    return words * Self.word
  }

  /// Copies all back.
  ///
  /// - Returns: Bytes that were copied.
  func restore() -> Int {
    let saved = Int(header.saved)
    guard saved > 0 else { return 0 }
    var to = start
    _ = unsafe forEachPiece { copy, words in
      defer { to += UInt(words * Self.word) }
      // SAFETY: its own addresses, which nobody else has in use by now.
      return unsafe gb_unpack_frames(UnsafeMutableRawPointer(bitPattern: to), copy, words)
    }
    header.saved = 0
    return saved * Self.word
  }

  /// The word at an address of a suspended slice, wherever it is now; nil outside of the slice.
  func word(at address: UInt, stop: UInt) -> UInt? {
    guard address >= start, address < stop else { return nil }
    let index = Int(address - start) / Self.word
    let start = start
    var (before, found): (Int, UInt?) = (0, nil)
    _ = unsafe forEachPiece { copy, words in
      if index >= before, index < before + words {
        found = unsafe UInt(
          gb_packed_word(copy, words, index - before, start + UInt(before * Self.word)))
      }
      before += words
      return unsafe gb_copied_words(copy, words)
    }
    if let found { return found }
    return unsafe UnsafePointer<UInt>(bitPattern: address)?.pointee
  }
}
