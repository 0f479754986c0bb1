// swift-tools-version: 6.2
// The floors of the house, ground first. A target may import only what stands above it here.

import PackageDescription

/// AddressSanitizer and jemalloc both replace malloc, so sanitizer builds leave jemalloc out.
let withJemalloc = Context.environment["GB_NO_JEMALLOC"] == nil

/// Only scripts/valgrind sets it: the calls that tell Valgrind of stacks need its headers.
let valgrindFlag: [CSetting] =
  Context.environment["GB_VALGRIND"] == nil ? [] : [.define("GB_VALGRIND")]

let strict: [SwiftSetting] = [
  .strictMemorySafety(),
  .treatAllWarnings(as: .error),
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("InternalImportsByDefault"),
  .enableUpcomingFeature("MemberImportVisibility"),
]

let grdb = Target.Dependency.product(name: "GRDB", package: "GRDB.swift")
let argumentParser = Target.Dependency.product(
  name: "ArgumentParser", package: "swift-argument-parser")
let hummingbird = Target.Dependency.product(name: "HummingbirdCore", package: "hummingbird")
let nio: [Target.Dependency] = [
  .product(name: "NIOCore", package: "swift-nio"),
  .product(name: "NIOHTTP1", package: "swift-nio"),
  .product(name: "NIOPosix", package: "swift-nio"),
]
let lifecycle = Target.Dependency.product(
  name: "ServiceLifecycle", package: "swift-service-lifecycle")
let signals = Target.Dependency.product(name: "UnixSignals", package: "swift-service-lifecycle")
let logging = Target.Dependency.product(name: "Logging", package: "swift-log")
let metrics = Target.Dependency.product(name: "Metrics", package: "swift-metrics")

let jemallocTargets: [Target] =
  withJemalloc
  ? [
    .systemLibrary(
      name: "CJemalloc", pkgConfig: "jemalloc",
      providers: [.apt(["libjemalloc-dev"]), .brew(["jemalloc"])]),
    .target(name: "CExtents", dependencies: ["CJemalloc"]),
    .target(
      name: "JemallocStacks", dependencies: ["CExtents", "CJemalloc", "Stacks"],
      swiftSettings: strict),
  ] : []
let jemallocStacks: [Target.Dependency] = withJemalloc ? ["JemallocStacks"] : []
let jemallocFlag: [SwiftSetting] = withJemalloc ? [.define("GB_JEMALLOC")] : []

let package = Package(
  name: "greenbench",
  products: [
    .library(name: "Greenlets", targets: ["Greenlets", "Stacks"]),
    .executable(name: "greenbench", targets: ["greenbench"]),
  ],
  dependencies: [
    .package(url: "https://github.com/groue/GRDB.swift.git", from: "7.10.0"),
    .package(url: "https://github.com/apple/swift-argument-parser.git", from: "1.8.2"),
    .package(url: "https://github.com/jpsim/Yams.git", from: "6.2.2"),
    // Its standard traits pull in a configuration library and all of Foundation.
    .package(
      url: "https://github.com/hummingbird-project/hummingbird.git", from: "2.28.1", traits: []),
    .package(url: "https://github.com/swift-server/swift-service-lifecycle.git", from: "2.13.0"),
    .package(url: "https://github.com/apple/swift-log.git", from: "1.16.2"),
    .package(url: "https://github.com/apple/swift-metrics.git", from: "2.13.0"),
    .package(url: "https://github.com/apple/swift-nio.git", from: "2.101.2"),
    .package(url: "https://github.com/apple/swift-nio-extras.git", from: "1.35.2"),
    .package(url: "https://github.com/apple/swift-http-types.git", from: "1.5.1"),
  ],
  targets: jemallocTargets + [
    // Floor 0: C and assembly.
    .target(name: "CSwitch"),
    .target(name: "CSanitizers", cSettings: valgrindFlag),
    .target(name: "CContexts"),
    .target(name: "CFaults"),
    .target(name: "CTasks"),
    .target(name: "CRegisters", dependencies: ["CContexts", "CSwitch"]),

    // Floor 1: memory; the machine's clocks and counters; threads.
    .target(name: "Threads", dependencies: ["CTasks"], swiftSettings: strict),
    .target(name: "Stacks", dependencies: ["CSanitizers", "CSwitch"], swiftSettings: strict),
    .target(name: "Measurement", dependencies: ["CContexts", "Reports"], swiftSettings: strict),

    // Floor 2: the engine's face; plain values.
    .target(
      name: "Greenlets", dependencies: ["CSanitizers", "CSwitch", "Stacks"],
      exclude: ["README.md"], swiftSettings: strict),
    .target(name: "Reports", swiftSettings: strict),

    // Floor 3: the contracts of the hall; the statistics of pairs.
    .target(name: "WorkloadKit", dependencies: ["Reports", "Stacks"], swiftSettings: strict),
    .target(name: "Comparison", dependencies: ["Reports"], swiftSettings: strict),
    .target(name: "DifferentialKit", dependencies: ["Greenlets"], swiftSettings: strict),
    .target(name: "StressKit", swiftSettings: strict),

    // Floor 4: one file a backend, one file a workload.
    .target(
      name: "Backends", dependencies: ["CContexts", "Greenlets", "Stacks", "WorkloadKit"],
      swiftSettings: strict),
    .target(name: "Workloads", dependencies: ["Stacks", "WorkloadKit"], swiftSettings: strict),

    // Floor 4, too: what the daemon and its clients say to each other.
    .target(name: "DaemonAPI", dependencies: ["Reports"], swiftSettings: strict),

    // Floor 5: the worker's side of the protocol; SQLite.
    .target(
      name: "WorkerService",
      dependencies: [
        "Backends", "CContexts", "Greenlets", "Measurement", "Reports", "Stacks", "WorkloadKit",
        "Workloads",
      ] + jemallocStacks,
      swiftSettings: strict + jemallocFlag),
    .target(
      name: "ResultStore", dependencies: ["DaemonAPI", "Reports", grdb], swiftSettings: strict),
    .target(
      name: "EngineStress",
      dependencies: [
        "Backends", "CContexts", "CFaults", "CRegisters", "CSanitizers", "DifferentialKit",
        "Greenlets", "Stacks", "StressKit", "WorkloadKit", "Workloads",
      ] + jemallocStacks,
      swiftSettings: strict + jemallocFlag),

    // Floors 6 to 9: the runner's side, the runner, the faces, the program.
    .target(name: "CSpawn"),
    .target(
      name: "Executor", dependencies: ["CSpawn", "Reports", "Threads"], swiftSettings: strict),
    .target(name: "CStoreFaults", linkerSettings: [.linkedLibrary("sqlite3")]),
    .target(
      name: "DaemonClient", dependencies: ["CSockets", "DaemonAPI", "Reports"] + nio,
      swiftSettings: strict),
    .target(
      name: "BenchmarkRunner",
      dependencies: [
        "Comparison", "Executor", "Reports", .product(name: "Yams", package: "Yams"),
      ],
      swiftSettings: strict),
    .target(
      name: "DaemonJobs",
      dependencies: [
        "BenchmarkRunner", "DaemonAPI", "Executor", "Reports", "ResultStore", "Threads",
        logging, metrics,
      ],
      swiftSettings: strict),
    .target(
      name: "StoreStress",
      dependencies: [
        "CContexts", "CStoreFaults", "DaemonAPI", "DaemonJobs", "Executor", "Reports",
        "ResultStore",
        "StressKit", logging,
      ],
      swiftSettings: strict),
    .target(
      name: "DaemonStress",
      dependencies: [
        "CSockets", "DaemonAPI", "DaemonServer", "Executor", "Reports", "ResultStore", "StressKit",
        "WorkerService",
      ],
      swiftSettings: strict),
    .target(
      name: "StressRunner", dependencies: ["Executor", "Reports", "StressKit"],
      swiftSettings: strict),
    .target(name: "CSockets"),
    .target(
      name: "DaemonServer",
      dependencies: [
        "CSockets", "DaemonAPI", "Reports", "Threads", hummingbird, lifecycle, logging, metrics,
        signals,
        .product(name: "HTTPTypes", package: "swift-http-types"),
        .product(name: "NIOExtras", package: "swift-nio-extras"),
        .product(name: "NIOHTTPTypes", package: "swift-nio-extras"),
        .product(name: "NIOHTTPTypesHTTP1", package: "swift-nio-extras"),
      ] + nio,
      resources: [.embedInCode("openapi.json")],
      swiftSettings: strict),
    .target(
      name: "GreenbenchCLI",
      dependencies: [
        "BenchmarkRunner", "CContexts", "CSpawn", "Comparison", "DaemonAPI", "DaemonClient",
        "DaemonJobs", "DaemonServer", "DaemonStress", "EngineStress", "Executor", "Measurement",
        "Reports", "ResultStore",
        "Stacks", "StoreStress", "StressKit", "StressRunner", "Threads", "WorkerService",
        argumentParser, logging, metrics,
      ] + jemallocStacks,
      swiftSettings: strict + jemallocFlag),
    .executableTarget(name: "greenbench", dependencies: ["GreenbenchCLI"], swiftSettings: strict),

    // The proof of the bars, for scripts/bench; not a product.
    .target(name: "CLimits"),
    .executableTarget(
      name: "bars",
      dependencies: [
        "Backends", "CContexts", "CLimits", "Greenlets", "Measurement", "Reports", "ResultStore",
        "Stacks", "WorkloadKit", "Workloads",
      ] + jemallocStacks,
      swiftSettings: strict + jemallocFlag),

    // The proof against CPython's greenlet, for scripts/differential; not a product.
    .executableTarget(
      name: "differential",
      dependencies: ["CFaults", "CSanitizers", "DifferentialKit", "Greenlets"],
      swiftSettings: strict),

    .testTarget(
      name: "GreenletsTests",
      dependencies: ["CFaults", "CSanitizers", "CSwitch", "Greenlets", "Stacks"],
      swiftSettings: strict),
    .testTarget(
      name: "StacksTests", dependencies: ["CSanitizers", "Greenlets", "Stacks"] + jemallocStacks,
      swiftSettings: strict),
    .testTarget(name: "TidyTests", swiftSettings: strict),
    .testTarget(name: "ThreadsTests", dependencies: ["Threads"], swiftSettings: strict),
    .testTarget(
      name: "ComparisonTests", dependencies: ["Comparison", "Reports"], swiftSettings: strict),
    .testTarget(
      name: "ResultStoreTests", dependencies: ["DaemonAPI", "Reports", "ResultStore", grdb],
      swiftSettings: strict),
    .testTarget(
      name: "ExecutorTests", dependencies: ["Executor", "Reports", "Threads"],
      swiftSettings: strict),
    .testTarget(
      name: "BenchmarkRunnerTests",
      dependencies: ["BenchmarkRunner", "Comparison", "Executor", "Reports"],
      swiftSettings: strict),
    .testTarget(
      name: "StressTests",
      dependencies: ["CRegisters", "EngineStress", "Reports", "StressKit", "StressRunner"],
      swiftSettings: strict),
    .testTarget(
      name: "DifferentialTests", dependencies: ["DifferentialKit"], swiftSettings: strict),
    .testTarget(
      name: "DaemonJobsTests",
      dependencies: [
        "BenchmarkRunner", "DaemonAPI", "DaemonJobs", "Executor", "Reports", "ResultStore", logging,
      ],
      swiftSettings: strict),
    .testTarget(
      name: "DaemonServerTests",
      dependencies: [
        "CSockets", "DaemonAPI", "DaemonClient", "DaemonServer", "Reports", signals,
        .product(name: "NIOCore", package: "swift-nio"),
        .product(name: "NIOEmbedded", package: "swift-nio"),
      ],
      swiftSettings: strict),
    // A daemon that says what a test wants; not a product.
    .target(
      name: "DaemonTestKit", dependencies: ["DaemonAPI", "DaemonClient", "Reports"] + nio,
      path: "Tests/DaemonTestKit", swiftSettings: strict),
    .testTarget(
      name: "DaemonClientTests",
      dependencies: ["DaemonAPI", "DaemonClient", "DaemonTestKit", "Reports"],
      swiftSettings: strict),
    .testTarget(
      name: "CommandTests",
      dependencies: [
        "DaemonAPI", "DaemonStress", "DaemonTestKit", "Reports", "StressKit", "WorkerService",
        "greenbench",
      ],
      swiftSettings: strict + jemallocFlag),
    .testTarget(
      name: "HallTests",
      dependencies: ["Backends", "Reports", "Stacks", "WorkerService", "WorkloadKit", "Workloads"],
      swiftSettings: strict),
  ]
)

// Sanitizer builds leave out what speaks HTTP: its libraries would be compiled anew for each.
if Context.environment["GB_NO_SERVER"] != nil {
  let server: Set = [
    "DaemonServer", "DaemonServerTests", "DaemonClient", "DaemonClientTests", "DaemonTestKit",
    "DaemonStress", "GreenbenchCLI", "greenbench", "CommandTests",
  ]
  package.targets.removeAll { server.contains($0.name) }
  package.products.removeAll { $0.name == "greenbench" }
}
