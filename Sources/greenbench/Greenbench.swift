// The program: hands the command line to GreenbenchCLI.

import Dispatch
import Foundation
import GreenbenchCLI

@main
enum Greenbench {
  // Not `async`: then the first thread would be gone before a line of ours is run.
  static func main() {
    let arguments = Array(CommandLine.arguments.dropFirst())
    GreenbenchCommand.prepare(arguments)
    Task { @MainActor in exit(await GreenbenchCommand.execute(arguments)) }
    dispatchMain()
  }
}
