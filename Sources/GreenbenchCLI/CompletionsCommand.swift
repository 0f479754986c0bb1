// `greenbench completions`: scripts that complete commands in a shell.

import ArgumentParser

/// `greenbench completions <bash|zsh|fish>`.
struct CompletionsCommand: ParsableCommand {
  enum Shell: String, CaseIterable, ExpressibleByArgument {
    case bash, zsh, fish

    var parsers: CompletionShell {
      switch self {
      case .bash: .bash
      case .zsh: .zsh
      case .fish: .fish
      }
    }
  }

  static let configuration = CommandConfiguration(
    commandName: "completions", abstract: "Prints a completion script for a shell.")

  @Argument(help: "The shell: bash, zsh or fish.")
  var shell: Shell

  func run() { print(GreenbenchCommand.completionScript(for: shell.parsers)) }
}
