// The stress classes of the engine, in the order of the list.

public import StressKit

public enum EngineClasses {
  public static let all: [any StressClass] = [
    StackOverflow(),
    NearOverflow(),
    AddressLimit(),
    FailingOperation(),
    MapCount(),
    Misuse(),
    CoroutineMisuse(),
    Leaks(),
    Registers(),
    SignalStorm(),
    CrossThread(),
    Exclusivity(),
    Programs(),
  ]
}
