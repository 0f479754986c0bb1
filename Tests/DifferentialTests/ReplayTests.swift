// Programs with the traces that CPython's greenlet 3.5.6 made of them.

import DifferentialKit
import Testing

/// Run again by scripts/differential --replay, should a trace be in doubt.
@Suite(.serialized) struct ReplayTests {
  private static let far = FarThread()

  private func expect(_ program: String, _ trace: String) throws {
    let lines = trace.split(separator: "\n").map(String.init)
    #expect(Machine.run(try Program(text: program), far: Self.far) == lines)
  }

  @Test func valuesPassBothWaysAndTheResultGoesToTheParent() throws {
    try expect(
      """
      main { new 1 a - switch 1 i5 switch 1 m1,2 switch 1 sgo switch 1 i3 } a { yield i1 yield
      t4 who return sab }
      """,
      """
      main new 1 a - g1 au------
      main switch 1 i5 g1
      g1 starts i5
      g1 yield i1
      main gets i1 aa------
      main switch 1 m1,2 g1
      g1 gets t1,2 aa------
      g1 yield t4
      main gets t4 aa------
      main switch 1 sgo g1
      g1 gets sgo aa------
      g1 who g1 of main aa------
      g1 return sab
      g1 ends sab aa------
      main gets sab ad------
      main switch 1 i3 g1
      main gets i3 ad------
      main used 9
      main clears 0 -d------
      main clears 1 --------
      """)
  }

  @Test func aDeadOneStandsForItsNearestLivingAncestor() throws {
    try expect(
      """
      main { new 1 a - new 2 b 1 switch 2 n switch 2 i7 new 3 b 2 throw 3 e1 look 3 } a {
      yield sup } b { return i1 }
      """,
      """
      main new 1 a - g1 au------
      main new 2 b 1 g2 auu-----
      main switch 2 n g2
      g2 starts n
      g2 return i1
      g2 ends i1 aua-----
      g1 starts i1
      g1 yield sup
      main gets sup aad-----
      main switch 2 i7 g2
      g1 gets i7 aad-----
      g1 ends n aad-----
      main gets n add-----
      main new 3 b 2 g3 addu----
      main throw 3 e1 g3
      main gets error e1 addd----
      main fails e1 addd----
      main used 8
      main clears 0 -ddd----
      main clears 1 --dd----
      main clears 2 ---d----
      main clears 3 --------
      """)
  }

  @Test func errorsGoToTheParentNotToTheThrower() throws {
    try expect(
      """
      main { new 1 a - try { switch 1 n } error { again } } a { new 2 b - try { switch 2 n }
      error { look 2 } throw 2 e2 } b { raise e1 }
      """,
      """
      main new 1 a - g1 au------
      main switch 1 n g1
      g1 starts n
      g1 new 2 b - g2 aau-----
      g1 switch 2 n g2
      g2 starts n
      g2 raise e1
      g2 fails e1 aaa-----
      g1 gets error e1 aad-----
      g1 catches e1
      g1 look 2 g2 of g1 aad-----
      g1 throw 2 e2 g2
      g1 gets error e2 aad-----
      g1 fails e2 aad-----
      main gets error e2 add-----
      main catches e2
      main again
      main fails e2 add-----
      main used 8
      main clears 0 -dd-----
      main clears 1 --d-----
      main clears 2 --------
      """)
  }

  @Test func anExitIsAValueForTheParent() throws {
    try expect(
      """
      main { new 1 a - switch 1 n throw 1 x1 throw 1 y1 new 2 a - throw 2 x2 look 2 } a {
      finally { yield n } { who } }
      """,
      """
      main new 1 a - g1 au------
      main switch 1 n g1
      g1 starts n
      g1 yield n
      main gets n aa------
      main throw 1 x1 g1
      g1 gets error x1 aa------
      g1 finally
      g1 who g1 of main aa------
      g1 fails x1 aa------
      main gets x1 ad------
      main throw 1 y1 g1
      main gets y1 ad------
      main new 2 a - g2 adu-----
      main throw 2 x2 g2
      main gets x2 add-----
      main look 2 g2 of main add-----
      main used 9
      main clears 0 -dd-----
      main clears 1 --d-----
      main clears 2 --------
      """)
  }

  @Test func theLastReferenceGoneEndsTheBody() throws {
    try expect(
      """
      main { new 1 a - switch 1 n new 2 b - switch 2 n drop 1 drop 2 new 3 c - switch 3 n drop
      3 } a { finally { yield n } { who } } b { try { yield n } exit { return i1 } } c { try {
      yield n } exit { raise e3 } }
      """,
      """
      main new 1 a - g1 au------
      main switch 1 n g1
      g1 starts n
      g1 yield n
      main gets n aa------
      main new 2 b - g2 aau-----
      main switch 2 n g2
      g2 starts n
      g2 yield n
      main gets n aaa-----
      g1 gets error x0 a-a-----
      g1 finally
      g1 who g1 of main a-a-----
      g1 fails x0 a-a-----
      main drop 1 g1 a-a-----
      g2 gets error x0 a-------
      g2 catches x0
      g2 return i1
      g2 ends i1 a-------
      main drop 2 g2 a-------
      main new 3 c - g3 a--u----
      main switch 3 n g3
      g3 starts n
      g3 yield n
      main gets n a--a----
      g3 gets error x0 a-------
      g3 catches x0
      g3 raise e3
      g3 fails e3 a-------
      main drop 3 g3 a------- unraisable 1
      main used 15
      main clears 0 --------
      """)
  }

  @Test func aBodyThatKeepsItselfSurvivesItsEnd() throws {
    try expect(
      """
      main { new 1 a - switch 1 n drop 1 look 2 switch 2 i4 } a { try { yield n } exit { keep
      2 } yield i8 return i9 }
      """,
      """
      main new 1 a - g1 au------
      main switch 1 n g1
      g1 starts n
      g1 yield n
      main gets n aa------
      g1 gets error x0 a-------
      g1 catches x0
      g1 keep 2  a-a-----
      g1 yield i8
      main drop 1 g1 a-a-----
      main look 2 g1 of main a-a-----
      main switch 2 i4 g1
      g1 gets i4 a-a-----
      g1 return i9
      g1 ends i9 a-a-----
      main gets i9 a-d-----
      main used 9
      main clears 0 --d-----
      main clears 2 --------
      """)
  }

  @Test func parentsAreCheckedAndTakeEffectAtDeath() throws {
    try expect(
      """
      main { new 1 a - new 2 a 1 reparent 1 2 reparent 0 1 reparent 1 1 reparent 2 0 look 2
      switch 2 n switch 1 n reparent 2 1 look 2 } a { return i2 }
      """,
      """
      main new 1 a - g1 au------
      main new 2 a 1 g2 auu-----
      main reparent 1 2 cycle auu-----
      main reparent 0 1 main auu-----
      main reparent 1 1 cycle auu-----
      main reparent 2 0 done auu-----
      main look 2 g2 of main auu-----
      main switch 2 n g2
      g2 starts n
      g2 return i2
      g2 ends i2 aua-----
      main gets i2 aud-----
      main switch 1 n g1
      g1 starts n
      g1 return i2
      g1 ends i2 aad-----
      main gets i2 add-----
      main reparent 2 1 done add-----
      main look 2 g2 of g1 add-----
      main used 13
      main clears 0 -dd-----
      main clears 1 --d-----
      main clears 2 --------
      """)
  }

  @Test func anotherThreadIsRefused() throws {
    try expect(
      """
      main { new 1 a - far-switch 1 i1 far-throw 1 e1 switch 1 i2 far-switch 1 i3 far-throw 0
      e1 switch 1 n } a { yield i5 }
      """,
      """
      main new 1 a - g1 au------
      main far-switch 1 i1 g1 thread au------
      main far-throw 1 e1 g1 thread au------
      main switch 1 i2 g1
      g1 starts i2
      g1 yield i5
      main gets i5 aa------
      main far-switch 1 i3 g1 thread aa------
      main far-throw 0 e1 main thread aa------
      main switch 1 n g1
      g1 gets n aa------
      g1 ends n aa------
      main gets n ad------
      main used 8
      main clears 0 -d------
      main clears 1 --------
      """)
  }

  @Test func aChainOfParentsEndsOneAfterTheOther() throws {
    try expect(
      """
      main { new 1 a - switch 1 n new 2 a 1 switch 2 n drop 1 drop 2 } a { finally { switch 0
      n } { who } }
      """,
      """
      main new 1 a - g1 au------
      main switch 1 n g1
      g1 starts n
      g1 switch 0 n main
      main gets n aa------
      main new 2 a 1 g2 aau-----
      main switch 2 n g2
      g2 starts n
      g2 switch 0 n main
      main gets n aaa-----
      main drop 1 g1 a-a-----
      g2 gets error x0 a-------
      g2 finally
      g2 who g2 of main a-------
      g2 fails x0 a-------
      g1 gets error x0 a-------
      g1 finally
      g1 who g1 of main a-------
      g1 fails x0 a-------
      main drop 2 g2 a-------
      main used 10
      main clears 0 --------
      """)
  }
}
