// A recording of events, as the JSON that chrome://tracing and Perfetto read.

import Synchronization

/// Records the switches of all threads.
///
///     let trace = GreenletTrace()
///     trace.start()
///     ...
///     trace.stop()
///     try trace.json.write(toFile: "trace.json", ...)
///
/// In the viewer, each thread of the process is a track, and each slice on it a greenlet that ran.
public final class GreenletTrace: Sendable {
  private struct Entry {
    let kind: GreenletEvent.Kind
    let origin: UInt64
    let target: UInt64
    let name: String
    let nanoseconds: UInt64
    let thread: UInt64
  }

  private struct State {
    var entries: [Entry] = []
    var dropped = 0
    var token: GreenletObservers.Token?
  }

  private let state = Mutex(State())
  private let limit: Int

  /// Makes an empty recording.
  ///
  /// - Parameter limit: The most events to keep; later ones are counted in ``dropped``.
  public init(limit: Int = 1 << 20) { self.limit = limit }

  /// Begins to record; does nothing when it does already.
  ///
  /// Every switch of the process takes the long way until ``stop()``.
  public func start() {
    guard state.withLock({ $0.token == nil }) else { return }
    let token = GreenletObservers.add { [weak self] in self?.record($0) }
    state.withLock { $0.token = token }
  }

  /// Ends the recording; what was recorded stays.
  public func stop() {
    if let token = state.withLock({ $0.token.take() }) { GreenletObservers.remove(token) }
  }

  /// Events that found no room.
  public var dropped: Int { state.withLock { $0.dropped } }

  /// Events that were kept.
  public var count: Int { state.withLock { $0.entries.count } }

  private func record(_ event: GreenletEvent) {
    let entry = Entry(
      kind: event.kind, origin: event.origin.id, target: event.target.id, name: event.target.name,
      nanoseconds: event.nanoseconds, thread: event.thread)
    state.withLock { state in
      if state.entries.count < limit {
        state.entries.append(entry)
      } else {
        state.dropped += 1
      }
    }
  }

  /// The recording in the trace event format: complete events for slices, instants for the rest.
  ///
  /// Times are microseconds of the monotonic clock.
  ///
  /// - Complexity: O(events).
  public var json: String {
    let entries = state.withLock { $0.entries }
    var lines: [String] = []
    var open: [UInt64: Entry] = [:]
    for entry in entries {
      let time = Self.microseconds(entry.nanoseconds)
      let place = "\"pid\":1,\"tid\":\(entry.thread)"
      guard entry.kind == .switch || entry.kind == .throw else {
        lines.append(
          "{\"name\":\(Self.quoted(entry.kind.rawValue)),\"ph\":\"i\",\"s\":\"t\",\"ts\":\(time),"
            + "\(place),\"args\":{\"greenlet\":\(entry.target),"
            + "\"greenlet_name\":\(Self.quoted(entry.name))}}")
        continue
      }
      if let begun = open[entry.thread] {
        lines.append(
          "{\"name\":\(Self.quoted(begun.name)),\"ph\":\"X\","
            + "\"ts\":\(Self.microseconds(begun.nanoseconds)),"
            + "\"dur\":\(Self.microseconds(entry.nanoseconds - begun.nanoseconds)),\(place),"
            + "\"args\":{\"greenlet\":\(begun.target),\"by\":\(Self.quoted(begun.kind.rawValue))}}")
      }
      open[entry.thread] = entry
    }
    return "{\"traceEvents\":[\n" + lines.joined(separator: ",\n") + "\n]}\n"
  }

  private static func microseconds(_ nanoseconds: UInt64) -> String {
    let rest = String(nanoseconds % 1000)
    return "\(nanoseconds / 1000)." + String(repeating: "0", count: 3 - rest.count) + rest
  }

  /// A string as JSON.
  private static func quoted(_ text: String) -> String {
    var out = "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"": out += "\\\""
      case "\\": out += "\\\\"
      case let control where control.value < 0x20:
        let digits = String(control.value, radix: 16)
        out += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
      default: out.unicodeScalars.append(scalar)
      }
    }
    return out + "\""
  }
}
