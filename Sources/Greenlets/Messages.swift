// Messages: a value travels as one word, itself or its address on the sender's stack.

/// What a word says of a message.
///
/// A value of up to eight bytes is the word; a larger one stays on the sender's stack, and the
/// receiver moves it out while the sender is suspended. Nothing is boxed.
@frozen @usableFromInline enum Message {
  @inlinable @inline(__always) static func fits<Value>(_: Value.Type) -> Bool {
    MemoryLayout<Value>.size <= 8 && MemoryLayout<Value>.alignment <= 8
  }

  /// A value as a word; the word owns it.
  @inlinable @inline(__always) static func word<Value>(_ value: consuming Value) -> UInt {
    var word: UInt = 0
    unsafe write(value, &word)
    return word
  }

  @unsafe @inlinable @inline(__always) static func write<Value>(
    _ value: consuming Value, _ place: UnsafeMutableRawPointer
  ) {
    unsafe place.initializeMemory(as: Value.self, to: value)
  }

  /// Takes the value that was sent.
  @inlinable @inline(__always) static func value<Value>(_ word: UInt, _: Value.Type) -> Value {
    if fits(Value.self) {
      var word = word
      return unsafe withUnsafeMutableBytes(of: &word) { bytes in
        unsafe bytes.baseAddress.unsafelyUnwrapped.assumingMemoryBound(to: Value.self).move()
      }
    }
    guard let place = unsafe UnsafeMutablePointer<Value>(bitPattern: word) else {
      preconditionFailure("a switch without a message")
    }
    return unsafe place.move()
  }

  /// Sends a value as a word.
  @inlinable @inline(__always) static func sending<Value, Result>(
    _ value: consuming Value, _ transfer: (UInt) throws -> Result
  ) rethrows -> Result {
    if fits(Value.self) { return try transfer(word(value)) }
    return try sendingLarge(value, transfer)
  }

  @inlinable @inline(__always) static func sendingLarge<Value, Result>(
    _ value: consuming Value, _ transfer: (UInt) throws -> Result
  ) rethrows -> Result {
    // Taken out, so that no frame keeps the value while it is away.
    var value = Optional(value)
    return try unsafe withUnsafeTemporaryAllocation(of: Value.self, capacity: 1) { place in
      unsafe place.initializeElement(at: 0, to: value.take().unsafelyUnwrapped)
      return try transfer(UInt(bitPattern: place.baseAddress))
    }
  }

  /// Sends what is made on the spot; nothing of it is left in a frame when `transfer` begins.
  ///
  /// For the last switch of a body, whose frame waits for the next one.
  ///
  /// - Parameters:
  ///   - make: Nil when there is no value; the word is 0 then.
  ///   - transfer: Sends the word.
  /// - Returns: What `transfer` returns.
  @inlinable @inline(__always) static func sending<Value, Result>(
    madeBy make: () -> Value?, by transfer: (UInt) -> Result
  ) -> Result {
    if fits(Value.self) { return transfer(word(madeBy: make)) }
    return unsafe withUnsafeTemporaryAllocation(of: Value.self, capacity: 1) { place in
      let isMade = unsafe fill(place, make)
      return transfer(isMade ? UInt(bitPattern: place.baseAddress) : 0)
    }
  }

  @inlinable @inline(__always) static func word<Value>(madeBy make: () -> Value?) -> UInt {
    guard let value = make() else { return 0 }
    return word(value)
  }

  @unsafe @inlinable @inline(__always) static func fill<Value>(
    _ place: UnsafeMutableBufferPointer<Value>, _ make: () -> Value?
  ) -> Bool {
    guard let value = make() else { return false }
    unsafe place.initializeElement(at: 0, to: value)
    return true
  }

  /// Whether a body's result has memory of its own.
  ///
  /// A frame's temporary memory is on the heap from this size on, and the frame of a body that is
  /// over may never free it.
  @inlinable @inline(__always) static func isHuge<Value>(_: Value.Type) -> Bool {
    MemoryLayout<Value>.size > 1024
  }

  static func isHuge(dynamic type: Any.Type) -> Bool {
    func open<Value>(_: Value.Type) -> Bool { isHuge(Value.self) }
    return _openExistential(type, do: open)
  }

  /// A huge value as a word; 0 when there is none.
  @inlinable @inline(never) static func hugeWord<Value>(madeBy make: () -> Value?) -> UInt {
    guard let value = make() else { return 0 }
    let place = UnsafeMutablePointer<Value>.allocate(capacity: 1)
    unsafe place.initialize(to: value)
    return UInt(bitPattern: place)
  }

  /// Frees the memory of a huge value that was taken.
  static func deallocate(_ word: UInt) {
    unsafe UnsafeMutableRawPointer(bitPattern: word)?.deallocate()
  }

  /// Moves a large value out of the sender's frame.
  ///
  /// - Returns: Where it is now; nil for one that is the word itself.
  static func move(_ word: UInt, _ type: Any.Type) -> UnsafeMutableRawPointer? {
    func open<Value>(_: Value.Type) -> UnsafeMutableRawPointer? {
      guard !fits(Value.self), let from = unsafe UnsafeMutablePointer<Value>(bitPattern: word)
      else { return nil }
      let place = UnsafeMutablePointer<Value>.allocate(capacity: 1)
      unsafe place.moveInitialize(from: from, count: 1)
      return UnsafeMutableRawPointer(place)
    }
    return unsafe _openExistential(type, do: open)
  }

  /// Takes a value of any type in a box.
  @usableFromInline static func box(_ word: UInt, _ type: Any.Type) -> Any {
    func open<Value>(_: Value.Type) -> Any { value(word, Value.self) }
    return _openExistential(type, do: open)
  }

  /// Lets go of a value that nobody takes.
  @usableFromInline static func discard(_ word: UInt, _ type: Any.Type) {
    func open<Value>(_: Value.Type) { _ = value(word, Value.self) }
    _openExistential(type, do: open)
  }
}

/// The reply type of a switch whose result is not used: takes anything, keeps nothing.
@frozen @usableFromInline struct Discarded {
  @inlinable init() {}
}
