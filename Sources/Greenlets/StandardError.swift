// Lines on standard error, whole even when threads write at once.

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

enum StandardError {
  /// Writes a text in as few pieces as the system allows.
  ///
  /// A file that cannot be written to is given up: there is nowhere to complain.
  static func write(_ text: String, to file: Int32 = 2) {
    var rest = Array(text.utf8)[...]
    while !rest.isEmpty {
      let count = unsafe rest.withUnsafeBytes { bytes in
        #if canImport(Glibc)
          unsafe Glibc.write(file, bytes.baseAddress, bytes.count)
        #else
          unsafe Darwin.write(file, bytes.baseAddress, bytes.count)
        #endif
      }
      if count < 0 && errno == EINTR { continue }
      guard count > 0 else { return }
      rest = rest.dropFirst(count)
    }
  }
}
