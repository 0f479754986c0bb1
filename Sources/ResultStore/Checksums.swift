// CRC-32C, which finds damage in a blob; and the 128-bit FNV-1a hash, which finds equal texts.

/// The CRC of iSCSI and ext4: finds every error burst of up to 32 bits.
enum CRC32C {
  /// The checksum of some bytes.
  static func of(_ bytes: [UInt8]) -> UInt32 {
    var crc = UInt32.max
    for byte in bytes { crc = (crc >> 8) ^ table[Int(UInt8(truncatingIfNeeded: crc) ^ byte)] }
    return ~crc
  }

  private static let table: [UInt32] = (0..<256).map { byte in
    var crc = UInt32(byte)
    for _ in 0..<8 { crc = (crc >> 1) ^ (crc & 1 == 1 ? 0x82F6_3B78 : 0) }
    return crc
  }
}

/// Names of rows by their content.
///
/// They keep equal rows single, and are no guard against forgery.
enum ContentHash {
  /// 32 hexadecimal digits.
  static func of(_ text: String) -> String {
    var hash: UInt128 = 0x6C62_272E_07BB_0142_62B8_2175_6295_C58D
    for byte in text.utf8 { hash = (hash ^ UInt128(byte)) &* 0x0100_0000_0000_0000_0000_013B }
    let digits = String(hash, radix: 16)
    return String(repeating: "0", count: 32 - digits.count) + digits
  }
}
