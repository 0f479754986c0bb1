// Refusals as problem documents (RFC 9457).

import DaemonAPI

enum Problem {
  static let contentType = "application/problem+json"

  /// The document; short enough to be written by hand.
  static func bytes(status: Int, code: Refusal.Code, _ message: String) -> [UInt8] {
    let title = titles[status] ?? "Error"
    return [UInt8](
      """
      {"code":"\(code.rawValue)","detail":\(LogLines.quoted(message)),"status":\(status),\
      "title":"\(title)","type":"about:blank"}
      """.utf8)
  }

  private static let titles: [Int: String] = [
    400: "Bad Request", 401: "Unauthorized", 403: "Forbidden", 404: "Not Found",
    405: "Method Not Allowed", 409: "Conflict", 413: "Content Too Large", 414: "URI Too Long",
    415: "Unsupported Media Type", 422: "Unprocessable Content", 429: "Too Many Requests",
    431: "Request Header Fields Too Large", 500: "Internal Server Error",
    501: "Not Implemented", 503: "Service Unavailable", 505: "HTTP Version Not Supported",
  ]
}
