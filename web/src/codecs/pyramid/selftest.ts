/** What each net makes of extremes and noise, as a hash that the weights file knows from where it was exported. */

import { sha256 } from '@noble/hashes/sha2.js'
import { bytesToHex } from '@noble/hashes/utils.js'
import { COLOURS, GROUPS, type Nets, rowBytes } from './nets'

const SHAPE = [2, 7, 9]
const ROWS = 70
const PIXEL_MAX = 255

/** 32 hexadecimal digits. */
export async function selftest(nets: Nets): Promise<string> {
  const digest = sha256.create()
  const [b, h, w] = SHAPE
  for (const level of nets.all) {
    let features: Uint8Array | undefined
    for (const [number, phase] of level.entries()) {
      const channels = COLOURS * (number + 1)
      const shape = [b, channels, h + 2, w + 2]
      const known = Float32Array.from(noise(b * channels * (h + 2) * (w + 2), 2 * PIXEL_MAX + 1), (v) => v - PIXEL_MAX)
      const [found, linear] = await phase.features(known, shape, features)
      digest.update(found.slice())
      digest.update(bytesOf(transposed(linear, b, h * w)))
      const rows = Uint8Array.from(noise(ROWS * rowBytes(phase.width), 256))
      for (let group = 0; group < GROUPS; group++) digest.update(bytesOf(await phase.head(group, rows)))
      features = Uint8Array.from(noise(found.length, 256))
    }
  }
  return bytesToHex(digest.digest()).slice(0, 32)
}

/** (B, 3, n) to (3, B, n). */
function transposed(x: Int32Array, b: number, n: number): Int32Array {
  const out = new Int32Array(x.length)
  for (let picture = 0; picture < b; picture++)
    for (let c = 0; c < COLOURS; c++)
      out.set(x.subarray((picture * COLOURS + c) * n, (picture * COLOURS + c + 1) * n), (c * b + picture) * n)
  return out
}

function bytesOf(x: Int32Array): Uint8Array {
  return new Uint8Array(x.buffer, x.byteOffset, x.byteLength).slice()
}

/** Numbers in 0 … below − 1, a third of them at one of the ends, in runs. */
function noise(count: number, below: number): Int32Array {
  return Int32Array.from({ length: count }, (_, n) => {
    const value = (Math.imul(n, 2654435761) >>> 8) % below
    return Math.floor(n / 50) % 3 === 0 ? Math.floor((value * 2) / below) * (below - 1) : value
  })
}
