/** 16-bit samples: high bytes come from the model as a picture, what they leave open lies beside it as a PNG. */

import type { Rect } from '../geometry'
import { readPlane } from './planes'

/**
 * The samples of a part of a picture.
 *
 * Args:
 *   high: (h, w, C), the part's high bytes. packed: the rest; undefined where a preview has not got it, empty where every
 *     low byte equals its high byte. height, width: of the whole picture.
 *   part: rows and columns of it, every `step`-th of which are there.
 *   sampleMax: the source's samples were 0 … sampleMax and were scaled; 0 if they were not.
 *
 * Throws: FormatError, the rest is not a plane of this size.
 */
export function wide(
  high: Uint8Array, channels: number, packed: Uint8Array | undefined, height: number, width: number, part: Rect,
  step: number, sampleMax: number,
): Uint16Array {
  const out = new Uint16Array(high.length)
  if (!packed?.length) {
    for (let i = 0; i < high.length; i++) out[i] = high[i] * 257
    return out
  }
  const low = readPlane(packed, height * channels, width)
  const ranked = sampleMax > 255 && sampleMax < 2 ** 15
  const values = ranked ? scaled(sampleMax) : new Uint16Array(0)
  const first = Array.from({ length: 256 }, (_, byte) => (ranked ? values.findIndex((value) => value >= byte << 8) : 0))
  for (let y = part.top, i = 0; y < part.bottom; y += step)
    for (let x = part.left; x < part.right; x += step)
      for (let c = 0; c < channels; c++, i++) {
        const rest = low[(c * height + y) * width + x]
        out[i] = ranked ? values[Math.min(first[high[i]] + rest, sampleMax)] : (high[i] << 8) | rest
      }
  return out
}

/** What each sample of 0 … sampleMax was scaled to. */
export function scaled(sampleMax: number): Uint16Array {
  return Uint16Array.from({ length: sampleMax + 1 }, (_, s) => Math.floor((65535 * s + (sampleMax >> 1)) / sampleMax))
}
