// The sanitizer that was asked for is on: each reports a defect that is made on purpose.

import CFaults
import CSanitizers
import Foundation
import Testing

/// What scripts/sanitize runs first: a build without the sanitizer would find nothing, and look sound.
struct SanitizerTests {
  /// What scripts/sanitize says it has built with.
  static let expected = ProcessInfo.processInfo.environment["GB_EXPECT_SANITIZER"]

  @Test("the program is built with the sanitizer that is expected")
  func isBuiltWithIt() {
    let isOn: Bool? =
      switch Self.expected {
      case "address": gb_sanitizer_kind == gb_sanitizer_address
      case "thread": gb_sanitizer_kind == gb_sanitizer_thread
      case "undefined": gb_undefined_is_looked_for
      case nil: gb_sanitizer_kind == gb_sanitizer_none && !gb_undefined_is_looked_for
      default: nil
      }
    #expect(isOn == true, "expected: \(Self.expected ?? "none"); it is not what was built")
  }

  @Test("AddressSanitizer reports a use of freed memory", .enabled(if: expected == "address"))
  func reportsFreedMemory() async throws {
    let end = await #expect(
      processExitsWith: .failure, observing: [\.standardErrorContent]
    ) { _ = gb_read_freed() }
    #expect(Self.said(end, "AddressSanitizer: heap-use-after-free"))
  }

  @Test("ThreadSanitizer reports a race", .enabled(if: expected == "thread"))
  func reportsRace() async throws {
    let end = await #expect(
      processExitsWith: .failure, observing: [\.standardErrorContent]
    ) { _ = gb_race() }
    #expect(Self.said(end, "ThreadSanitizer: data race"))
  }

  @Test("the sanitizer of undefined behaviour reports one", .enabled(if: expected == "undefined"))
  func reportsUndefinedBehaviour() async throws {
    let end = await #expect(
      processExitsWith: .failure, observing: [\.standardErrorContent]
    ) { _ = gb_add_too_much() }
    #expect(Self.said(end, "runtime error: signed integer overflow"))
  }

  private static func said(_ end: ExitTest.Result?, _ words: String) -> Bool {
    String(decoding: end?.standardErrorContent ?? [], as: UTF8.self).contains(words)
  }
}
