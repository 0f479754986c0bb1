// The stress classes of the result store, in the order of the list.

public import StressKit

public enum StoreClasses {
  public static let all: [any StressClass] = [
    DiskFull(),
    ReadOnlyStore(),
    IOErrors(),
    CrashWrites(),
    DamagedStore(),
    WALStarvation(),
    ManyWriters(),
    ClockJumps(),
  ]
}
