// The description of the API, as it lies beside this file and is served.

import NIOCore

enum OpenAPIDocument {
  /// `openapi.json`, byte for byte; all answers share it.
  static let bytes = ByteBuffer(bytes: PackageResources.openapi_json)
}
