// The seeded defects of scripts/mutations: each fits the code as it is, and says what it breaks.

import Foundation
import Testing

struct MutationTests {
  static let all: [Mutation] = Mutation.all

  /// Fewer would prove little of the suite that has to find them.
  static let least = 25

  @Test func areEnough() {
    #expect(
      Self.all.count >= Self.least,
      "scripts/mutations: \(Self.all.count) patches, and \(Self.least) are the least; write more")
  }

  @Test(arguments: all)
  func saysWhatItBreaksAndWhoFindsIt(mutation: Mutation) {
    #expect(
      mutation.head("defect").contains(/^[A-Z].*\.$/),
      "\(mutation.path): begin with `# defect:` and a sentence that says what is broken")
    #expect(
      mutation.head("classes").contains(/^[a-z-]+( [a-z-]+)*$/),
      "\(mutation.path): name the stress classes that find it in a line `# classes:`")
  }

  @Test(arguments: all)
  func fitsTheCodeAsItIs(mutation: Mutation) {
    #expect(!mutation.changes.isEmpty, "\(mutation.path): a patch without a change")
    for change in mutation.changes {
      #expect(
        change.file.hasPrefix("Sources/"), "\(mutation.path): a defect is in Sources, not in a test"
      )
      let lines = SourceFile.all.first { $0.path == change.file }?.lines ?? []
      #expect(
        Mutation.places(of: change.before, in: lines) == 1,
        "\(mutation.path): \(change.file) is another one by now; make the patch anew")
      #expect(change.before != change.after, "\(mutation.path): a change that changes nothing")
    }
  }

  @Test func readsPatches() {
    let mutation = Mutation(
      path: "one.patch",
      text: """
        # defect: The sign is lost.
        # classes: programs
        --- a/Sources/One.swift
        +++ b/Sources/One.swift
        @@ -1,3 +1,3 @@
         first
        -second
        +2

        """)
    #expect(mutation.head("defect") == "The sign is lost.")
    #expect(
      mutation.changes == [
        Mutation.Change(
          file: "Sources/One.swift", before: ["first", "second"], after: ["first", "2"])
      ])
    #expect(Mutation.places(of: ["a", "b"], in: ["a", "b", "a", "b"]) == 2)
    #expect(Mutation.places(of: ["a", "b"], in: ["a"]) == 0)
  }
}

/// A patch of scripts/mutations.
struct Mutation: CustomTestStringConvertible, Sendable {
  /// From the root of the package.
  let path: String

  let changes: [Change]
  private let heads: [String]

  var testDescription: String { path }

  /// Lines that stand for others, and what is around them.
  struct Change: Hashable {
    let file: String
    var before: [String] = []
    var after: [String] = []
  }

  init(path: String, text: String) {
    self.path = path
    var (heads, changes, file): ([String], [Change], String) = ([], [], "")
    for line in text.components(separatedBy: "\n") {
      if let name = line.wholeMatch(of: /\+\+\+ b\/(\S+)/)?.1 {
        file = String(name)
      } else if line.hasPrefix("@@") {
        changes.append(Change(file: file))
      } else if changes.isEmpty {
        heads.append(line)
      } else if !line.hasPrefix("---"), let sign = line.first {
        let rest = String(line.dropFirst())
        if sign != "+" { changes[changes.count - 1].before.append(rest) }
        if sign != "-" { changes[changes.count - 1].after.append(rest) }
      }
    }
    (self.heads, self.changes) = (heads, changes)
  }

  /// What the patch says of itself before its changes; empty when it does not.
  func head(_ key: String) -> String {
    let start = "# \(key): "
    return heads.first { $0.hasPrefix(start) }.map { String($0.dropFirst(start.count)) } ?? ""
  }

  /// How often lines stand among others.
  static func places(of wanted: [String], in lines: [String]) -> Int {
    guard !wanted.isEmpty, lines.count >= wanted.count else { return 0 }
    return (0...lines.count - wanted.count).count { start in
      lines[start..<start + wanted.count].elementsEqual(wanted)
    }
  }

  static let all: [Mutation] = {
    let folder = "scripts/mutations"
    // Without the folder there are none, which a test objects to.
    let names =
      (try? FileManager.default.contentsOfDirectory(
        atPath: SourceFile.root.appending(path: folder).path)) ?? []
    return names.filter { $0.hasSuffix(".patch") }.sorted().map { name in
      let file = SourceFile.root.appending(path: "\(folder)/\(name)")
      // One that cannot be read has no changes, which a test objects to.
      let text = (try? String(contentsOf: file, encoding: .utf8)) ?? ""
      return Mutation(path: "\(folder)/\(name)", text: text)
    }
  }()
}
