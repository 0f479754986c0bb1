// A random program over greenlets: one list of steps, and whoever runs takes the next one.

import StressKit

/// One step; what its verb does not name means nothing.
struct ProgramStep: Hashable {
  enum Verb: String, CaseIterable {
    /// Makes a greenlet in an empty slot, child of another slot's, or of main if that is empty.
    case make
    case change = "switch"
    case raiseInto = "throw"
    case kill

    /// Lets the only handle go.
    case drop
    case reparent

    /// Calls deeper, with a handler, a cleanup that may switch, and a value of the greenlet's local.
    case enter
    case leave
    case finish
    case raise
    case freeze
    case look
    case set

    /// Has the next switch with a message refused.
    case failSwitch = "fail-switch"
  }

  /// What a greenlet has for frames.
  enum Frames: String { case own, sliced }

  /// What a greenlet has of its creator's value of the local.
  enum Locals: String { case empty, copy, share }

  /// Which errors a handler takes.
  enum Handler: String, CaseIterable { case none, error, exit, all }

  var verb = Verb.look
  var slot = 0
  var other = 0

  /// What is sent, or returned.
  var gives = ProgramKind.none

  /// What a switch or a body takes; nil where it takes what comes and drops it.
  var takes: ProgramKind?
  var number = 0
  var fault = ProgramFault.first
  var handler = Handler.none

  /// Whether a body is missing, or whether a level has a cleanup.
  var flag = false
  var frames = Frames.own
  var locals = Locals.empty

  var words: String {
    let taken = takes.map { $0.rawValue } ?? "anything"
    return switch verb {
    case .make:
      "\(verb.rawValue) \(slot) of \(other), \(frames.rawValue) frames, \(locals.rawValue) locals, "
        + (flag ? "no body" : "\(taken) to \(gives.rawValue)")
    case .change: "switch \(slot) with \(gives.rawValue) \(number), for \(taken)"
    case .raiseInto: "throw \(fault) into \(slot), for \(taken)"
    case .kill: "kill \(slot) in \(1 + number % 3)"
    case .reparent: "reparent \(slot) to \(other)"
    case .enter:
      "enter \(number), catching \(handler.rawValue)" + (flag ? ", cleaning up by \(slot)" : "")
    case .finish: "finish with \(number)"
    case .raise: "raise \(fault)"
    case .set: "set \(number)"
    case .drop, .freeze: "\(verb.rawValue) \(slot)"
    case .leave, .look, .failSwitch: verb.rawValue
    }
  }
}

/// Where the frames of a program's greenlets live.
enum ProgramMode: String, CaseIterable {
  /// On stacks of their own.
  case dedicated
  case sliced

  /// Some on stacks of their own, some on the shared one.
  case mixed

  /// On stacks of their own, of which there are three.
  case scarce

  /// Every suspended one is frozen before each switch.
  case frozen

  /// With a tracer and the watchdog: every switch takes the long way.
  case watched
}

extension ProgramStep {
  /// Slot 0 is main; the others are empty at first.
  static let slots = 6

  private static let weights: [(Verb, Int)] = [
    (.make, 14), (.change, 44), (.raiseInto, 7), (.kill, 4), (.drop, 9), (.reparent, 6),
    (.enter, 10), (.leave, 3), (.finish, 4), (.raise, 4), (.freeze, 4), (.look, 2), (.set, 3),
    (.failSwitch, 1),
  ]

  private static let weightsSum = weights.reduce(0) { $0 + $1.1 }

  /// A step with all that it may need; it is the same whatever other steps are left out.
  ///
  /// - Parameters:
  ///   - generator: Gives one number for each step.
  ///   - mode: Where frames live.
  ///   - number: Which step of its program: the first ones make greenlets.
  /// - Returns: A step.
  static func random(
    _ generator: inout TrialGenerator, _ mode: ProgramMode, _ number: Int
  ) -> ProgramStep {
    // One number is enough for a step: its bits are taken off from below.
    var bits = generator.next()
    func below(_ bound: Int) -> Int {
      defer { bits /= UInt64(bound) }
      return Int(bits % UInt64(bound))
    }
    var step = ProgramStep()
    var rest = below(weightsSum)
    for (verb, weight) in weights {
      rest -= weight
      if rest < 0 {
        step.verb = verb
        break
      }
    }
    step.slot = below(slots)
    if number < 3 { (step.verb, step.slot) = (.make, number + 1) }
    step.other = below(slots)
    step.gives = ProgramKind.sent[below(ProgramKind.sent.count)]
    // Most take what comes, or programs would be about nothing but mismatches.
    let wishes: [ProgramKind?] = [
      nil, nil, nil, .any, .any, .any, step.gives, .word, .object, .huge,
    ]
    step.takes = wishes[below(wishes.count)]
    step.number = below(1000)
    step.fault = ProgramFault.raised[below(ProgramFault.raised.count)]
    step.handler = Handler.allCases[below(Handler.allCases.count)]
    step.flag = below(4) == 0
    if step.verb == .make {
      step.takes = step.takes ?? .any
      if step.flag { step.flag = below(2) == 0 }
    }
    switch mode {
    case .sliced: step.frames = .sliced
    case .mixed: step.frames = below(2) == 0 ? .sliced : .own
    default: break
    }
    // Few: who asks for nothing takes the short ways.
    let inheritances: [Locals] = [.copy, .share]
    let inheritance = below(8)
    if inheritance < inheritances.count { step.locals = inheritances[inheritance] }
    return step
  }
}
