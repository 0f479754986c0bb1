// The matrix of misuse, continued: what must come of cells that are not on the greenlet's own thread.

extension MisuseTable {
  /// From another thread: a switch is refused (H1), and so is what touches frames; what is only read
  /// may be read; an unstarted one may be moved (P7).
  static let living: Cells = [
    .change: [
      "unstarted bodiless": "!wrongThread unstarted",
      "suspended sliced frozen inCoroutine stubborn": "!wrongThread suspended",
      "finished killed failed": "!wrongThread dead",
      "running": "!wrongThread running, main =0 dead",
      "waiting": "!wrongThread suspended, main =0 dead",
      "main": "!wrongThread running",
    ],
    .wrongType: [
      "unstarted bodiless": "!wrongThread unstarted",
      "suspended sliced frozen inCoroutine stubborn": "!wrongThread suspended",
      "finished killed failed": "!wrongThread dead",
      "running": "!wrongThread running, main =0 dead",
      "waiting": "!wrongThread suspended, main =0 dead",
      "main": "!wrongThread running",
    ],
    .raise: [
      "unstarted bodiless": "!wrongThread unstarted",
      "suspended sliced frozen inCoroutine stubborn": "!wrongThread suspended",
      "finished killed failed": "!wrongThread dead",
      "running": "!wrongThread running, main =0 dead",
      "waiting": "!wrongThread suspended, main =0 dead",
      "main": "!wrongThread running",
    ],
    .exit: [
      "unstarted bodiless": "!wrongThread unstarted",
      "suspended sliced frozen inCoroutine stubborn": "!wrongThread suspended",
      "finished killed failed": "!wrongThread dead",
      "running": "!wrongThread running, main =0 dead",
      "waiting": "!wrongThread suspended, main =0 dead",
      "main": "!wrongThread running",
    ],
    .kill: [
      "unstarted bodiless": "!wrongThread unstarted",
      "suspended sliced frozen inCoroutine stubborn": "!wrongThread suspended",
      "finished killed failed": "done dead",
      "running": "!wrongThread running, main =0 dead",
      "waiting": "!wrongThread suspended, main =0 dead",
      "main": "!wrongThread running",
    ],
    .drop: [
      "unstarted bodiless suspended sliced frozen inCoroutine stubborn finished killed": "gone -",
      "failed running waiting main": "gone -",
    ],
    .reparent: [
      "unstarted bodiless": "done unstarted",
      "suspended sliced frozen inCoroutine stubborn": "!parentOnOtherThread suspended",
      "finished killed failed": "done dead",
      "running": "!parentOnOtherThread running, main =0 dead",
      "waiting": "!parentOnOtherThread suspended, main =0 dead",
      "main": "!mainHasNoParent running",
    ],
    .circle: [
      "unstarted bodiless": "!cyclicParent unstarted",
      "suspended sliced frozen inCoroutine stubborn": "!cyclicParent suspended",
      "finished killed failed": "!cyclicParent dead",
      "running": "!cyclicParent running, main =0 dead",
      "waiting": "!cyclicParent suspended, main =0 dead",
      "main": "!mainHasNoParent running",
    ],
    .adopt: [
      "unstarted bodiless": "done unstarted",
      "suspended sliced frozen inCoroutine stubborn": "done suspended",
      "finished killed failed": "done dead",
      "running": "done running, main =0 dead",
      "waiting": "done suspended, main =0 dead",
      "main": "done running",
    ],
    .adoptStarted: [
      "unstarted bodiless": "!parentOnOtherThread unstarted",
      "suspended sliced frozen inCoroutine stubborn": "!parentOnOtherThread suspended",
      "finished killed failed": "!parentOnOtherThread dead",
      "running": "!parentOnOtherThread running, main =0 dead",
      "waiting": "!parentOnOtherThread suspended, main =0 dead",
      "main": "!parentOnOtherThread running",
    ],
    .child: [
      "unstarted bodiless": "!wrongThread unstarted",
      "suspended sliced frozen inCoroutine stubborn": "!wrongThread suspended",
      "finished killed failed": "!wrongThread dead",
      "running": "!wrongThread running, main =0 dead",
      "waiting": "!wrongThread suspended, main =0 dead",
      "main": "!wrongThread running",
    ],
    .setBody: [
      "unstarted bodiless": "done unstarted",
      "suspended sliced frozen inCoroutine stubborn": "!alreadyStarted suspended",
      "finished killed failed": "!alreadyStarted dead",
      "running": "!alreadyStarted running, main =0 dead",
      "waiting": "!alreadyStarted suspended, main =0 dead",
      "main": "!mainHasNoBody running",
    ],
    .removeBody: [
      "unstarted bodiless": "done unstarted",
      "suspended sliced frozen inCoroutine stubborn": "!alreadyStarted suspended",
      "finished killed failed": "!alreadyStarted dead",
      "running": "!alreadyStarted running, main =0 dead",
      "waiting": "!alreadyStarted suspended, main =0 dead",
      "main": "!mainHasNoBody running",
    ],
    .freeze: [
      "unstarted bodiless": "=nothing unstarted",
      "suspended sliced frozen inCoroutine stubborn": "!wrongThread suspended",
      "finished killed failed": "=nothing dead",
      "running": "!wrongThread running, main =0 dead",
      "waiting": "!wrongThread suspended, main =0 dead",
      "main": "!wrongThread running",
    ],
    .locals: [
      "unstarted bodiless": "=0 unstarted",
      "suspended sliced frozen inCoroutine stubborn": "=0 suspended",
      "finished killed failed": "=0 dead",
      "running": "!localsInUse running, main =0 dead",
      "waiting": "=0 suspended, main =0 dead",
      "main": "!localsInUse running",
    ],
    .setLocals: [
      "unstarted bodiless": "done unstarted",
      "suspended sliced frozen inCoroutine stubborn": "done suspended",
      "finished killed failed": "done dead",
      "running": "!localsInUse running, main =0 dead",
      "waiting": "done suspended, main =0 dead",
      "main": "!localsInUse running",
    ],
    .backtrace: [
      "unstarted bodiless": "=none unstarted",
      "suspended sliced frozen inCoroutine stubborn": "=none suspended",
      "finished killed failed": "=none dead",
      "running": "=none running, main =0 dead",
      "waiting": "=none suspended, main =0 dead",
      "main": "=none running",
    ],
    .highWater: [
      "unstarted bodiless": "=unknown unstarted",
      "suspended inCoroutine stubborn": "=known suspended",
      "sliced frozen": "=unknown suspended",
      "finished killed failed": "=unknown dead",
      "running": "=known running, main =0 dead",
      "waiting": "=known suspended, main =0 dead",
      "main": "=unknown running",
    ],
    .describe: [
      "unstarted bodiless": "=all unstarted",
      "suspended sliced frozen inCoroutine stubborn": "=all suspended",
      "finished killed failed": "=all dead",
      "running": "=all running, main =0 dead",
      "waiting": "=all suspended, main =0 dead",
      "main": "=all running",
    ],
    .rename: [
      "unstarted bodiless": "=another unstarted",
      "suspended sliced frozen inCoroutine stubborn": "=another suspended",
      "finished killed failed": "=another dead",
      "running": "=another running, main =0 dead",
      "waiting": "=another suspended, main =0 dead",
      "main": "=another running",
    ],
  ]

  /// After its thread: what was suspended has been ended there (H4, H5), and nothing goes on (H2);
  /// an unstarted one may be moved (H3).
  static let ended: Cells = [
    .change: [
      "unstarted bodiless quarantined main": "!threadEnded orphaned",
      "suspended sliced frozen inCoroutine stubborn finished killed failed": "!threadEnded dead",
    ],
    .wrongType: [
      "unstarted bodiless quarantined main": "!threadEnded orphaned",
      "suspended sliced frozen inCoroutine stubborn finished killed failed": "!threadEnded dead",
    ],
    .raise: [
      "unstarted bodiless quarantined main": "!threadEnded orphaned",
      "suspended sliced frozen inCoroutine stubborn finished killed failed": "!threadEnded dead",
    ],
    .exit: [
      "unstarted bodiless quarantined main": "!threadEnded orphaned",
      "suspended sliced frozen inCoroutine stubborn finished killed failed": "!threadEnded dead",
    ],
    .kill: [
      "unstarted bodiless": "!threadEnded orphaned",
      "suspended sliced frozen inCoroutine stubborn finished killed failed": "done dead",
      "quarantined": "!exitSwallowed orphaned",
      "main": "done orphaned",
    ],
    .drop: [
      "unstarted bodiless suspended sliced frozen inCoroutine stubborn finished killed": "gone -",
      "failed main": "gone -",
      "quarantined": "kept -",
    ],
    .reparent: [
      "unstarted bodiless": "done unstarted",
      "suspended sliced frozen inCoroutine stubborn finished killed failed": "done dead",
      "quarantined": "done orphaned",
      "main": "!mainHasNoParent orphaned",
    ],
    .circle: [
      "unstarted bodiless quarantined": "!cyclicParent orphaned",
      "suspended sliced frozen inCoroutine stubborn finished killed failed": "!cyclicParent dead",
      "main": "!mainHasNoParent orphaned",
    ],
    .adopt: [
      "unstarted bodiless quarantined main": "!parentOrphaned orphaned",
      "suspended sliced frozen inCoroutine stubborn finished killed failed": "!parentOrphaned dead",
    ],
    .adoptStarted: [
      "unstarted bodiless quarantined main": "!parentOrphaned orphaned",
      "suspended sliced frozen inCoroutine stubborn finished killed failed": "!parentOrphaned dead",
    ],
    .child: [
      "unstarted bodiless quarantined main": "!threadEnded orphaned",
      "suspended sliced frozen inCoroutine stubborn finished killed failed": "!threadEnded dead",
    ],
    .setBody: [
      "unstarted bodiless": "done orphaned",
      "suspended sliced frozen inCoroutine stubborn finished killed failed": "!alreadyStarted dead",
      "quarantined": "!alreadyStarted orphaned",
      "main": "!mainHasNoBody orphaned",
    ],
    .removeBody: [
      "unstarted bodiless": "done orphaned",
      "suspended sliced frozen inCoroutine stubborn finished killed failed": "!alreadyStarted dead",
      "quarantined": "!alreadyStarted orphaned",
      "main": "!mainHasNoBody orphaned",
    ],
    .freeze: [
      "unstarted bodiless quarantined main": "=nothing orphaned",
      "suspended sliced frozen inCoroutine stubborn finished killed failed": "=nothing dead",
    ],
    .locals: [
      "unstarted bodiless quarantined main": "=0 orphaned",
      "suspended sliced frozen inCoroutine stubborn finished killed failed": "=0 dead",
    ],
    .setLocals: [
      "unstarted bodiless quarantined main": "done orphaned",
      "suspended sliced frozen inCoroutine stubborn finished killed failed": "done dead",
    ],
    .backtrace: [
      "unstarted bodiless quarantined main": "=none orphaned",
      "suspended sliced frozen inCoroutine stubborn finished killed failed": "=none dead",
    ],
    .highWater: [
      "unstarted bodiless quarantined main": "=unknown orphaned",
      "suspended sliced frozen inCoroutine stubborn finished killed failed": "=unknown dead",
    ],
    .describe: [
      "unstarted bodiless quarantined main": "=all orphaned",
      "suspended sliced frozen inCoroutine stubborn finished killed failed": "=all dead",
    ],
    .rename: [
      "unstarted bodiless quarantined main": "=another orphaned",
      "suspended sliced frozen inCoroutine stubborn finished killed failed": "=another dead",
    ],
  ]
}
