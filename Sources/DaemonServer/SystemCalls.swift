// The server's calls of the kernel, as values and errors.

import CSockets

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// What the kernel answered instead of doing it.
struct SystemFailure: Error, Hashable {
  let number: Int32

  /// As in "Permission denied".
  var reason: String {
    // SAFETY: strerror returns a terminated string that lives until this thread's next call.
    unsafe String(cString: strerror(number))
  }

  var isAbsence: Bool { number == ENOENT }
  var isLink: Bool { number == ELOOP || number == ENOTDIR }
  var isOccupied: Bool { number == EWOULDBLOCK }
  var isOfNoFile: Bool { number == EINVAL }
  var isUnsupported: Bool { number == EAFNOSUPPORT || number == EADDRNOTAVAIL }
}

/// An open file, folder or socket; closed when this value goes.
struct Descriptor: ~Copyable {
  let number: Int32

  /// Takes over what a call returned: a descriptor, or a negative error number.
  fileprivate init(_ result: Int32) throws(SystemFailure) {
    guard result >= 0 else { throw SystemFailure(number: -result) }
    number = result
  }

  /// Takes over what is open already.
  init(open number: Int32) { self.number = number }

  deinit { close(number) }

  /// Leaves it open.
  consuming func release() -> Int32 {
    let number = number
    discard self
    return number
  }
}

/// What lies at a name, or is open.
struct FileFacts: Hashable {
  enum Kind: Hashable { case folder, regular, socket, link, other }

  let kind: Kind

  /// The permission bits.
  let mode: UInt32
  let user: UInt32
  let links: UInt64
  let size: Int64
  let device: UInt64
  let inode: UInt64

  /// Whether it and another are one file.
  func isSame(as other: FileFacts) -> Bool { device == other.device && inode == other.inode }

  fileprivate init(_ file: gb_file) {
    var file = file
    // SAFETY: the four functions only read the value that they are lent.
    let isKind = unsafe (
      gb_is_folder(&file), gb_is_regular(&file), gb_is_socket(&file), gb_is_link(&file)
    )
    kind =
      switch isKind {
      case (1, _, _, _): .folder
      case (_, 1, _, _): .regular
      case (_, _, 1, _): .socket
      case (_, _, _, 1): .link
      default: .other
      }
    mode = file.mode
    user = file.uid
    links = file.links
    size = file.size
    device = file.device
    inode = file.inode
  }
}

// SAFETY: strings are lent as terminated C strings and buffers with their counts, for the length of
// the call; no function below keeps a pointer.
enum SystemCalls {
  static var user: UInt32 { geteuid() }

  static func openFolder(_ path: String) throws(SystemFailure) -> Descriptor {
    try Descriptor(unsafe gb_folder_open(path))
  }

  /// Makes a folder for the user alone, and those above it that are not there.
  static func makeFolder(_ path: String) throws(SystemFailure) {
    var made = ""
    for part in path.split(separator: "/", omittingEmptySubsequences: false) {
      made += (made.isEmpty && part.isEmpty) ? "/" : (made.hasSuffix("/") ? "" : "/") + part
      if !path.hasPrefix("/"), made.hasPrefix("/") { made.removeFirst() }
      guard unsafe mkdir(made, 0o700) != 0 else { continue }
      // What stands there already is looked at later; a root that is read-only says EROFS for it.
      let reason = errno
      guard unsafe access(made, F_OK) == 0 else { throw SystemFailure(number: reason) }
    }
  }

  static func openFile(
    _ name: String, in folder: borrowing Descriptor, for opening: gb_opening
  ) throws(SystemFailure) -> Descriptor {
    try Descriptor(unsafe gb_file_open(folder.number, name, opening))
  }

  static func facts(of descriptor: borrowing Descriptor) throws(SystemFailure) -> FileFacts {
    var found = gb_file()
    let reason = unsafe gb_file_of(descriptor.number, &found)
    guard reason == 0 else { throw SystemFailure(number: reason) }
    return FileFacts(found)
  }

  /// What lies at a name; nil where nothing is.
  ///
  /// A link is looked at itself.
  static func facts(
    of name: String, in folder: borrowing Descriptor
  ) throws(SystemFailure) -> FileFacts? {
    var found = gb_file()
    let reason = unsafe gb_file_at(folder.number, name, &found)
    if reason == ENOENT { return nil }
    guard reason == 0 else { throw SystemFailure(number: reason) }
    return FileFacts(found)
  }

  static func remove(
    _ name: String, from folder: borrowing Descriptor
  ) throws(SystemFailure) {
    guard unsafe unlinkat(folder.number, name, 0) == 0 else { throw SystemFailure(number: errno) }
  }

  static func lock(_ file: borrowing Descriptor) throws(SystemFailure) {
    let reason = gb_lock(file.number)
    guard reason == 0 else { throw SystemFailure(number: reason) }
  }

  /// The first bytes of a file.
  static func read(_ file: borrowing Descriptor, most: Int) throws(SystemFailure) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: most)
    let count = unsafe pread(file.number, &bytes, most, 0)
    guard count >= 0 else { throw SystemFailure(number: errno) }
    return [UInt8](bytes.prefix(count))
  }

  /// Makes a file consist of this text.
  static func replace(_ file: borrowing Descriptor, with text: String) throws(SystemFailure) {
    guard ftruncate(file.number, 0) == 0 else { throw SystemFailure(number: errno) }
    var written = 0
    let bytes = [UInt8](text.utf8)
    while written < bytes.count {
      let rest = [UInt8](bytes[written...])
      let count = unsafe pwrite(file.number, rest, rest.count, off_t(written))
      guard count > 0 else { throw SystemFailure(number: errno) }
      written += count
    }
  }

  /// Hands a line to standard error, whole as far as the kernel takes it.
  static func writeToStandardError(_ line: String) {
    let bytes = [UInt8](line.utf8)
    // A log that nobody can read must not stop what it is about.
    _ = unsafe write(STDERR_FILENO, bytes, bytes.count)
  }

  static func listen(onUnixSocket path: String) throws(SystemFailure) -> Descriptor {
    try Descriptor(unsafe gb_unix_listen(path, backlog))
  }

  static func listen(
    onLoopbackPort port: UInt16, isIPv6: Bool
  ) throws(SystemFailure) -> Descriptor {
    try Descriptor(gb_loopback_listen(isIPv6 ? 1 : 0, port, backlog))
  }

  static func describe(_ number: Int32) -> gb_socket {
    var found = gb_socket()
    unsafe gb_socket_describe(number, &found)
    return found
  }

  /// The clock that the service manager compares with.
  static var monotonicMicroseconds: Int64 {
    var now = timespec()
    // It fails for clocks only that there are not.
    _ = unsafe clock_gettime(CLOCK_MONOTONIC, &now)
    return Int64(now.tv_sec) * 1_000_000 + Int64(now.tv_nsec) / 1000
  }

  static func settle() { gb_settle() }

  static func keepFromChildren(_ number: Int32) { gb_close_on_exec(number) }

  static func notify(_ address: String, _ message: String) throws(SystemFailure) {
    let reason = unsafe gb_notify(address, message)
    guard reason == 0 else { throw SystemFailure(number: reason) }
  }

  private static let backlog: Int32 = 512
}
