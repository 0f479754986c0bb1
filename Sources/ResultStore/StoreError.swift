// The errors of the result store: what happened, to what, and what to do about it.

import GRDB

/// Why a session could not be stored or found.
public enum StoreError: Error, Hashable, Sendable {
  /// A newer greenbench wrote the schema. Nothing was changed.
  case schemaTooNew(path: String, found: Int, supported: Int)

  /// The file or its folder does not let itself be opened or written.
  case notWritable(path: String, reason: String)

  /// There is a file, and it is not a result store.
  case notADatabase(path: String)

  /// There is nothing to read yet.
  case noStore(path: String)

  /// Another process held the lock for five seconds.
  case busy(path: String)

  /// No stored session has this name.
  case noSuchSession(name: String, similar: [String])

  /// More than one session begins like this.
  case ambiguous(name: String, matches: [String])

  /// The batches of one row are not the ones that were written.
  ///
  /// Its figures and other rows are still there. Row 0 is the session's control.
  case damagedBlob(path: String, session: String, run: Int)

  /// The SQL text is wrong, or would write.
  case sql(message: String)

  /// SQLite reports an error that none of the other cases names.
  case database(path: String, code: Int32, message: String)
}

extension StoreError: CustomStringConvertible {
  /// One line for a terminal: the fact, then after a semicolon the mend.
  public var description: String {
    switch self {
    case .schemaTooNew(let path, let found, let supported):
      """
      \(path) has schema \(found), this greenbench knows \(supported) at most; \
      update greenbench or name another file with --store
      """
    case .notWritable(let path, let reason):
      "\(path): \(reason); change its permissions or name another file with --store"
    case .notADatabase(let path):
      "\(path) is not a result store; move it away or name another file with --store"
    case .noStore(let path):
      "there are no results at \(path); measure some with `greenbench run`"
    case .busy(let path):
      "\(path) was locked for 5 s by another process; try again when it is done"
    case .noSuchSession(let name, let similar):
      "no stored session is called \"\(name)\"; "
        + (similar.isEmpty
          ? "see `greenbench list`" : "did you mean \(similar.joined(separator: " or "))?")
    case .ambiguous(let name, let matches):
      "\"\(name)\" could be \(matches.joined(separator: " or ")); write more of the name"
    case .damagedBlob(let path, let session, let run):
      """
      \(path): the batches of \(run == 0 ? "the control of" : "row \(run) of") session \(session) \
      are damaged; see the figures with `greenbench show`, or measure again
      """
    case .sql(let message):
      "\(message); give one SELECT, the tables are in sqlite_schema"
    case .database(let path, let code, let message):
      "\(path): SQLite error \(code), \(message); check the file with `PRAGMA integrity_check`"
    }
  }

  /// The exit status of a command that ends with this error.
  public var exitCode: Int32 {
    switch self {
    case .noStore, .noSuchSession, .ambiguous: 5
    case .notWritable: 6
    case .schemaTooNew, .notADatabase, .damagedBlob: 8
    case .sql: 64
    case .busy: 75
    case .database(_, let code, _): code & 0xFF == ResultCode.SQLITE_CORRUPT.rawValue ? 8 : 1
    }
  }
}

extension StoreError {
  /// What GRDB threw, as one of ours.
  init(_ error: any Error, path: String) {
    switch error {
    case let error as StoreError:
      self = error
    case let error as DatabaseError:
      let message = error.message ?? "no message"
      switch error.resultCode {
      case .SQLITE_BUSY, .SQLITE_LOCKED: self = .busy(path: path)
      case .SQLITE_NOTADB: self = .notADatabase(path: path)
      case .SQLITE_CANTOPEN, .SQLITE_READONLY, .SQLITE_PERM, .SQLITE_AUTH:
        self = .notWritable(path: path, reason: message)
      default:
        self = .database(path: path, code: error.extendedResultCode.rawValue, message: message)
      }
    default:
      self = .database(path: path, code: 0, message: "\(error)")
    }
  }
}
