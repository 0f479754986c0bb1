// The right name nearest to a mistyped one.

/// Edit distances between names.
public enum Nearest {
  /// Finds the name that somebody probably meant.
  ///
  /// - Parameters:
  ///   - word: What was written.
  ///   - names: What would be right.
  /// - Returns: The nearest name; nil when all are too far away to be meant.
  public static func name(to word: String, among names: [String]) -> String? {
    let near = names.map { (name: $0, distance: distance(word.lowercased(), $0.lowercased())) }
      .filter { $0.distance <= max(2, $0.name.count / 2) || $0.name.hasPrefix(word) }
    return near.min { ($0.distance, $0.name) < ($1.distance, $1.name) }?.name
  }

  /// Counts insertions, deletions, replacements and swaps of neighbours.
  static func distance(_ left: String, _ right: String) -> Int {
    let a = Array(left)
    let b = Array(right)
    var beforeLast: [Int] = []
    var last = Array(0...b.count)
    for i in a.indices {
      var row = [i + 1]
      for j in b.indices {
        var best = min(last[j + 1] + 1, row[j] + 1, last[j] + (a[i] == b[j] ? 0 : 1))
        if i > 0, j > 0, a[i] == b[j - 1], a[i - 1] == b[j] {
          best = min(best, beforeLast[j - 1] + 1)
        }
        row.append(best)
      }
      beforeLast = last
      last = row
    }
    return last[b.count]
  }
}
