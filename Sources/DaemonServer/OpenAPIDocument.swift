// The description of the API, as it lies beside this file and is served.

enum OpenAPIDocument {
  /// `openapi.json`, byte for byte.
  static let text = String(decoding: PackageResources.openapi_json, as: UTF8.self)
}
