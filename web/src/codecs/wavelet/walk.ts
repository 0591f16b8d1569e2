/**
 * The order in which wavelet coefficients are coded: the low band first, coarse samples before those between them; then
 * level by level, coarsest first, and within a level luma on the white fields of a chessboard, luma on the black ones,
 * the colours.
 */

import { breathe } from '../protocol'
import { guesses, stages } from './lowband'
import type { Setting } from './nets'
import { ALL, BANDS, BLACK, COLOURS, DETAILS, plainTable, placesOf, WHITE } from './places'
import type { Symbols } from './symbols'

/** Of sizes 0 … 255. */
const MAGNITUDES = Uint8Array.from({ length: 256 }, (_, size) =>
  Math.min(Math.floor(16 * Math.log2(1 + 0.8 * size) + 0.5), 127),
)
/** Nets see so many channels at a time. */
const FOLD = 4

/**
 * The low band (h, w, 3) and the details of the first `levels` levels, (2^k·h, 2^k·w, 9) each.
 *
 * Args: h, w: of the low band.
 */
export async function walk(
  setting: Setting, symbols: Symbols, h: number, w: number, levels: number, signal?: AbortSignal,
): Promise<Int32Array[]> {
  const [low, residual] = lowBand(setting, symbols, h, w)
  const parts = [low]
  let known = signed(residual, h, w, COLOURS, COLOURS)
  let features: Uint8Array | undefined
  for (let level = 0; level < levels; level++) {
    const nets = setting.levels[level]
    const rows = h * 2 ** level
    const columns = w * 2 ** level
    const values = new Int32Array(rows * columns * DETAILS)
    const before = level ? [rows / 2, columns / 2] : [rows, columns]
    const inputs = { known: grid(known, before), ...(features && { features: grid(features, before) }) }
    let [own, said] = await nets.white.run(inputs)
    const luma = { part: level + 1, first: 0, channels: BANDS }
    for (const fields of [WHITE, BLACK]) {
      put(values, columns, 0, BANDS, fields, symbols.next(luma, placesOf(said, rows, columns, BANDS, fields)))
      const net = fields === WHITE ? nets.black : nets.colours
      const seen = signed(values, rows, columns, BANDS, DETAILS)
      ;[own, said] = await net.run({ features: grid(own, [rows, columns]), known: grid(seen, [rows, columns]) })
    }
    features = own
    const colours = { part: level + 1, first: BANDS, channels: DETAILS - BANDS }
    const places = placesOf(said, rows, columns, DETAILS - BANDS, ALL)
    put(values, columns, BANDS, DETAILS - BANDS, ALL, symbols.next(colours, places))
    if (level + 1 < levels) known = signed(values, rows, columns, DETAILS, DETAILS)
    parts.push(values)
    await breathe(signal)
  }
  return parts
}

function grid(data: Uint8Array, [rows, columns]: number[]): { data: Uint8Array; shape: number[] } {
  return { data, shape: [1, rows, columns, data.length / rows / columns] }
}

/** The low band and what was coded of it, (h, w, 3). */
function lowBand(setting: Setting, symbols: Symbols, h: number, w: number): [Int32Array, Int32Array] {
  const low = new Int32Array(h * w * COLOURS)
  const residual = new Int32Array(low.length)
  for (const stage of stages(h, w)) {
    const guess = guesses(low, h, w, stage)
    const kinds = setting.lowIndex.length / COLOURS
    const table = guess.map((_, i) => plainTable(setting.lowIndex[(i % COLOURS) * kinds + stage.kind]))
    const group = { part: 0, first: 0, channels: COLOURS }
    const values = symbols.next(group, { table, turned: new Uint8Array(table.length) }, guess)
    stage.rows.forEach((row, i) => {
      for (let c = 0; c < COLOURS; c++) {
        const at = (row * w + stage.columns[i]) * COLOURS + c
        low[at] = values[i * COLOURS + c]
        residual[at] = low[at] - guess[i * COLOURS + c]
      }
    })
  }
  return [low, residual]
}

/** Writes the values (N, channels) of some fields into a level (h, w, 9), from channel `first` on. */
function put(to: Int32Array, w: number, first: number, channels: number, fields: number, values: Int32Array): void {
  const h = to.length / w / DETAILS
  const step = fields === ALL ? 1 : 2
  let n = 0
  for (let y = 0; y < h; y++)
    for (let x = fields === ALL ? 0 : (y + fields) & 1; x < w; x += step) {
      const at = (y * w + x) * DETAILS + first
      for (let k = 0; k < channels; k++) to[at + k] = values[n++]
    }
}

/** The first of the channels of integers (h, w, stride) as nets see them: magnitudes of positive ones, of negative ones, zeros. */
function signed(values: Int32Array, h: number, w: number, channels: number, stride: number): Uint8Array {
  const wide = Math.ceil((2 * channels) / FOLD) * FOLD
  const out = new Uint8Array(h * w * wide)
  for (let i = 0, from = 0, to = 0; i < h * w; i++, from += stride, to += wide)
    for (let k = 0; k < channels; k++) {
      const value = values[from + k]
      if (value > 0) out[to + k] = MAGNITUDES[Math.min(value, 255)]
      else if (value < 0) out[to + channels + k] = MAGNITUDES[Math.min(-value, 255)]
    }
  return out
}
