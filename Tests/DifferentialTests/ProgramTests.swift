// What programs promise: the same from the same seed, back from their text, small when they fail.

import DifferentialKit
import Testing

struct ProgramTests {
  @Test func theSameSeedMakesTheSameProgram() {
    for number in 0..<50 {
      #expect(Generator(seed: 7).program(number) == Generator(seed: 7).program(number))
    }
    #expect(Generator(seed: 7).program(3) != Generator(seed: 8).program(3))
    #expect(Generator(seed: 7).program(3) != Generator(seed: 7).program(4))
  }

  /// SplitMix64 of seed 1234567, as its author's program prints it.
  @Test func theRandomNumbersAreThoseOfSplitMix64() {
    var random = SplitMix64(seed: 1_234_567)
    #expect(random.next() == 6_457_827_717_110_365_317)
    #expect(random.next() == 3_203_168_211_198_807_973)
  }

  @Test func aProgramComesBackFromItsText() throws {
    for number in 0..<200 {
      let program = Generator(seed: 1).program(number)
      #expect(try Program(text: program.text) == program)
      #expect(try Program(text: program.line) == program)
    }
  }

  @Test func operationsThatAreNotWantedAreNotMade() {
    let generator = Generator(seed: 1, without: [.farDrop, .new])
    for number in 0..<100 {
      #expect(!generator.program(number).line.contains("far-drop"))
    }
  }

  @Test(arguments: [
    ("a { }", "the program has no body called main; add one"),
    ("main { drop 1", "the program ends within a block; close its braces"),
    ("main { jump 1 }", "\"jump\" is no operation"),
    ("main { drop 9 }", "\"9\" is no number of 0...7"),
    ("main { switch 1 q }", "\"q\" is no value; use n, i1, sab, t1,2 or m1,2"),
    ("main { raise boom }", "\"boom\" is no error; use e1, x1 or y1"),
  ])
  func aTextThatIsNoProgramIsRefusedWithTheMend(text: String, sentence: String) {
    let error = #expect(throws: ProgramTextError.self) { try Program(text: text) }
    #expect(error?.description == sentence)
  }

  @Test func aFailingProgramShrinksToWhatItFailsBy() {
    // "Fails" when a drop stands somewhere and a raise somewhere else.
    func fails(_ program: Program) -> Bool {
      program.line.contains("drop") && program.line.contains("raise e1")
    }
    var shrunk = 0
    for number in 0..<300 {
      let program = Generator(seed: 5).program(number)
      guard fails(program) else { continue }
      let smallest = Shrinker.shrink(program, fails: fails)
      #expect(smallest.operationCount == 2)
      #expect(fails(smallest))
      shrunk += 1
    }
    #expect(shrunk > 5)
  }

  @Test func shrinkingTakesStructureAndValuesAway() throws {
    let program = try Program(
      text: "main { loop 3 { try { finally { switch 1 i7 } { who } } all { again } } } a { who }")
    let smallest = Shrinker.shrink(program) { $0.line.contains("switch") }
    #expect(smallest.line == "main { switch 1 n }")
  }

  @Test func anAnswerComesBackFromItsLine() {
    let answer = Answer(known: ["D10", "K6"], trace: ["main who", "main used 1"])
    #expect(Answer(line: answer.line) == answer)
  }
}
