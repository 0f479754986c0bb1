// Makes a failing schedule shorter by leaving steps out.

/// Delta debugging over the numbers of steps.
public enum Shortening {
  /// The fewest steps found that still fail.
  ///
  /// - Parameters:
  ///   - steps: The steps that fail together.
  ///   - fails: Whether some of them do; not asked again once it throws.
  /// - Returns: Steps none of which can be left out alone, or the best until `fails` threw.
  /// - Complexity: O(n^2) calls of `fails` at worst, O(log n) when few steps matter.
  /// - Note: Zeller and Hildebrandt, "Simplifying and Isolating Failure-Inducing Input", 2002, by
  ///   complements only.
  public static func shortest(_ steps: [Int], fails: ([Int]) throws -> Bool) -> [Int] {
    var smallest = steps
    var parts = 2
    do {
      while smallest.count > 1 {
        let size = (smallest.count + parts - 1) / parts
        let shorter = try stride(from: 0, to: smallest.count, by: size).lazy
          .map { Array(smallest[..<$0] + smallest[min($0 + size, smallest.count)...]) }
          .first { try fails($0) }
        if let shorter {
          smallest = shorter
          parts = max(parts - 1, 2)
        } else if size == 1 {
          break
        } else {
          parts = min(parts * 2, smallest.count)
        }
      }
    } catch {
      // Out of time: what was found so far is the answer.
    }
    return smallest
  }
}
