// The stress classes of the daemon and its workers, in the order of the list.

public import StressKit

public enum DaemonClasses {
  public static let all: [any StressClass] = [
    Harness(),
    ExecutorContract(),
    DaemonKill(),
    ClientDeath(),
    ConcurrentClients(),
    Malformed(),
    SlowClients(),
    Attacks(),
    Descriptors(),
    DaemonSoak(),
    ObserverEffect(),
    Reproducibility(),
    Drain(),
  ]
}
