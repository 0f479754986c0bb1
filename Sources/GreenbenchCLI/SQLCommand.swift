// `greenbench sql`: a question to the store in its own language.

import ArgumentParser
import ResultStore

/// Prints the answer to one SELECT; the connection cannot write.
struct SQLCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "sql", abstract: "Ask the result store in SQL; nothing can be changed.")

  @Argument(help: ArgumentHelp("One SELECT statement.", valueName: "select"))
  var statement: String

  @Flag(help: "Print a JSON array with an object for each row; every value is a string.")
  var json = false

  @OptionGroup var store: StoreOptions

  func run() throws {
    let answer = try store.open().query(statement)
    if json {
      let objects = answer.rows.map { row in
        // Of two columns with one name, the last is kept, as in JavaScript.
        Dictionary(zip(answer.columns, row)) { _, last in last }
      }
      print(try JSONDocument.text(objects))
    } else {
      var table = TextTable(answer.columns)
      table.rows = answer.rows
      print(table.text(width: .max, shrinking: [], dropping: []))
    }
  }
}
