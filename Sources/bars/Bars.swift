// The program behind scripts/bench: measures bars, prints a row for each, fails when one is short.

import Foundation

@main enum Bars {
  static let areas: [(name: String, run: @Sendable () throws -> [Bar])] = [
    ("core", { try EngineBars.run() }),
    ("engine", { try CoroutineBars.run() + GreenletBars.run() + ShapeBars.run() }),
    ("memory", { try MemoryBars.run() }),
    ("record", { try RecordBars.run() }),
  ]

  static func main() {
    var wanted: [String] = []
    var json = false
    for argument in CommandLine.arguments.dropFirst() {
      if argument == "--json" {
        json = true
      } else if areas.contains(where: { $0.name == argument }) {
        wanted.append(argument)
      } else {
        let names = areas.map(\.name).joined(separator: ", ")
        FileHandle.standardError.write(
          Data("bars: unknown area \"\(argument)\"; choose from \(names), or add --json\n".utf8))
        exit(64)
      }
    }
    do {
      var short = false
      let encoder = JSONEncoder()
      encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
      for area in areas where wanted.isEmpty || wanted.contains(area.name) {
        for bar in try area.run() {
          short = short || !bar.ok
          print(json ? String(decoding: try encoder.encode(bar), as: UTF8.self) : bar.line)
        }
      }
      exit(short ? 1 : 0)
    } catch {
      FileHandle.standardError.write(Data("bars: \(error)\n".utf8))
      exit(1)
    }
  }
}
