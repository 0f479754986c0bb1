// Trials that failed once: every run makes them first, whatever its seed is.

/// Tokens of trials that failed once, in any commit, machine or night.
///
/// A token is added when its defect is mended, and stays; it means the same schedule only as long as the
/// class draws as it did, which costs nothing but one more trial when it no longer does.
public enum Regressions {
  public static let tokens: [String] = [
    // An error register that a switch left as it was; a circle of parents that was walked round; one that
    // held itself while it ended another one.
    "programs/0x1/4", "programs/0x1/381", "programs/0xb/146",
    // A circle of parents that a kill left behind.
    "programs/0x4a5e09ffc273a68c/3777~0-2399",
    // One that was ended twice at once got its own child back as a parent.
    "programs/0x4d/2067",
    // After a shortage of descriptors somebody new waited for turns of 250 ms each.
    "descriptors/0xe4783f724a20055f/0",
  ]
}
