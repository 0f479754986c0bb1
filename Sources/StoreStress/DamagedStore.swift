// Damaged, foreign, newer and locked stores.

import Foundation
import Reports
import ResultStore
import StressKit

struct DamagedStore: StressClass {
  let about = StressClassAbout(
    name: "damaged-store",
    injection:
      "bits flip in batches, pages, header and log; the file is cut, foreign, newer, locked",
    expectation:
      "damaged batches are always told, a damaged file is copied aside, nothing crashes, "
      + "what is not ours stays as it is, and busy is not damaged",
    goal: "100 % of flips inside batches detected",
    unit: "damages",
    trials: TrialCounts(pr: Damage.allCases.count * 3, nightly: Damage.allCases.count * 60))

  private enum Damage: String, CaseIterable {
    case batches, pages, header, cut, freeList, log, index, newer, foreign, noDatabase, locked
  }

  /// How many damages a trial tries, one after another.
  private static let tries = 20

  func run(_ trial: Trial) throws {
    let damage = Damage.allCases[trial.index % Damage.allCases.count]
    let template = try StoreTemplate(in: trial.scratch, steps: 20, seed: trial.generator.next())
    let path = trial.scratch.appending(path: "results.sqlite").path
    let bytes = [UInt8](try Data(contentsOf: template.file))
    trial.tell(damage.rawValue)
    switch damage {
    case .locked: return try locked(trial, template, path)
    case .newer:
      let version = try newerVersion(template, &trial.generator)
      return try refused(trial, template, path, "PRAGMA user_version = \(version)") {
        if case .schemaTooNew(path, version, _) = $0 { true } else { false }
      }
    case .foreign:
      return try refused(trial, template, path, "PRAGMA application_id = 7") {
        $0 == .notADatabase(path: path)
      }
    default: break
    }
    let rows = damage == .batches ? try blobs(template.file.path) : []
    let seeds = (0..<Self.tries).map { _ in trial.generator.next() }
    for number in trial.steps(of: seeds.count) {
      var draw = TrialGenerator(seed: seeds[number])
      switch damage {
      case .batches: try batches(trial, rows, path, bytes, &draw)
      case .log: try log(trial, template, path, &draw)
      case .freeList: try freeList(path, bytes, &draw)
      case .index: try index(trial, template, path, &draw)
      case .noDatabase: try noDatabase(trial, path, &draw)
      default: try file(trial, damage, template, path, bytes, &draw)
      }
      trial.count()
    }
  }

  // MARK: Batches

  /// The batches of each row: whose, and as hexadecimal digits.
  private func blobs(_ path: String) throws -> [[String]] {
    try ResultStore(path: path, readOnly: true).query(
      """
      SELECT uuid, hex(blob) FROM batches JOIN run ON run.id = run_id
      JOIN session ON session.id = session_id WHERE length(blob) >= 24
      """
    ).rows
  }

  /// One bit of the batches of one row.
  private func batches(
    _ trial: Trial, _ rows: [[String]], _ path: String, _ bytes: [UInt8],
    _ draw: inout TrialGenerator
  ) throws {
    // The bytes around a place say where in the file it is; those across two pages, or twice there,
    // do not.
    for _ in 0..<100 {
      guard let row = rows.randomElement(using: &draw) else { throw Finding("no batches") }
      let blob = Self.bytes(ofHex: row[1])
      let start = Int.random(in: 0...blob.count - 24, using: &draw)
      let places = Self.places(of: Array(blob[start..<start + 24]), in: bytes)
      guard places.count == 1 else { continue }
      var damaged = bytes
      let place = places[0] + Int.random(in: 0..<24, using: &draw)
      damaged[place] ^= 1 << UInt8.random(in: 0..<8, using: &draw)
      try put(damaged, path)
      trial.tell("a bit of byte \(place), in the batches of session \(row[0])")
      try expectDamaged(row[0], path)
      return
    }
    throw Skip("the script of this trial stores no batches whose place in the file can be told")
  }

  private func expectDamaged(_ session: String, _ path: String) throws {
    let store = try ResultStore(path: path)
    do {
      _ = try store.session(session)
    } catch {
      guard case .damagedBlob(_, let told, _) = error, told == session else {
        throw Finding("the batches of session \(session) are damaged, and it was told: \(error)")
      }
      // Its figures are still there.
      guard try store.report(session).session == session else {
        throw Finding("the report of session \(session) is another's")
      }
      return
    }
    throw Finding("the batches of session \(session) are damaged, and were read")
  }

  private static func places(of part: [UInt8], in whole: [UInt8]) -> [Int] {
    var places: [Int] = []
    var from = 0
    while let first = whole[from...].firstIndex(of: part[0]) {
      if whole[first...].starts(with: part) { places.append(first) }
      from = first + 1
    }
    return places
  }

  private static func bytes(ofHex text: String) -> [UInt8] {
    let digits = text.utf8.map { $0 < 0x3a ? $0 - 0x30 : $0 - 0x37 }
    return stride(from: 0, to: digits.count, by: 2).map { digits[$0] << 4 | digits[$0 + 1] }
  }

  // MARK: The file

  /// Damage anywhere: whatever is asked is answered, or refused in the store's own words.
  private func file(
    _ trial: Trial, _ damage: Damage, _ template: StoreTemplate, _ path: String, _ bytes: [UInt8],
    _ draw: inout TrialGenerator
  ) throws {
    var damaged = bytes
    switch damage {
    case .cut: damaged.removeLast(Int.random(in: 1...bytes.count, using: &draw))
    case .header:
      damaged[Int.random(in: 0..<100, using: &draw)] ^= 1 << UInt8.random(in: 0..<8, using: &draw)
    default:
      for _ in 0..<Int.random(in: 1...8, using: &draw) {
        damaged[Int.random(in: 100..<bytes.count, using: &draw)] = .random(
          in: 0...255, using: &draw)
      }
    }
    try put(damaged, path)
    let kept = damaged
    let questions = Questions()
    try questions.askAll(path, template.before)
    trial.figure("refused questions of a file", Double(questions.refused))
    if questions.isForeign, [UInt8](try Data(contentsOf: URL(filePath: path))) != kept {
      throw Finding("taken for another program's file, and changed")
    }
  }

  /// Free pages that there are not: all can be read, and only the look for damage tells.
  private func freeList(
    _ path: String, _ bytes: [UInt8], _ draw: inout TrialGenerator
  ) throws {
    var damaged = bytes
    // Bytes 36 to 39 of the file count its free pages.
    damaged[39] ^= UInt8.random(in: 1...255, using: &draw)
    try put(damaged, path)
    let store = try ResultStore(path: path)
    do { try store.quickCheck() } catch {
      guard error.isDamage else { throw Finding("damage is told as \"\(error)\"") }
      guard try store.copyAside(),
        try Data(contentsOf: URL(filePath: store.quarantine)) == Data(damaged)
      else { throw Finding("the copy of a damaged file is not what was found") }
      return try StoreTemplate.remove(store.quarantine)
    }
    throw Finding("a file whose list of free pages is wrong is found sound")
  }

  // MARK: The log

  /// A bit of the log: what was written after it is gone, all before is there.
  private func log(
    _ trial: Trial, _ template: StoreTemplate, _ path: String, _ draw: inout TrialGenerator
  ) throws {
    try template.copy(to: path)
    let content = template.before.content
    let records = (0..<6).map { content.record($0, rows: 1, batches: 30) }
    let copy = path + ".copy"
    try StoreTemplate.remove(copy)
    do {
      let store = try ResultStore(path: path)
      for record in records { try store.append(record) }
      // While it is open, or the log would be gone.
      try FileManager.default.copyItem(atPath: path, toPath: copy)
      try FileManager.default.copyItem(atPath: path + "-wal", toPath: copy + "-wal")
    }
    var log = [UInt8](try Data(contentsOf: URL(filePath: copy + "-wal")))
    let place = Int.random(in: 0..<log.count, using: &draw)
    if Bool.random(using: &draw) {
      log[place] ^= 1 << UInt8.random(in: 0..<8, using: &draw)
    } else {
      log.removeLast(log.count - place)
    }
    trial.tell("byte \(place) of \(log.count) of the log")
    try Data(log).write(to: URL(filePath: copy + "-wal"))
    let store = try ResultStore(path: copy)
    try store.quickCheck()
    let found = Set(try store.sessions(limit: 100).map(\.session))
    let there = records.filter { found.contains($0.report.session) }
    guard there == Array(records.prefix(there.count)) else {
      throw Finding("of the log, a later session is there and an earlier one is not")
    }
    for record in there {
      guard try store.session(record.report.session) == record else {
        throw Finding("of the log, session \(record.report.session) is not whole")
      }
    }
    try StoreAudit(store, template.before).checkKept()
  }

  /// The index of the log is made anew, whatever lies there.
  private func index(
    _ trial: Trial, _ template: StoreTemplate, _ path: String, _ draw: inout TrialGenerator
  ) throws {
    try template.copy(to: path)
    let garbage = (0..<32_768).map { _ in UInt8.random(in: 0...255, using: &draw) }
    try Data(garbage).write(to: URL(filePath: path + "-shm"))
    let store = try ResultStore(path: path)
    try store.quickCheck()
    try StoreAudit(store, template.before).checkKept()
  }

  // MARK: Not ours, or not now

  /// The next version, or one of later years.
  private func newerVersion(
    _ template: StoreTemplate, _ draw: inout TrialGenerator
  ) throws -> Int {
    let rows = try ResultStore(path: template.file.path, readOnly: true)
      .query("SELECT user_version FROM pragma_user_version").rows
    guard let version = rows.first?.first.flatMap({ Int($0) }) else {
      throw Finding("a store without a version")
    }
    return version + (Bool.random(using: &draw) ? 1 : Int.random(in: 2...5000, using: &draw))
  }

  private func refused(
    _ trial: Trial, _ template: StoreTemplate, _ path: String, _ sql: String,
    as isRight: (StoreError) -> Bool
  ) throws {
    try template.copy(to: path)
    try Others.execute(sql + "; PRAGMA wal_checkpoint(TRUNCATE)", path)
    let before = try Data(contentsOf: URL(filePath: path))
    for readOnly in [true, false] {
      do {
        _ = try ResultStore(path: path, readOnly: readOnly)
        throw Finding("\(sql): it was opened")
      } catch let error as StoreError {
        try trial.expect(isRight(error), "\(sql): said \"\(error)\"")
      }
      try trial.expect(
        try Data(contentsOf: URL(filePath: path)) == before, "\(sql): the file was changed")
    }
  }

  /// A file of anything.
  private func noDatabase(_ trial: Trial, _ path: String, _ draw: inout TrialGenerator) throws {
    let count = Int.random(in: 1...20_000, using: &draw)
    let bytes = Data((0..<count).map { _ in UInt8.random(in: 0...255, using: &draw) })
    try put([UInt8](bytes), path)
    for readOnly in [true, false] {
      do {
        _ = try ResultStore(path: path, readOnly: readOnly)
        throw Finding("\(count) bytes of anything were opened")
      } catch StoreError.notADatabase {
        guard try Data(contentsOf: URL(filePath: path)) == bytes else {
          throw Finding("\(count) bytes of anything were changed")
        }
      }
    }
  }

  /// Another process writes and does not end: busy, after a while, and nothing else.
  private func locked(_ trial: Trial, _ template: StoreTemplate, _ path: String) throws {
    try template.copy(to: path)
    let store = try ResultStore(path: path)
    let record = template.before.content.record(1, rows: 1, batches: 4)
    // Once in a run is enough: it takes the five seconds that a writer waits.
    let waits = trial.index < Damage.allCases.count
    try Others.writing(path) {
      try StoreAudit(store, template.before).checkKept()
      try trial.expect(
        try !store.checkpoint() || store.logBytes == 0, "a checkpoint passed a writer")
      guard waits else { return }
      do {
        try store.append(record)
        throw Finding("it was written beside another writer")
      } catch let error as StoreError {
        try trial.expect(error, is: .busy(path: path), "the error of a locked store")
      }
    }
    try store.append(record)
    try trial.expect(try store.session(record.report.session) == record, "what was written later")
  }

  private func put(_ bytes: [UInt8], _ path: String) throws {
    try StoreTemplate.remove(path)
    try Data(bytes).write(to: URL(filePath: path))
  }
}
