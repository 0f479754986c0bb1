// What somebody may have meant by a name that is not there.

enum NearestName {
  /// "did you mean X?", or all the names that there are.
  static func hint(_ name: String, among names: [String]) -> String {
    let near = names.map { (distance($0, name), $0) }.min { $0.0 < $1.0 }
    if let near, near.0 <= 2, name.utf8.count <= 40 { return "did you mean \"\(near.1)\"?" }
    return names.isEmpty ? "leave it out" : "there are \(names.joined(separator: ", "))"
  }

  /// How many letters have to be put in, taken out or replaced; long names are far from all.
  private static func distance(_ one: String, _ other: String) -> Int {
    let left = [UInt8](one.utf8)
    let right = [UInt8](other.utf8)
    guard left.count <= 40, right.count <= 40 else { return .max }
    var row = [Int](0...right.count)
    for (index, letter) in left.enumerated() {
      var corner = row[0]
      row[0] = index + 1
      for (place, against) in right.enumerated() {
        let above = row[place + 1]
        row[place + 1] = min(above + 1, row[place] + 1, corner + (letter == against ? 0 : 1))
        corner = above
      }
    }
    return row[right.count]
  }
}
