// Bars of greenlets: the universal switch and the life of one, in relation to the bare loops in C.

import CLimits
import Greenlets
import Stacks

/// Area `engine`, the part of greenlets.
enum GreenletBars {
  static func run() throws -> [Bar] {
    let count = 1_000_000
    var (switches, spawns): ([Double], [Double]) = ([], [])
    let main = Greenlet.current
    let adder = Greenlet { (first: Int) throws -> Int in try answer(main, first) }
    for _ in 0..<CoroutineBars.repetitions {
      let limit = EngineBars.nanoseconds(per: 2 * count) { _ = gb_limit_paired(count) }
      let limitSpawn = EngineBars.nanoseconds(per: count) { _ = gb_limit_spawn(count) }
      switches.append(
        try EngineBars.nanoseconds(per: 2 * count) { try ask(adder, count) } / limit)
      spawns.append(try EngineBars.nanoseconds(per: count) { try spawn(count) } / limitSpawn)
    }
    return [
      Bar("Greenlet.switch, Int / limit", switches, atMost: 3, unit: "x"),
      Bar("Greenlet create, run, end / limit spawn", spawns, atMost: 12, unit: "x"),
    ]
  }

  @inline(never) static func answer(_ main: Greenlet, _ first: Int) throws -> Int {
    var number = first
    while true { number = try main.switch(number &+ 1) }
  }

  @inline(never) static func ask(_ adder: Greenlet, _ count: Int) throws {
    var sum = 0
    for index in 0..<count {
      let reply: Int = try adder.switch(index)
      sum &+= reply
    }
    precondition(sum == count * (count + 1) / 2)
  }

  @inline(never) static func spawn(_ count: Int) throws {
    var sum = 0
    for index in 0..<count {
      let once = Greenlet { (first: Int) in first &* 3 }
      let reply: Int = try once.switch(index)
      sum &+= reply
    }
    precondition(sum == 3 * count * (count - 1) / 2)
  }
}
