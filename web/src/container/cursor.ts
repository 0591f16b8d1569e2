/** Cautious reading of bytes: never past their end, and no number in more bytes than it needs. */

import { FormatError, TruncatedError } from '../errors'

/** A place in `bytes` that moves on as fields are read. */
export class Cursor {
  constructor(
    readonly bytes: Uint8Array,
    public at = 0,
  ) {}

  /** The next `count` bytes. Throws: TruncatedError, if there are fewer. */
  take(count: number, what: string): Uint8Array {
    const end = this.at + count
    if (end > this.bytes.length)
      throw new TruncatedError(
        `the data end at byte ${this.bytes.length}, within the ${what}, which goes on to byte ${end}; fetch the whole file again`,
      )
    const start = this.at
    this.at = end
    return this.bytes.subarray(start, end)
  }

  /** The next `count` bytes, at most 4, as a little-endian integer. */
  uint(count: number, what: string): number {
    return littleEndian(this.take(count, what))
  }

  /** The next varint. Throws: FormatError, if it exceeds `maximum`, below 2^53, or is longer than it need be. */
  varint(maximum: number, what: string): number {
    let value = 0
    for (let place = 1; ; place *= 128) {
      const byte = this.uint(1, what)
      value += (byte & 0x7f) * place
      if (value > maximum || place > 2 ** 49) throw new FormatError(`${what} is more than ${maximum}; the file is damaged`)
      if (byte >= 0x80) continue
      if (byte === 0 && place > 1)
        throw new FormatError(`${what} is written in more bytes than it needs; the file is damaged`)
      return value
    }
  }
}

/** Up to 4 bytes as an unsigned integer. */
export function littleEndian(bytes: Uint8Array): number {
  let value = 0
  for (let i = bytes.length - 1; i >= 0; i--) value = value * 256 + bytes[i]
  return value
}
