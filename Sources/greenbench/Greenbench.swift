// The program: hands the command line to GreenbenchCLI.

import Dispatch
import Foundation
import GreenbenchCLI

@main
enum Greenbench {
  // Not `async`: then another thread than the first would run our first line.
  static func main() {
    let arguments = Array(CommandLine.arguments.dropFirst())
    GreenbenchCommand.prepare(arguments)
    Task { @MainActor in exit(await GreenbenchCommand.execute(arguments)) }
    dispatchMain()
  }
}
