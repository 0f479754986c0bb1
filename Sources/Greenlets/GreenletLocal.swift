// Greenlet-local values: what @TaskLocal would be, if it knew of greenlets.

import CSwitch
import Stacks
import Synchronization

/// The values of one greenlet.
final class LocalValues {
  var values: [UInt64: Any]

  init(_ values: [UInt64: Any]) { self.values = values }

  /// Sets a value, or takes it away with nil.
  ///
  /// The old one goes when the dictionary is whole again: its end may come back here, or switch.
  func set(_ value: Any?, for key: UInt64) {
    let old: Any? =
      if let value { values.updateValue(value, forKey: key) } else {
        values.removeValue(forKey: key)
      }
    withExtendedLifetime(old) {}
  }
}

/// Numbers for locals.
enum LocalKeys {
  private static let last = Atomic<UInt64>(0)

  static func next() -> UInt64 { last.add(1, ordering: .relaxed).newValue }
}

/// A value that each greenlet has for itself.
///
/// `@TaskLocal` keeps its values in a list of the thread: a switch in the middle of its `withValue`
/// shows them to other greenlets and takes the wrong ones off. These belong to the greenlet.
///
///     let request = GreenletLocal<String?>(nil)
///     try request.withValue("GET /") { try handle() }   // may switch
///
/// A greenlet begins with no values, a copy of its creator's, or its creator's own: see
/// ``GreenletLocals/Inheritance``.
public final class GreenletLocal<Value> {
  /// A number of its own: the address of a local that is gone may be another one's.
  fileprivate let key = LocalKeys.next()
  private let standard: Value

  /// Makes a local whose value is `standard` wherever none was set.
  ///
  /// Keep it as long as its values are of interest: as a global, or a property of what lives on.
  public init(_ standard: Value) { self.standard = standard }

  /// The current greenlet's value.
  ///
  /// - Complexity: O(1); the first value that a greenlet sets allocates.
  public var value: Value {
    get { Self.storage.flatMap { self[$0] } ?? standard }
    set { Self.storageForWriting.set(newValue, for: key) }
  }

  /// Runs something with another value, in the current greenlet only, however it switches meanwhile.
  ///
  /// Greenlets that share the current one's values see the other value, too.
  ///
  /// - Parameters:
  ///   - value: The value until `body` is over.
  ///   - body: May switch. It is called at once.
  /// - Returns: What `body` returns.
  /// - Throws: What `body` throws.
  public func withValue<Result, Failure: Error>(
    _ value: Value, _ body: () throws(Failure) -> Result
  ) throws(Failure) -> Result {
    // The greenlet's own storage: when the end comes, another greenlet's may be in force.
    let storage = Self.storageForWriting
    let old = storage.values.updateValue(value, forKey: key)
    defer { storage.set(old, for: key) }
    return try body()
  }

  /// The value that was set; a cast alone would take a missing one for a nil that was set.
  fileprivate subscript(storage: LocalValues) -> Value? {
    guard let value = storage.values[key] else { return nil }
    guard let value = value as? Value else { preconditionFailure("a local of another type") }
    return value
  }

  private static var storage: LocalValues? {
    unsafe GreenletHub.ofThisThread().pointee.current.pointee.locals
  }

  private static var storageForWriting: LocalValues {
    let cell = unsafe GreenletCell(core: GreenletHub.ofThisThread().pointee.current)
    return cell.localsForWriting
  }
}

/// A greenlet's values of all locals, to look at and to hand on.
///
/// A reference: what is set here, the greenlets that have these values see at once. They belong to
/// the thread of those greenlets.
public struct GreenletLocals {
  /// What a new greenlet gets of its creator's values.
  public enum Inheritance: Sendable {
    /// Nothing.
    case empty

    /// What they are at the creation.
    case copy

    /// The very values: what either sets, both see.
    case share
  }

  let storage: LocalValues

  /// No values.
  public init() { storage = LocalValues([:]) }

  init(storage: LocalValues) { self.storage = storage }

  /// How many locals have a value here.
  public var count: Int { storage.values.count }

  /// The value of a local, if one was set; setting nil takes it away.
  public subscript<Value>(_ local: GreenletLocal<Value>) -> Value? {
    get { local[storage] }
    nonmutating set { storage.set(newValue, for: local.key) }
  }

  /// A copy that later changes of this one do not touch.
  ///
  /// - Complexity: O(values).
  public func copy() -> GreenletLocals { GreenletLocals(storage: LocalValues(storage.values)) }
}

extension Greenlet {
  /// This greenlet's values of all locals.
  ///
  /// - Throws: ``GreenletError/localsInUse(greenlet:)`` while it runs on another thread.
  public final func locals() throws(GreenletError) -> GreenletLocals {
    try checkLocals()
    return GreenletLocals(storage: cell.localsForWriting)
  }

  /// Gives this greenlet other values; they are shared with whoever has them already.
  ///
  /// - Throws: ``GreenletError/localsInUse(greenlet:)`` while it runs on another thread.
  public final func setLocals(_ locals: GreenletLocals) throws(GreenletError) {
    try checkLocals()
    cell.setLocals(locals.storage)
  }

  private final func checkLocals() throws(GreenletError) {
    guard state == .running else { return }
    guard unsafe core.pointee.hub == GreenletHub.ofThisThread() else {
      throw .localsInUse(greenlet: name)
    }
  }
}

extension GreenletCell {
  var localsForWriting: LocalValues {
    if let locals = unsafe core.pointee.locals { return locals }
    let made = LocalValues([:])
    unsafe core.pointee.settingsForWriting.locals = made
    return made
  }

  func setLocals(_ locals: LocalValues) {
    let settings = unsafe core.pointee.settingsForWriting
    let old = settings.locals
    settings.locals = locals
    withExtendedLifetime(old) {}
  }

  /// Sets what few greenlets ask for.
  @usableFromInline func configure(
    _ stacks: StackStrategy?, _ locals: GreenletLocals.Inheritance, _ float: FloatEnvironment
  ) {
    if let stacks { choose(stacks) }
    if float == .own { unsafe core.pointee.asksForMore = true }
    let creator = unsafe GreenletCell(core: GreenletHub.ofThisThread().pointee.current)
    switch locals {
    case .empty: break
    case .copy:
      if let values = unsafe creator.core.pointee.locals?.values {
        setLocals(LocalValues(values))
      }
    case .share: setLocals(creator.localsForWriting)
    }
    if float == .own {
      makeRare()
      unsafe core.pointee.rare?.pointee.float = gb_float_save()
    }
  }
}
