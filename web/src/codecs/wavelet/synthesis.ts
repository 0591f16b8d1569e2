/** Wavelet coefficients to pixels, in integers. */

import { checked, type Native } from '../../coding/native'
import type { Rect } from '../../geometry'
import type { Latents, Part } from '../protocol'
import type { Setting } from './nets'
import { COLOURS, DETAILS } from './places'

/** Middle grey, in 1/32 of a pixel value, which samples are relative to. */
const GREY = (32 * 255) / 2
/** Sides of what the filter sees are multiples of this. */
const FILTER_PX = 8
const BLOCK = 4

/** Coefficients of symbols (rows, columns, C), channels first. */
export function dequantized(symbols: Int32Array, multipliers: Int32Array, latents: number): Part {
  const channels = multipliers.length
  const area = symbols.length / channels
  const data = new Int16Array(symbols.length)
  for (let c = 0; c < channels; c++) {
    const multiplier = multipliers[c]
    for (let i = 0, from = c, to = c * area; i < area; i++, from += channels, to++) {
      const value = symbols[from]
      if (value) data[to] = Math.max(-32768, Math.min(32767, (value * multiplier + 128) >> 8))
    }
  }
  return { channels, scale: Math.sqrt(area / latents), data }
}

/** Details that are not there. */
export function nothing(level: number, latents: number): Part {
  return { channels: DETAILS, scale: 2 ** level, data: new Int16Array(DETAILS * 4 ** level * latents) }
}

/** A picture before the filter, (h, w, 3). */
export interface Drawn {
  height: number
  width: number
  /** Relative to middle grey, in 1/32 of a pixel value. */
  samples: Int16Array
  /** The same, rounded to pixels. */
  pixels: Uint8Array
}

/** The picture of all parts, each level of which doubles its size. */
export function drawn(native: Native, latents: Latents): Drawn {
  const [low, ...details] = latents.parts
  return native.scoped(() => {
    let [h, w] = [latents.height, latents.width]
    let now = native.put(low.data as Int16Array)
    for (const part of details) {
      const out = native.take(2 * COLOURS * 4 * h * w)
      checked(native.call.merge(now, native.put(part.data as Int16Array), out, h, w))
      now = out
      h *= 2
      w *= 2
    }
    const n = h * w
    const [samples, pixels] = [native.take(6 * n), native.take(3 * n)]
    native.call.rgb(now, samples, pixels, n)
    return { height: h, width: w, samples: native.shorts(samples, 3 * n), pixels: native.bytes(pixels, 3 * n) }
  })
}

/** A window of a picture as it is, (h, w, 3). */
export function cropped({ pixels, width }: Drawn, window: Rect): Uint8Array {
  const out = new Uint8Array(3 * window.height * window.width)
  for (let y = 0; y < window.height; y++) {
    const from = 3 * ((window.top + y) * width + window.left)
    out.set(pixels.subarray(from, from + 3 * window.width), 3 * y * window.width)
  }
  return out
}

/** A window of a picture, filtered. Args: reachPx: how far around the window the filter looks. */
export async function filtered(picture: Drawn, window: Rect, setting: Setting, reachPx: number): Promise<Uint8Array> {
  const [top, bottom] = around(window.top, window.height, picture.height, reachPx)
  const [left, right] = around(window.left, window.width, picture.width, reachPx)
  const rows = (bottom - top) / BLOCK
  const columns = (right - left) / BLOCK
  const blocks = new Uint8Array(rows * columns * 48)
  each(rows, columns, (y, x, block) => {
    const from = 3 * ((top + y) * picture.width + left + x)
    for (let k = 0; k < 3 * BLOCK; k++) blocks[block + k] = picture.pixels[from + k]
  })
  const [found] = await setting.filter.run({ pixels: { data: blocks, shape: [1, rows, columns, 48] } })
  const out = new Uint8ClampedArray(3 * window.height * window.width)
  each(rows, columns, (y, x, block) => {
    const row = top + y - window.top
    if (row < 0 || row >= window.height) return
    const first = left + x - window.left
    const from = 3 * ((top + y) * picture.width + left + x)
    for (let k = 0; k < 3 * BLOCK; k++) {
      const to = 3 * first + k
      if (to < 0 || to >= 3 * window.width) continue
      const exact = (picture.samples[from + k] + GREY) * 128 + (found[block + k] - 128) * setting.gain + 2048
      out[3 * row * window.width + to] = exact >> 12
    }
  })
  return new Uint8Array(out.buffer)
}

/** Rows of four pixels of all blocks: where each begins in the picture, and where in the blocks. */
function each(rows: number, columns: number, see: (y: number, x: number, block: number) => void): void {
  for (let row = 0; row < rows; row++)
    for (let y = 0; y < BLOCK; y++)
      for (let column = 0; column < columns; column++)
        see(BLOCK * row + y, BLOCK * column, (row * columns + column) * 48 + y * 3 * BLOCK)
}

/** What the filter sees along an axis: the window and its reach, in whole cells of the filter. */
function around(start: number, length: number, size: number, reachPx: number): [number, number] {
  const first = Math.floor(Math.max(start - reachPx, 0) / FILTER_PX) * FILTER_PX
  const last = Math.ceil((start + length + reachPx) / FILTER_PX) * FILTER_PX
  return [first, Math.min(last, size)]
}
