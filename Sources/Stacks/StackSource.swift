// Where stacks come from. A new allocator is one new file that conforms.

/// An allocator of stacks.
///
/// A source holds no free list: reuse is ``StackPool``'s business, so that all sources can be
/// compared under the same pool.
public protocol StackSource: Sendable {
  /// The name in results and on the command line, in `lower-kebab-case`.
  static var name: String { get }

  /// Makes a stack with at least `usableSize` usable bytes above a guard.
  ///
  /// - Throws: ``StackError/allocationFailed(source:size:errno:)`` or
  ///   ``StackError/guardFailed(errno:)``; then nothing is left allocated.
  /// - Complexity: Two system calls at most.
  func makeStack(usableSize: ByteCount) throws(StackError) -> Stack

  /// Frees a stack that this source made.
  ///
  /// Nobody runs on it any more. A first frame that waits on it owns nothing.
  func destroy(_ stack: consuming Stack)
}
