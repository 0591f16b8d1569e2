/** The low band: samples from coarse to fine, each predicted from the known ones around it. */

import { COLOURS } from './places'

const KINDS = 9
const DIAGONAL = [[-1, -1], [-1, 1], [1, -1], [1, 1]] as const
const SIDES = [[-1, 0], [1, 0], [0, -1], [0, 1]] as const

/** Samples that are known at the same time. */
export interface Stage {
  /** Stages that statistics tell apart, 0 … 8. */
  kind: number
  rows: number[]
  columns: number[]
  /** Distance of the neighbours that they are guessed from. */
  stride: number
  around: readonly (readonly [number, number])[]
}

/** The stages of a band, in order: every sample is in exactly one. */
export function stages(height: number, width: number): Stage[] {
  const found: Stage[] = [{ kind: 0, rows: [0], columns: [0], stride: 0, around: [] }]
  let stride = 1
  while (stride < Math.max(height, width)) stride *= 2
  for (; stride > 1; stride /= 2) {
    const step = stride / 2
    const kind = Math.max(KINDS - 2 * (Math.log2(step) + 1), 1)
    const diagonal: Stage = { kind, rows: [], columns: [], stride: step, around: DIAGONAL }
    const sides: Stage = { kind: kind + 1, rows: [], columns: [], stride: step, around: SIDES }
    for (let y = 0; y < height; y += step)
      for (let x = 0; x < width; x += step) {
        const [oddRow, oddColumn] = [y % stride === step, x % stride === step]
        if (!oddRow && !oddColumn) continue
        const stage = oddRow && oddColumn ? diagonal : sides
        stage.rows.push(y)
        stage.columns.push(x)
      }
    found.push(diagonal, sides)
  }
  return found
}

/** Means, rounded, of those neighbours of a stage's samples that lie inside the band x (h, w, 3): (N, 3). */
export function guesses(x: Int32Array, height: number, width: number, stage: Stage): Int32Array {
  const out = new Int32Array(stage.rows.length * COLOURS)
  for (let i = 0; i < stage.rows.length; i++)
    for (let c = 0; c < COLOURS; c++) {
      let total = 0
      let count = 0
      for (const [dy, dx] of stage.around) {
        const row = stage.rows[i] + dy * stage.stride
        const column = stage.columns[i] + dx * stage.stride
        if (row < 0 || row >= height || column < 0 || column >= width) continue
        total += x[(row * width + column) * COLOURS + c]
        count++
      }
      out[i * COLOURS + c] = count ? Math.floor((2 * total + count) / (2 * count)) : 0
    }
  return out
}
