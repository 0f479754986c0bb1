// The stress classes of the daemon and its workers, in the order of the list.

public import StressKit

public enum DaemonClasses {
  public static let all: [any StressClass] = []
}
