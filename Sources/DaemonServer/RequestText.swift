// A request's texts as the server reads them, without a server: for programs that look at what it takes.

public import DaemonAPI

/// Reads what a request says, and refuses what is not of the language.
public enum RequestText {
  /// The body of `POST /v1/jobs`.
  ///
  /// - Throws: The refusal that its sender gets.
  /// - Complexity: O(length); memory in the order of the body.
  public static func job(_ body: [UInt8]) throws(Refusal) -> JobRequest {
    let request = try call(body).decode(JobRequest.self, shape: RequestChecks.job)
    try RequestChecks.check(request)
    return request
  }

  /// The target of a request: its path and its query, decoded.
  ///
  /// - Throws: The refusal that its sender gets.
  public static func target(_ text: String) throws(Refusal) -> (path: [String], query: [String]) {
    let target = try Target(text)
    return (target.path, target.query.flatMap { [$0.name, $0.value] })
  }

  private static func call(_ body: [UInt8]) -> Call {
    Call(parts: [], query: [:], body: body, client: "")
  }
}
