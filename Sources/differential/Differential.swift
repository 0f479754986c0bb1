// The program behind scripts/differential: the same programs on Greenlets and on CPython's greenlet.

import DifferentialKit
import Foundation

@main enum Differential {
  /// How many programs go to both sides at a time.
  static let batch = 256

  /// After how many differences a run ends: each costs some seconds of shrinking.
  static let differencesMax = 8

  static func main() {
    let arguments = Array(CommandLine.arguments.dropFirst())
    do {
      if arguments == ["--serve"] {
        try Server.serve()
        return
      }
      if arguments == ["--defect"] {
        try Defect.commit()
        return
      }
      if arguments.first == "--print" {
        printPrograms(try Options(Array(arguments.dropFirst())))
        return
      }
      if arguments.first == "--check" {
        _ = try Options(Array(arguments.dropFirst()))
        return
      }
      exit(try run(try Options(arguments)) ? 0 : 1)
    } catch let misuse as Options.Misuse {
      fail("\(misuse.description)", code: 64)
    } catch {
      fail("\(error)", code: 1)
    }
  }

  /// Prints programs as `--serve` reads them, with the line that asks for the answers.
  static func printPrograms(_ options: Options) {
    let generator = Generator(seed: options.seed, without: options.without)
    for number in 0..<options.programs { print(generator.program(number).line) }
    print("")
  }

  static func fail(_ sentence: String, code: Int32) -> Never {
    FileHandle.standardError.write(Data("differential: \(sentence)\n".utf8))
    exit(code)
  }

  /// - Returns: Whether there was no difference.
  static func run(_ options: Options) throws -> Bool {
    let folder = URL(filePath: options.folder, directoryHint: .isDirectory)
    let comparer = Comparer(
      ours: Interpreter(
        program: URL(filePath: "/proc/self/exe").resolvingSymlinksInPath(), arguments: ["--serve"],
        complaints: folder.appending(path: "greenlets.stderr")),
      theirs: Interpreter(
        program: URL(filePath: options.python), arguments: [options.oracle],
        complaints: folder.appending(path: "cpython.stderr")))
    if let path = options.replay { return try replay(path, on: comparer) }

    let clock = ContinuousClock()
    let start = clock.now
    let generator = Generator(seed: options.seed, without: options.without)
    var tally = Tally()
    var next = 0
    while next < options.programs && tally.differences < differencesMax {
      let numbers = next..<min(next + batch, options.programs)
      next = numbers.upperBound
      let verdicts = try comparer.verdicts(numbers.map { generator.program($0) })
      for (number, verdict) in zip(numbers, verdicts) {
        tally.count(verdict)
        guard verdict.isDifference, tally.differences <= differencesMax else { continue }
        let name = "difference-\(options.seed)-\(number).txt"
        try report(
          comparer.shrink(verdict), as: "program \(number) of seed \(options.seed)",
          to: folder.appending(path: name))
      }
    }
    let elapsed = start.duration(to: clock.now) / .seconds(1)
    print(tally.line + "; seed \(options.seed); \(String(format: "%.1f", elapsed)) s")
    return tally.differences == 0
  }

  /// Prints a difference, and keeps its program in a file that `--replay` reads.
  static func report(_ verdict: Verdict, as name: String, to file: URL) throws {
    try "# \(name), shrunk\n\(verdict.program.text)".write(
      to: file, atomically: true, encoding: .utf8)
    print("\(name), shrunk; run it again with scripts/differential --replay \(file.path):")
    print(verdict.text)
  }

  static func replay(_ path: String, on comparer: Comparer) throws -> Bool {
    guard let text = try? String(contentsOfFile: path, encoding: .utf8) else {
      throw Options.Misuse(
        description: "\(path) cannot be read; name a file that a run has written")
    }
    let verdict = try comparer.verdicts([try Program(text: text)])[0]
    print(verdict.text)
    var tally = Tally()
    tally.count(verdict)
    print(tally.line)
    return tally.differences == 0
  }
}

/// What a run has found so far.
struct Tally {
  private(set) var programs = 0
  private(set) var operations = 0
  private(set) var differences = 0
  private var known: [String: Int] = [:]

  mutating func count(_ verdict: Verdict) {
    programs += 1
    operations += verdict.theirs.operations
    if verdict.isDifference { differences += 1 }
    for row in verdict.known { known[row, default: 0] += 1 }
  }

  var line: String {
    let rows = KnownDifference.all.map {
      "\($0.row) in \(known[$0.row, default: 0]) programs (\($0.treatment))"
    }
    return "\(programs) programs, \(operations) operations, \(differences) differences; known: "
      + rows.joined(separator: ", ")
  }
}
