// Folders of trials: removed even when a trial has locked itself out of them.

public import Foundation

public enum Scratch {
  /// Removes a folder and all below it.
  public static func remove(_ folder: URL) {
    do {
      try FileManager.default.removeItem(at: folder)
    } catch {
      // A trial may have taken its own rights away: they come back, top down, and then it goes.
      let below = FileManager.default.enumerator(at: folder, includingPropertiesForKeys: nil)
      while let item = below?.nextObject() as? URL {
        // What is gone meanwhile needs no rights.
        try? FileManager.default.setAttributes([.posixPermissions: 0o700], ofItemAtPath: item.path)
      }
      // What still cannot be removed lies in the system's temporary folder, which is emptied by others.
      try? FileManager.default.removeItem(at: folder)
    }
  }
}
