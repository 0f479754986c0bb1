// The log: one JSON object a line, on standard error.

import FoundationEssentials
public import Logging

/// A log handler for a process that nobody watches.
///
/// Each record is one line `{"time":...,"level":...,"logger":...,"message":...,...}`. Below systemd
/// the line begins with the priority that the journal takes, and the journal knows the time.
public struct LogLines: LogHandler {
  public var logLevel: Logger.Level
  public var metadata: Logger.Metadata = [:]

  private let label: String
  private let isForJournal: Bool
  private let write: @Sendable (String) -> Void

  /// - Parameters:
  ///   - label: The logger's name.
  ///   - level: The least important records to write.
  ///   - environment: Tells whether a service manager reads standard error.
  public init(label: String, level: Logger.Level, environment: [String: String]) {
    self.init(
      label: label, level: level,
      isForJournal: environment["JOURNAL_STREAM"] != nil || environment["INVOCATION_ID"] != nil,
      write: SystemCalls.writeToStandardError)
  }

  init(
    label: String, level: Logger.Level, isForJournal: Bool,
    write: @escaping @Sendable (String) -> Void
  ) {
    self.label = label
    logLevel = level
    self.isForJournal = isForJournal
    self.write = write
  }

  public subscript(metadataKey key: String) -> Logger.Metadata.Value? {
    get { metadata[key] }
    set { metadata[key] = newValue }
  }

  public func log(event: LogEvent) {
    var text = isForJournal ? "<\(Self.priority(of: event.level))>{" : "{"
    if !isForJournal { text += "\"time\":\(Self.quoted(Self.now))," }
    text += "\"level\":\"\(event.level.rawValue)\",\"logger\":\(Self.quoted(label))"
    text += ",\"message\":\(Self.quoted(event.message.description))"
    if let error = event.error { text += ",\"error\":\(Self.quoted("\(error)"))" }
    let all = metadata.merging(event.metadata ?? [:]) { $1 }
    for (key, value) in all.sorted(by: { $0.key < $1.key }) {
      text += ",\(Self.quoted(key)):\(Self.quoted("\(value)"))"
    }
    write(text + "}\n")
  }

  private static var now: String {
    Date.now.formatted(
      Date.ISO8601FormatStyle().year().month().day()
        .time(includingFractionalSeconds: true).timeZone(separator: .omitted))
  }

  /// The priority of syslog(3).
  private static func priority(of level: Logger.Level) -> Int {
    switch level {
    case .trace, .debug: 7
    case .info: 6
    case .notice: 5
    case .warning: 4
    case .error: 3
    case .critical: 2
    }
  }

  /// A string of JSON, and a line of text: no control character stays.
  static func quoted(_ text: String) -> String {
    var quoted = "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"": quoted += "\\\""
      case "\\": quoted += "\\\\"
      case "\n": quoted += "\\n"
      case _ where scalar.value < 0x20 || scalar.value == 0x7F || scalar == "\u{2028}":
        let digits = String(scalar.value, radix: 16)
        quoted += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
      default: quoted.unicodeScalars.append(scalar)
      }
    }
    return quoted + "\""
  }
}
