// The document of the API and the API are one.

import DaemonAPI
import Foundation
import Testing

@testable import DaemonServer

struct DocumentTests {
  static let file = URL(filePath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().deletingLastPathComponent()
    .appending(path: "Sources/DaemonServer/openapi.json")

  /// "GET /v1/jobs", of the document.
  static func operations() throws -> Set<String> {
    let document = try JSONSerialization.jsonObject(with: try Data(contentsOf: file))
    let paths = try #require((document as? [String: Any])?["paths"] as? [String: [String: Any]])
    return Set(
      paths.flatMap { path, methods in methods.keys.map { "\($0.uppercased()) \(path)" } })
  }

  @Test func everyRouteIsInTheDocumentAndTheOtherWayRound() throws {
    let api = API(service: FakeService(), metrics: MetricsRegistry(), version: "1")
    let routes = Set(api.table.routes.map(\.name))
    #expect(routes == (try Self.operations()))
  }

  @Test func everyQueryNameIsInTheDocument() throws {
    let document = try JSONSerialization.jsonObject(with: try Data(contentsOf: Self.file))
    let paths = try #require((document as? [String: Any])?["paths"] as? [String: [String: Any]])
    let api = API(service: FakeService(), metrics: MetricsRegistry(), version: "1")
    for route in api.table.routes {
      let method = route.name.prefix { $0 != " " }.lowercased()
      let operation = paths[route.template]?[method] as? [String: Any]
      let parameters = operation?["parameters"] as? [[String: Any]] ?? []
      let names = parameters.filter { $0["in"] as? String == "query" }
        .compactMap { $0["name"] as? String }
      #expect(Set(names) == route.queryNames, "\(route.template)")
      #expect((operation?["requestBody"] != nil) == route.takesBody, "\(route.template)")
    }
  }

  @Test func isServedByteForByte() async throws {
    let committed = try String(contentsOf: Self.file, encoding: .utf8)
    try await withServer { server in
      let reply = try await server.get("/v1/openapi.json")
      #expect(reply.body == committed)
      #expect(reply.field("Content-Type") == "application/json")
    }
  }

  @Test func namesTheStatesAndKindsThatThereAre() throws {
    let text = try String(contentsOf: Self.file, encoding: .utf8)
    let words =
      Job.State.allCases.map(\.rawValue) + DaemonEvent.Kind.allCases.map(\.rawValue)
      + Refusal.Code.allCases.map(\.rawValue)
    for word in words { #expect(text.contains("\"\(word)\""), "\(word)") }
  }
}
