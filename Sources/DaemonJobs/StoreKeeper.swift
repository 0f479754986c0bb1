// The store on a thread of its own: SQLite blocks, and nobody who answers a client may.

import DaemonAPI
import Reports
import ResultStore
import Threads

/// The one way to the store within a daemon: calls come one after the other.
actor StoreKeeper {
  private let thread = SerialThread(for: "the store")
  private let store: ResultStore

  nonisolated var unownedExecutor: UnownedSerialExecutor {
    // SAFETY: the executor lives as long as this actor, which has it.
    unsafe thread.asUnownedSerialExecutor()
  }

  init(_ store: ResultStore) { self.store = store }

  /// Does something with the store, while nobody else does.
  func use<Value: Sendable>(
    _ body: @Sendable (ResultStore) throws(StoreError) -> Value
  ) throws(StoreError) -> Value {
    try body(store)
  }
}

extension StoreError {
  /// Whether the same write may succeed later: the disk was full, somebody held the file.
  var mayPass: Bool {
    switch self {
    case .busy, .full, .notWritable: true
    // SQLITE_NOMEM, _INTERRUPT, _IOERR, _FULL, _CANTOPEN, _PROTOCOL.
    case .database(_, let code, _): [7, 9, 10, 13, 14, 15].contains(code & 0xFF)
    default: false
    }
  }
}

extension Refusal {
  /// What to say to a client when the store did not do something.
  init(_ error: StoreError) {
    switch error {
    case .noSuchSession, .ambiguous: self.init(.notFound, error.description)
    case .queueFull:
      self.init(.queueFull, error.description, retryAfterSeconds: 5)
    case .keyTaken: self.init(.conflict, error.description)
    case .busy: self.init(.store, error.description, retryAfterSeconds: 5)
    default: self.init(.store, error.description)
    }
  }
}
