/** Where the squares of a checkerboard lie in a phase, and what the heads see of them. */

import { rowBytes } from './nets'

/** Stands for a residual of 0. */
export const RESIDUAL_ZERO = 128
const SQUARE_TAPS = 9

/** Where the squares of one kind lie, an index each. */
export interface Squares {
  /** In the phase, (B, h, w). */
  inside: Int32Array
  /** On the grid of phase a, which may reach beyond the picture by a row and a column. */
  features: Int32Array
  /** Of the position above and to the left, in the phase with a margin of one, (B, h + 2, w + 2). */
  padded: Int32Array
}

const kept = new Map<string, [Squares, Squares]>()
const KEPT = 32

/** The black squares of phases of h × w samples, then the white; phase a is gridH × gridW. */
export function squaresOf(b: number, h: number, w: number, gridH: number, gridW: number): [Squares, Squares] {
  const key = `${b} ${h} ${w} ${gridH} ${gridW}`
  const before = kept.get(key)
  if (before) return before
  const found = [0, 1].map((kind) => {
    let n = 0
    const places = [0, 1, 2].map(() => new Int32Array(b * Math.ceil((h * w + 1) / 2)))
    for (let picture = 0; picture < b; picture++)
      for (let row = 0; row < h; row++)
        for (let column = (row + kind) & 1; column < w; column += 2, n++) {
          places[0][n] = (picture * h + row) * w + column
          places[1][n] = (picture * gridH + row) * gridW + column
          places[2][n] = (picture * (h + 2) + row) * (w + 2) + column
        }
    const [inside, features, padded] = places.map((place) => place.subarray(0, n))
    return { inside, features, padded }
  }) as [Squares, Squares]
  if (kept.size >= KEPT) kept.delete(kept.keys().next().value as string)
  kept.set(key, found)
  return found
}

/** Rows with the features of some positions; what surrounds them is not filled in yet. */
export function rowsOf(features: Uint8Array, width: number, at: Int32Array): Uint8Array {
  const size = rowBytes(width)
  const rows = new Uint8Array(at.length * size)
  if (width % 4) {
    for (let i = 0; i < at.length; i++) rows.set(features.subarray(at[i] * width, (at[i] + 1) * width), i * size)
    return rows
  }
  const words = width / 4
  const from = new Uint32Array(features.buffer, features.byteOffset, features.length >> 2)
  const to = new Uint32Array(rows.buffer)
  for (let i = 0; i < at.length; i++) {
    const a = at[i] * words
    const b = (i * size) >> 2
    for (let k = 0; k < words; k++) to[b + k] = from[a + k]
  }
  return rows
}

/** Residuals around the positions of a phase, plus 128: of luma and Co in pairs, and of Cg. */
export class Surroundings {
  private readonly pair: Uint8Array
  private readonly cross: Uint8Array

  /** Args: b, h, w: of the phase. */
  constructor(
    b: number,
    h: number,
    private readonly w: number,
  ) {
    const n = b * (h + 2) * (w + 2)
    this.pair = new Uint8Array(2 * n).fill(RESIDUAL_ZERO)
    this.cross = new Uint8Array(n).fill(RESIDUAL_ZERO)
  }

  /** Writes into rows what is around their positions: luma and Co of the 3 × 3, and Cg on four sides if asked for. */
  into(rows: Uint8Array, width: number, at: Int32Array, withCg: boolean): void {
    const size = rowBytes(width)
    const stride = this.w + 2
    const { pair, cross } = this
    for (let i = 0; i < at.length; i++) {
      let to = i * size + width
      for (let row = 0; row < SQUARE_TAPS / 3; row++) {
        const from = 2 * (at[i] + row * stride)
        for (let k = 0; k < 6; k++) rows[to++] = pair[from + k]
      }
      if (!withCg) continue
      const a = at[i]
      rows[to] = cross[a + 1]
      rows[to + 1] = cross[a + stride]
      rows[to + 2] = cross[a + stride + 2]
      rows[to + 3] = cross[a + 2 * stride + 1]
    }
  }

  /** Takes in how far values were from their means, in sixteenths. */
  learn(colour: number, at: Int32Array, values: Int32Array, mean: Int32Array): void {
    const middle = this.w + 3
    for (let i = 0; i < at.length; i++) {
      const error = values[i] - ((mean[i] + 8) >> 4)
      const seen = (error < -127 ? -127 : error > 127 ? 127 : error) + RESIDUAL_ZERO
      if (colour === 2) this.cross[at[i] + middle] = seen
      else this.pair[2 * (at[i] + middle) + colour] = seen
    }
  }
}
