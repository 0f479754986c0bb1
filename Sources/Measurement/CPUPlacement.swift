// Which CPU measures, and which ones do everything else.

import CContexts

/// Keeps whoever answers requests off the CPU that measures.
public enum CPUPlacement {
  /// Takes the last CPU of those that this process may use from all of its threads.
  ///
  /// - Returns: That CPU, for a worker; nil where there is only one, or it was refused.
  public static func leaveLastCPU() -> Int32? {
    let cpu = gb_leave_last_cpu()
    return cpu < 0 ? nil : cpu
  }
}
