// One path of the API, and how the right one is found.

import DaemonAPI
import HTTPTypes

struct Route: Sendable {
  let method: HTTPRequest.Method

  /// As in `/v1/jobs/{id}`: what stands in braces stands for any one part.
  let template: String

  /// As in `GET /v1/jobs/{id}`.
  var name: String { "\(method.rawValue) \(template)" }

  /// The names that its query may have.
  let queryNames: Set<String>
  let takesBody: Bool
  let answer: @Sendable (Call) async throws(Refusal) -> Answer

  private let parts: [Substring]

  init(
    _ method: HTTPRequest.Method, _ template: String, query: Set<String> = [],
    takesBody: Bool = false, answer: @escaping @Sendable (Call) async throws(Refusal) -> Answer
  ) {
    self.method = method
    self.template = template
    queryNames = query
    self.takesBody = takesBody
    self.answer = answer
    parts = template.dropFirst().split(separator: "/", omittingEmptySubsequences: false)
  }

  /// What stands in the place of the braces; nil when the path is another one.
  func match(_ path: [String]) -> [String]? {
    guard path.count == parts.count else { return nil }
    var found: [String] = []
    for (part, text) in zip(parts, path) {
      if part.hasPrefix("{") {
        guard !text.isEmpty else { return nil }
        found.append(text)
      } else if part != text {
        return nil
      }
    }
    return found
  }
}

/// All paths.
struct RouteTable: Sendable {
  let routes: [Route]

  enum Match {
    case route(Route, parts: [String])

    /// The path is there, but not for this method.
    case otherMethod(template: String, allowed: [HTTPRequest.Method])
    case nothing
  }

  func match(_ method: HTTPRequest.Method, _ path: [String]) -> Match {
    let found = routes.compactMap { route in route.match(path).map { (route, $0) } }
    if let (route, parts) = found.first(where: { $0.0.method == method }) {
      return .route(route, parts: parts)
    }
    guard let (other, _) = found.first else { return .nothing }
    return .otherMethod(template: other.template, allowed: found.map(\.0.method))
  }
}

extension RouteTable {
  /// Whether any route has this method.
  func knows(_ method: HTTPRequest.Method) -> Bool { routes.contains { $0.method == method } }
}
