// Rules of the house that no compiler checks, as tests: what fails names the file and the mend.

import Foundation
import Testing

struct TidyTests {
  /// The floors, ground first: a target may import targets of lower floors only.
  static let floors: [[String]] = [
    [
      "CSwitch", "CSanitizers", "CContexts", "CJemalloc", "CExtents", "CLimits", "CFaults",
      "CRegisters", "CSockets", "CSpawn", "CStoreFaults", "CTasks",
    ],
    ["Stacks", "Reports", "Threads"],
    ["JemallocStacks", "Measurement", "Greenlets"],
    ["WorkloadKit", "Comparison", "DifferentialKit", "StressKit"],
    ["Backends", "Workloads", "DaemonAPI"],
    ["WorkerService", "ResultStore", "EngineStress"],
    ["Executor", "DaemonClient"],
    ["BenchmarkRunner", "StressRunner"],
    ["DaemonJobs", "DaemonServer"],
    ["StoreStress", "DaemonStress"],
    ["GreenbenchCLI"],
    ["greenbench", "bars", "differential"],
  ]

  /// Makes stacks and switches between them; knows nothing of measuring or storing.
  static let engineWing: Set<String> = ["Stacks", "JemallocStacks", "Greenlets"]

  /// Counts, decides, stores; knows nothing of stacks.
  static let recordWing: Set<String> = [
    "Reports", "Measurement", "Comparison", "ResultStore", "Executor", "BenchmarkRunner",
    "DaemonAPI", "DaemonClient", "DaemonJobs", "DaemonServer", "StoreStress", "DaemonStress",
    "StressKit", "StressRunner", "Threads",
  ]

  /// Who may import what only few may.
  static let reserved: [String: Set<String>] = [
    "GRDB": ["ResultStore"],
    "ArgumentParser": ["GreenbenchCLI", "greenbench"],
    "Yams": ["BenchmarkRunner"],
    "Hummingbird": ["DaemonServer"],
    "HummingbirdCore": ["DaemonServer"],
    "NIOCore": ["DaemonServer", "DaemonClient"],
    "NIOPosix": ["DaemonServer", "DaemonClient"],
    "NIOHTTP1": ["DaemonServer", "DaemonClient"],
    "CSockets": ["DaemonServer", "DaemonClient", "DaemonStress"],
    "HTTPTypes": ["DaemonServer"],
    "NIOExtras": ["DaemonServer"],
    "NIOHTTPTypesHTTP1": ["DaemonServer"],
    "CJemalloc": ["JemallocStacks"],
    "CExtents": ["JemallocStacks"],
    "CTasks": ["Threads"],
    "CSpawn": ["Executor", "GreenbenchCLI"],
    "CStoreFaults": ["StoreStress"],
  ]

  /// The only files that may contain unsafe code.
  ///
  /// Making the list longer is a decision to record.
  static let unsafeFiles: Set<String> = [
    "Sources/Backends/SharedState.swift",
    "Sources/Backends/ThreadBackend.swift",
    "Sources/Backends/UContextBackend.swift",
    "Sources/BenchmarkRunner/Stamp.swift",
    "Sources/DaemonClient/PathTrust.swift",
    "Sources/DaemonJobs/OwnedFile.swift",
    "Sources/GreenbenchCLI/DaemonLog.swift",
    "Sources/GreenbenchCLI/DetachedProcess.swift",
    "Sources/GreenbenchCLI/FrugalAllocator.swift",
    "Sources/GreenbenchCLI/Table.swift",
    "Sources/EngineStress/StressThread.swift",
    "Sources/EngineStress/AddressLimit.swift",
    "Sources/EngineStress/Crossing.swift",
    "Sources/EngineStress/Digging.swift",
    "Sources/EngineStress/EngineBench.swift",
    "Sources/EngineStress/FaultySource.swift",
    "Sources/EngineStress/ForkedChild.swift",
    "Sources/EngineStress/NearOverflow.swift",
    "Sources/EngineStress/OtherFault.swift",
    "Sources/EngineStress/Overflow.swift",
    "Sources/EngineStress/RegisterWalk.swift",
    "Sources/EngineStress/Registers.swift",
    "Sources/EngineStress/SignalStorm.swift",
    "Sources/Greenlets/CorePool.swift",
    "Sources/DaemonJobs/StoreKeeper.swift",
    "Sources/DaemonServer/SystemCalls.swift",
    "Sources/DaemonStress/Wire.swift",
    "Sources/Executor/LineReader.swift",
    "Sources/Executor/PipeInput.swift",
    "Sources/Executor/SpawnedProcess.swift",
    "Sources/Greenlets/Coroutine.swift",
    "Sources/Greenlets/CoroutineCore.swift",
    "Sources/Greenlets/CoroutineLongWay.swift",
    "Sources/Greenlets/CreationSite.swift",
    "Sources/Greenlets/EngineCounters.swift",
    "Sources/Greenlets/Gate.swift",
    "Sources/Greenlets/Greenlet.swift",
    "Sources/Greenlets/GreenletCore.swift",
    "Sources/Greenlets/GreenletDump.swift",
    "Sources/Greenlets/GreenletEvent.swift",
    "Sources/Greenlets/GreenletFaults.swift",
    "Sources/Greenlets/GreenletFreezing.swift",
    "Sources/Greenlets/GreenletHandles.swift",
    "Sources/Greenlets/GreenletHub.swift",
    "Sources/Greenlets/GreenletLife.swift",
    "Sources/Greenlets/GreenletLocal.swift",
    "Sources/Greenlets/GreenletObservers.swift",
    "Sources/Greenlets/GreenletReaper.swift",
    "Sources/Greenlets/GreenletSequence.swift",
    "Sources/Greenlets/GreenletStart.swift",
    "Sources/Greenlets/GreenletSwitch.swift",
    "Sources/Greenlets/GreenletThreads.swift",
    "Sources/Greenlets/GreenletTransfer.swift",
    "Sources/Greenlets/GreenletWatchdog.swift",
    "Sources/Greenlets/Messages.swift",
    "Sources/Greenlets/OverflowReport.swift",
    "Sources/Greenlets/SharedStarts.swift",
    "Sources/Greenlets/SliceCopies.swift",
    "Sources/Greenlets/SliceMover.swift",
    "Sources/Greenlets/SliceRegion.swift",
    "Sources/Greenlets/StackStrategy.swift",
    "Sources/Greenlets/StandardError.swift",
    "Sources/JemallocStacks/JemallocArena.swift",
    "Sources/JemallocStacks/JemallocControl.swift",
    "Sources/JemallocStacks/JemallocStackSource.swift",
    "Sources/Measurement/BatchRecorder.swift",
    "Sources/Measurement/ProcessMemory.swift",
    "Sources/ResultStore/ResultStore.swift",
    "Sources/Stacks/FrozenStack.swift",
    "Sources/Stacks/GuardRegistry.swift",
    "Sources/Stacks/MappedStackSource.swift",
    "Sources/Stacks/Stack.swift",
    "Sources/Stacks/StackDepth.swift",
    "Sources/Stacks/StackGuard.swift",
    "Sources/Stacks/StackPool.swift",
    "Sources/Stacks/StackPoolCore.swift",
    "Sources/Stacks/StackSlab.swift",
    "Sources/Stacks/StackTrimming.swift",
    "Sources/StoreStress/Child.swift",
    "Sources/StoreStress/FaultVFS.swift",
    "Sources/StoreStress/SmallDisk.swift",
    "Sources/Threads/Crew.swift",
    "Sources/Threads/Monitor.swift",
    "Sources/Threads/SerialThread.swift",
    "Sources/Threads/TaskThreads.swift",
    "Sources/WorkloadKit/Canary.swift",
    "Sources/WorkloadKit/CoroutineRow.swift",
    "Sources/Workloads/DummyCrash.swift",
    "Sources/bars/ShapeBars.swift", "Sources/differential/Defect.swift",
  ]

  /// A file is read in one sitting.
  static let linesMax = 400

  @Test(arguments: SourceFile.all)
  func opensWithItsPurpose(file: SourceFile) {
    let first = file.lines.first { !$0.hasPrefix("// swift-tools-version") } ?? ""
    #expect(
      first.wholeMatch(of: /\/\/ \S.*[.:?]/) != nil,
      "\(file.path): the first line says in one sentence what the file is")
  }

  @Test(arguments: SourceFile.all)
  func isReadInOneSitting(file: SourceFile) {
    #expect(
      file.lines.count <= Self.linesMax,
      "\(file.path): \(file.lines.count) lines; split it by what it is about")
  }

  @Test(arguments: SourceFile.all)
  func leavesNothingToDoInAComment(file: SourceFile) {
    // In two parts, or this file would be the first to fail.
    let word = "TO" + "DO"
    #expect(
      !file.lines.contains { $0.contains(word) }, "\(file.path): do it, or open an issue for it")
  }

  @Test(arguments: SourceFile.ofTargets)
  func importsLowerFloorsOnly(file: SourceFile) throws {
    let own = try #require(
      Self.floor(of: file.target), "\(file.path): give \(file.target) a floor in TidyTests")
    for imported in file.imports {
      guard let other = Self.floor(of: imported) else { continue }
      #expect(other < own, "\(file.path): \(file.target) may not import \(imported)")
    }
  }

  @Test(arguments: SourceFile.ofTargets)
  func keepsTheWingsApart(file: SourceFile) {
    let forbidden: Set<String> =
      if Self.engineWing.contains(file.target) {
        Self.recordWing
      } else if Self.recordWing.contains(file.target) {
        Self.engineWing
      } else {
        []
      }
    let crossing = forbidden.intersection(file.imports).sorted()
    #expect(
      crossing.isEmpty,
      "\(file.path): the wings meet in the hall only; \(file.target) may not import \(crossing)")
  }

  @Test(arguments: SourceFile.ofTargets)
  func leavesReservedImportsToTheirOwners(file: SourceFile) {
    for imported in file.imports {
      guard let owners = Self.reserved[imported] else { continue }
      #expect(
        owners.contains(file.target), "\(file.path): only \(owners.sorted()) may import \(imported)"
      )
    }
  }

  @Test func readsScenariosInOneFile() {
    let readers = SourceFile.ofTargets.filter { $0.imports.contains("Yams") }.map(\.path)
    #expect(readers.count <= 1, "only one file may import Yams: \(readers)")
  }

  @Test(arguments: SourceFile.ofTargets)
  func keepsUnsafeWhereItBelongs(file: SourceFile) {
    guard file.code.contains(/\bunsafe\b/) else { return }
    #expect(
      Self.unsafeFiles.contains(file.path), "\(file.path): move the unsafe code to a listed file")
  }

  @Test(arguments: Self.unsafeFiles.sorted())
  func listsNoFileWithoutNeed(path: String) throws {
    let file = SourceFile.ofTargets.first { $0.path == path }
    let code = try #require(file?.code, "\(path) is not there; take it off the list")
    #expect(code.contains(/\bunsafe\b/), "\(path) is safe by now; take it off the list")
  }

  @Test(arguments: SourceFile.targets)
  func namesTheTargetInTheArchitecture(target: String) throws {
    let text = try String(
      contentsOf: SourceFile.root.appending(path: "ARCHITECTURE.md"), encoding: .utf8)
    #expect(text.contains("`\(target)`"), "ARCHITECTURE.md: say what \(target) is, in a paragraph")
  }

  private static func floor(of target: String) -> Int? {
    floors.firstIndex { $0.contains(target) }
  }
}
