// What the command line asks for.

import DifferentialKit

/// The options of scripts/differential; the script adds the paths.
struct Options {
  var programs = 10_000
  var seed: UInt64 = 1
  var replay: String?
  var without: Set<Verb> = []
  var python = ""
  var oracle = ""
  var folder = ""

  static let usage =
    "use scripts/differential [--programs N] [--seed S] [--without OPERATION,...] [--replay FILE]"

  struct Misuse: Error {
    let description: String
  }

  init(_ arguments: [String]) throws(Misuse) {
    var rest = arguments[...]
    while let option = rest.popFirst() {
      guard let value = rest.popFirst() else {
        throw Misuse(description: "\(option) is unknown or lacks its value; \(Self.usage)")
      }
      switch option {
      case "--programs":
        guard let number = Int(value), number > 0 else {
          throw Misuse(description: "--programs takes a number from 1 on, not \"\(value)\"")
        }
        programs = number
      case "--seed":
        guard let number = UInt64(value) else {
          throw Misuse(description: "--seed takes a number from 0 on, not \"\(value)\"")
        }
        seed = number
      case "--without":
        for word in value.split(separator: ",") {
          guard let verb = Verb(rawValue: String(word)) else {
            let all = Verb.allCases.map(\.rawValue).joined(separator: ", ")
            throw Misuse(description: "\"\(word)\" is no operation; choose from \(all)")
          }
          without.insert(verb)
        }
      case "--replay": replay = value
      case "--python": python = value
      case "--oracle": oracle = value
      case "--folder": folder = value
      default: throw Misuse(description: "\(option) is unknown; \(Self.usage)")
      }
    }
  }
}
