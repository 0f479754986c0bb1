// What somebody wants measured, and under which conditions.

public import Reports

/// A run to be done by the daemon.
public struct JobRequest: Codable, Hashable, Sendable {
  public var scenario: Scenario

  /// For the record: how it was asked for.
  public var commandLine: String

  /// Who asks: jobs of one priority are taken from the clients in turns.
  ///
  /// The daemon puts the user behind the connection in place of nil.
  public var client: String?

  /// In `DaemonProtocol.priorities`; a greater one goes first.
  public var priority: Int

  /// Whether the job begins anew when the daemon ended in the middle of it.
  public var resumes: Bool

  /// What the machine has to be like before it begins.
  public var quiet: QuietCondition?

  /// The most seconds that measuring may take; what is complete by then is stored.
  public var timeBudgetSeconds: Double?

  public init(
    scenario: Scenario, commandLine: String = "", client: String? = nil, priority: Int = 0,
    resumes: Bool = true, quiet: QuietCondition? = nil, timeBudgetSeconds: Double? = nil
  ) {
    self.scenario = scenario
    self.commandLine = commandLine
    self.client = client
    self.priority = priority
    self.resumes = resumes
    self.quiet = quiet
    self.timeBudgetSeconds = timeBudgetSeconds
  }

  enum CodingKeys: String, CodingKey {
    case scenario, client, priority, resumes, quiet
    case commandLine = "command_line"
    case timeBudgetSeconds = "time_budget_s"
  }

  /// Reads a request: only the scenario has to be there.
  public init(from decoder: any Decoder) throws {
    let values = try decoder.container(keyedBy: CodingKeys.self)
    self.init(
      scenario: try values.decode(Scenario.self, forKey: .scenario),
      commandLine: try values.decodeIfPresent(String.self, forKey: .commandLine) ?? "",
      client: try values.decodeIfPresent(String.self, forKey: .client),
      priority: try values.decodeIfPresent(Int.self, forKey: .priority) ?? 0,
      resumes: try values.decodeIfPresent(Bool.self, forKey: .resumes) ?? true,
      quiet: try values.decodeIfPresent(QuietCondition.self, forKey: .quiet),
      timeBudgetSeconds: try values.decodeIfPresent(Double.self, forKey: .timeBudgetSeconds))
  }
}

/// When a machine is quiet enough to measure on.
public struct QuietCondition: Codable, Hashable, Sendable {
  /// Percent of the last ten seconds in which some task waited for a CPU (PSI `some avg10`).
  public var pressurePercentMax: Double

  /// How long to wait for it; then the job expires without having run.
  public var deadlineSeconds: Double

  public init(pressurePercentMax: Double, deadlineSeconds: Double) {
    self.pressurePercentMax = pressurePercentMax
    self.deadlineSeconds = deadlineSeconds
  }

  enum CodingKeys: String, CodingKey {
    case pressurePercentMax = "pressure_percent_max"
    case deadlineSeconds = "deadline_s"
  }
}
