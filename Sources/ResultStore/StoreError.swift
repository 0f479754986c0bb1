// The errors of the result store: what happened, to what, and what to do about it.

import GRDB

/// Why something could not be stored or found.
public enum StoreError: Error, Hashable, Sendable {
  /// A newer greenbench wrote the schema. Nothing was changed.
  case schemaTooNew(path: String, found: Int, supported: Int)

  /// The file or its folder does not let itself be opened or written.
  case notWritable(path: String, reason: String)

  /// The file or its folder does not let itself be read.
  case notReadable(path: String, reason: String)

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

  /// There is no such job, or it was dropped in time.
  case noSuchJob(Int)
  case noSuchSchedule(Int)

  /// The client submitted another request under this key; nothing was stored.
  case keyTaken(client: String, key: String, job: Int)

  /// As many jobs are open as may be; nothing was stored.
  case queueFull(limit: Int)

  /// The file system has no room for what was to be written; nothing of it was stored.
  case full(path: String)

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
    case .notReadable(let path, let reason):
      "\(path) cannot be read: \(reason); change its permissions or name another file with --store"
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
    case .noSuchJob(let id):
      "there is no job \(id); see `greenbench queue ls`"
    case .noSuchSchedule(let id):
      "there is no schedule \(id); see `greenbench schedule ls`"
    case .keyTaken(let client, let key, let job):
      "\(client) used the key \"\(key)\" for job \(job), another request; choose another key"
    case .queueFull(let limit):
      "\(limit) jobs are waiting, which is the most that may; try again when some are done"
    case .full(let path):
      "the file system of \(path) is full; free some of it, or name another file with --store"
    case .database(let path, let code, let message)
    where code & 0xFF == ResultCode.SQLITE_IOERR.rawValue:
      """
      \(path): \(message) (SQLite error \(code)); see the quota, the file system and the kernel's log, \
      or name another file with --store
      """
    case .database(let path, let code, let message):
      "\(path): SQLite error \(code), \(message); check the file with `PRAGMA integrity_check`"
    }
  }

  /// The exit status of a command that ends with this error.
  public var exitCode: Int32 {
    switch self {
    case .noStore, .noSuchSession, .ambiguous, .noSuchJob, .noSuchSchedule: 5
    case .notWritable, .notReadable: 6
    case .schemaTooNew, .notADatabase, .damagedBlob: 8
    case .sql, .keyTaken: 64
    case .busy, .queueFull: 75
    case .full: 1
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
      case .SQLITE_FULL: self = .full(path: path)
      // The index of the log did not get its room; SQLite has no other reason to say this.
      case .SQLITE_IOERR where error.extendedResultCode == .SQLITE_IOERR_SHMSIZE:
        self = .full(path: path)
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

  /// A value in the file that no program wrote.
  static func unwritten(_ what: String, path: String) -> StoreError {
    .database(
      path: path, code: ResultCode.SQLITE_CORRUPT.rawValue, message: "\(what) that nobody wrote")
  }
}
