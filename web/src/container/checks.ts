/** The two checks of docs/format.md, "Conventions". */

/** Sections from so many bytes on have a check of 32 bits. */
const LONG = 4096

const CRC16 = Uint16Array.from({ length: 256 }, (_, byte) => {
  let crc = byte << 8
  for (let bit = 0; bit < 8; bit++) crc = crc & 0x8000 ? (crc << 1) ^ 0x1021 : crc << 1
  return crc
})

/** Eight tables: table k is what a byte does k bytes later. */
const CRC32 = Array.from({ length: 8 }, () => new Uint32Array(256))
for (let byte = 0; byte < 256; byte++) {
  let crc = byte
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1
  CRC32[0][byte] = crc >>> 0
}
for (let k = 1; k < 8; k++)
  for (let byte = 0; byte < 256; byte++) {
    const before = CRC32[k - 1][byte]
    CRC32[k][byte] = CRC32[0][before & 255] ^ (before >>> 8)
  }

/** CRC-16/IBM-3740. */
export function crc16(bytes: Uint8Array): number {
  let crc = 0xffff
  for (const byte of bytes) crc = ((crc << 8) & 0xffff) ^ CRC16[(crc >> 8) ^ byte]
  return crc
}

/** CRC-32 as in zlib and PNG. Args: before: of the bytes before these, to go on from there. */
export function crc32(bytes: Uint8Array, before = 0): number {
  const [t0, t1, t2, t3, t4, t5, t6, t7] = CRC32
  let crc = ~before
  let i = 0
  for (; i + 8 <= bytes.length; i += 8) {
    crc ^= bytes[i] | (bytes[i + 1] << 8) | (bytes[i + 2] << 16) | (bytes[i + 3] << 24)
    crc =
      t7[crc & 255] ^ t6[(crc >>> 8) & 255] ^ t5[(crc >>> 16) & 255] ^ t4[crc >>> 24] ^
      t3[bytes[i + 4]] ^ t2[bytes[i + 5]] ^ t1[bytes[i + 6]] ^ t0[bytes[i + 7]]
  }
  for (; i < bytes.length; i++) crc = t0[(crc ^ bytes[i]) & 255] ^ (crc >>> 8)
  return ~crc >>> 0
}

/** One checksum for all tiles: the CRC-32 of their own, each as 4 bytes little-endian, in order. */
export function combined(crcs: number[]): number {
  return crc32(new Uint8Array(Uint32Array.from(crcs).buffer))
}

/** Bytes of the check of a section of so many bytes: 0, 2 or 4. */
export function checkBytes(length: number): number {
  return length === 0 ? 0 : length < LONG ? 2 : 4
}

/** The check of a section. */
export function check(bytes: Uint8Array): number {
  const width = checkBytes(bytes.length)
  return width === 0 ? 0 : width === 2 ? crc16(bytes) : crc32(bytes)
}
