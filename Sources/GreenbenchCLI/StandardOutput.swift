// Lines that readers see at once, also through a pipe.

import Foundation

/// Standard output without a buffer, for what is shown while it happens.
enum StandardOutput {
  static func line(_ text: String) { write(text + "\n") }

  static func write(_ text: String) {
    do {
      try FileHandle.standardOutput.write(contentsOf: Data(text.utf8))
    } catch {
      // Nobody reads any more (`| head`): there is nothing left to do.
      exit(ExitCodes.ok.rawValue)
    }
  }
}
