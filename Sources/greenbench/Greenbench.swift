// The program: hands the command line to GreenbenchCLI.

import Foundation
import GreenbenchCLI

@main
enum Greenbench {
  static func main() async {
    exit(await GreenbenchCommand.execute(Array(CommandLine.arguments.dropFirst())))
  }
}
