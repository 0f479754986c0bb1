// Where the memory of stacks comes from. A new allocator is one new file that conforms.

/// An allocator of memory for stacks.
///
/// It hands out large pieces; ``StackPool`` carves stacks out of them, guards and reuses them, so
/// that all sources can be compared under the same pool.
public protocol StackSource: Sendable {
  /// The name in results and on the command line, in `lower-kebab-case`.
  static var name: String { get }

  /// Allocates memory that is readable and writable, and takes no pages before it is touched.
  ///
  /// - Parameters:
  ///   - size: A multiple of the page.
  ///   - alignment: A power of two, at least the page.
  /// - Returns: The lowest byte.
  /// - Throws: ``StackError/allocationFailed(source:size:errno:)``; then nothing is left allocated.
  func allocate(
    _ size: ByteCount, alignment: ByteCount
  ) throws(StackError) -> UnsafeMutableRawPointer

  /// Frees what ``allocate(_:alignment:)`` returned.
  ///
  /// - Parameters:
  ///   - base: The lowest byte. Nobody uses the memory any more, and no guard is left in it.
  ///   - size: As it was allocated.
  ///   - alignment: As it was allocated.
  /// - Throws: ``StackError/releaseFailed(source:errno:)``; then all of it is still allocated.
  func free(
    _ base: UnsafeMutableRawPointer, _ size: ByteCount, alignment: ByteCount
  ) throws(StackError)
}
