// Makes a failing program smaller until nothing can be left out of it.

/// Delta debugging over the statements of a program.
public enum Shrinker {
  /// The smallest program found that still fails.
  ///
  /// - Complexity: A few times the square of the number of statements, in calls of `fails`.
  public static func shrink(_ program: Program, fails: (Program) throws -> Bool) rethrows
    -> Program
  {
    var smallest = program
    search: while true {
      for candidate in smaller(smallest) where try fails(candidate) {
        smallest = candidate
        continue search
      }
      return smallest
    }
  }

  /// Programs with less in them, those with much less first.
  private static func smaller(_ program: Program) -> [Program] {
    var found: [Program] = []
    for index in program.bodies.indices {
      // A body that is not there is an empty one.
      if program.bodies[index].name != "main" {
        var candidate = program
        candidate.bodies.remove(at: index)
        found.append(candidate)
      }
      for statements in shorter(program.bodies[index].statements) {
        var candidate = program
        candidate.bodies[index].statements = statements
        found.append(candidate)
      }
    }
    return found
  }

  private static func shorter(_ statements: [Statement]) -> [[Statement]] {
    var found: [[Statement]] = []
    var size = statements.count
    while size > 0 {
      for start in stride(from: 0, to: statements.count, by: size) {
        let end = min(start + size, statements.count)
        found.append(Array(statements[..<start] + statements[end...]))
      }
      size /= 2
    }
    for (index, statement) in statements.enumerated() {
      for replacement in simpler(statement) {
        found.append(Array(statements[..<index] + replacement + statements[(index + 1)...]))
      }
    }
    return found
  }

  /// What can stand in the place of a statement.
  private static func simpler(_ statement: Statement) -> [[Statement]] {
    switch statement {
    case .operation(let operation): return simpler(operation).map { [.operation($0)] }
    case .loop(let times, let body):
      return [body] + (times > 1 ? [[.loop(times: times - 1, body)]] : [])
        + shorter(body).map { [.loop(times: times, $0)] }
    case .attempt(let body, let kind, let handler):
      return [body]
        + shorter(body).map { [.attempt($0, catching: kind, handler: handler)] }
        + shorter(handler).map { [.attempt(body, catching: kind, handler: $0)] }
    case .finally(let body, let cleanup):
      return [body] + shorter(body).map { [.finally($0, cleanup: cleanup)] }
        + shorter(cleanup).map { [.finally(body, cleanup: $0)] }
    }
  }

  private static func simpler(_ operation: Operation) -> [Operation] {
    var found: [Operation] = []
    if operation.value != .none {
      var plain = operation
      plain.value = .none
      found.append(plain)
    }
    if operation.verb == .new && operation.other != nil {
      var orphan = operation
      orphan.other = nil
      found.append(orphan)
    }
    return found
  }
}
