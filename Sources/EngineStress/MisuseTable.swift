// The matrix of misuse: what must come of every cell, by the rules in Sources/Greenlets/README.md.
//
// An outcome is what the call returned (=7, =exit, done) or threw (!wrongThread), or what came to main
// instead; then the state of the greenlet.

enum MisuseTable {
  typealias Cells = [MisuseOperation: [String: String]]

  /// What must come of an operation; a cell that nobody wrote down is none.
  static func outcome(of operation: MisuseOperation, on row: MisuseRow) -> String {
    let cells: Cells =
      switch row.place {
      case .own: own
      case .living: living
      case .ended: ended
      }
    let found = cells[operation]?.filter { states, _ in
      states.split(separator: " ").contains { $0 == row.state.rawValue }
    }
    return found?.count == 1 ? found?.first?.value ?? "" : "a cell of the table"
  }

  /// From its own thread: a refusal leaves everything as it was (E2), an error goes where the rows T1
  /// to T10 say, a result where D1 to D5 say.
  private static let own: Cells = [
    .change: [
      "unstarted": "=7 suspended",
      "bodiless": "!noBody unstarted",
      "suspended sliced frozen inCoroutine stubborn": "=8 dead",
      "finished killed failed": "=7 dead",
      "running": "=7 running, main =0 dead",
      "waiting": "!exit suspended, main =9 dead",
      "main": "main =7 running",
    ],
    .wrongType: [
      "unstarted suspended sliced frozen inCoroutine stubborn": "!typeMismatch dead",
      "bodiless": "!noBody unstarted",
      "finished killed failed": "=text dead",
      "running": "=text running, main =0 dead",
      "waiting": "!exit suspended, main =9 dead",
      "main": "main =text running",
    ],
    .raise: [
      "unstarted suspended sliced frozen inCoroutine stubborn finished killed failed": "!mine dead",
      "bodiless": "!noBody unstarted",
      "running": "!mine running, main =0 dead",
      "waiting": "!exit suspended, main !mine dead",
      "main": "main !mine running",
    ],
    .exit: [
      "unstarted suspended sliced frozen inCoroutine finished killed failed": "=exit dead",
      "bodiless": "!noBody unstarted",
      "stubborn": "=1 suspended",
      "running": "!exit running, main =0 dead",
      "waiting": "!exit suspended, main =exit dead",
      "main": "main !exit running",
    ],
    .kill: [
      "unstarted bodiless suspended sliced frozen inCoroutine finished killed failed": "done dead",
      "stubborn": "!exitSwallowed suspended",
      "running": "!exit running, main =0 dead",
      "waiting": "done dead, main done dead",
      "main": "main !exit running",
    ],
    .drop: [
      "unstarted bodiless suspended sliced frozen inCoroutine stubborn finished killed": "gone -",
      "failed running waiting main": "gone -",
    ],
    .reparent: [
      "unstarted bodiless": "done unstarted",
      "suspended sliced frozen inCoroutine stubborn": "done suspended",
      "finished killed failed": "done dead",
      "running": "done running, main =0 dead",
      "waiting": "done suspended, main =9 dead",
      "main": "!mainHasNoParent suspended, main done running",
    ],
    .circle: [
      "unstarted bodiless": "!cyclicParent unstarted",
      "suspended sliced frozen inCoroutine stubborn": "!cyclicParent suspended",
      "finished killed failed": "!cyclicParent dead",
      "running": "!cyclicParent running, main =0 dead",
      "waiting": "!cyclicParent suspended, main =9 dead",
      "main": "!mainHasNoParent suspended, main done running",
    ],
    .adopt: [
      "unstarted bodiless": "done unstarted",
      "suspended sliced frozen inCoroutine stubborn": "done suspended",
      "finished killed failed": "done dead",
      "running": "done running, main =0 dead",
      "waiting": "done suspended, main =9 dead",
      "main": "done suspended, main done running",
    ],
    .adoptStarted: [
      "unstarted bodiless": "done unstarted",
      "suspended sliced frozen inCoroutine stubborn": "done suspended",
      "finished killed failed": "done dead",
      "running": "done running, main =0 dead",
      "waiting": "done suspended, main =9 dead",
      "main": "done suspended, main done running",
    ],
    .child: [
      "unstarted": "=5 suspended",
      "bodiless": "!noBody unstarted",
      "suspended sliced frozen inCoroutine stubborn": "=6 dead",
      "finished killed failed": "=5 dead",
      "running": "=5 running, main =0 dead",
      "waiting": "!exit suspended, main =9 dead",
      "main": "main =5 running",
    ],
    .setBody: [
      "unstarted bodiless": "done unstarted",
      "suspended sliced frozen inCoroutine stubborn": "!alreadyStarted suspended",
      "finished killed failed": "!alreadyStarted dead",
      "running": "!alreadyStarted running, main =0 dead",
      "waiting": "!alreadyStarted suspended, main =9 dead",
      "main": "!mainHasNoBody suspended, main done running",
    ],
    .removeBody: [
      "unstarted bodiless": "done unstarted",
      "suspended sliced frozen inCoroutine stubborn": "!alreadyStarted suspended",
      "finished killed failed": "!alreadyStarted dead",
      "running": "!alreadyStarted running, main =0 dead",
      "waiting": "!alreadyStarted suspended, main =9 dead",
      "main": "!mainHasNoBody suspended, main done running",
    ],
    .freeze: [
      "unstarted bodiless": "=nothing unstarted",
      "suspended stubborn": "=bytes suspended",
      "sliced frozen": "=nothing suspended",
      "inCoroutine": "!notOnItsStack suspended",
      "finished killed failed": "=nothing dead",
      "running": "!notOnItsStack running, main =0 dead",
      "waiting": "=bytes suspended, main =9 dead",
      "main": "!notOnItsStack suspended, main done running",
    ],
    .locals: [
      "unstarted bodiless": "=0 unstarted",
      "suspended sliced frozen inCoroutine stubborn": "=0 suspended",
      "finished killed failed": "=0 dead",
      "running": "=0 running, main =0 dead",
      "waiting": "=0 suspended, main =9 dead",
      "main": "=0 suspended, main done running",
    ],
    .setLocals: [
      "unstarted bodiless": "done unstarted",
      "suspended sliced frozen inCoroutine stubborn": "done suspended",
      "finished killed failed": "done dead",
      "running": "done running, main =0 dead",
      "waiting": "done suspended, main =9 dead",
      "main": "done suspended, main done running",
    ],
    .backtrace: [
      "unstarted bodiless": "=none unstarted",
      "suspended sliced frozen inCoroutine stubborn": "=frames suspended",
      "finished killed failed": "=none dead",
      "running": "=none running, main =0 dead",
      "waiting": "=frames suspended, main =9 dead",
      "main": "=frames suspended, main done running",
    ],
    .highWater: [
      "unstarted bodiless": "=unknown unstarted",
      "suspended inCoroutine stubborn": "=known suspended",
      "sliced frozen": "=unknown suspended",
      "finished killed failed": "=unknown dead",
      "running": "=known running, main =0 dead",
      "waiting": "=known suspended, main =9 dead",
      "main": "=unknown suspended, main done running",
    ],
    .describe: [
      "unstarted bodiless": "=all unstarted",
      "suspended sliced frozen inCoroutine stubborn": "=all suspended",
      "finished killed failed": "=all dead",
      "running": "=all running, main =0 dead",
      "waiting": "=all suspended, main =9 dead",
      "main": "=all suspended, main done running",
    ],
    .rename: [
      "unstarted bodiless": "=another unstarted",
      "suspended sliced frozen inCoroutine stubborn": "=another suspended",
      "finished killed failed": "=another dead",
      "running": "=another running, main =0 dead",
      "waiting": "=another suspended, main =9 dead",
      "main": "=another suspended, main done running",
    ],
  ]
}
