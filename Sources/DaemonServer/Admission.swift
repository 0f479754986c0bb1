// Who may ask over TCP: who knows the token, and came here on purpose.

import HTTPTypes

/// The checks of a connection that carries no peer's credentials.
struct Admission: Sendable {
  let port: UInt16
  let token: Token

  struct Objection: Error, Hashable {
    let status: Int
    let message: String
  }

  /// - Returns: nil when the request may be answered.
  func objection(host: String?, fields: HTTPFields) -> Objection? {
    // A page in a browser can have its own name resolved to 127.0.0.1, but not send another Host.
    guard let host, hosts.contains(host.lowercased()) else {
      return Objection(
        status: 403, message: "the Host is not this daemon's; ask for http://127.0.0.1:\(port)")
    }
    // No page has any business here, and a program sends no Origin.
    let isFromPage = fields.contains { field in
      field.name == .origin
        || (field.name.canonicalName == "sec-fetch-site" && field.value != "none")
    }
    if isFromPage {
      return Objection(
        status: 403, message: "this is a browser's request; use a program")
    }
    let given = fields[values: .authorization]
    guard given.count == 1, let text = given.first, text.lowercased().hasPrefix("bearer "),
      token.matches(text.dropFirst("bearer ".count))
    else {
      return Objection(
        status: 401,
        message: "the bearer token is missing or wrong; send that of the daemon's token file")
    }
    return nil
  }

  private var hosts: Set<String> {
    ["localhost:\(port)", "127.0.0.1:\(port)", "[::1]:\(port)"]
  }
}
