/** Which table codes each coefficient: by its scale and by what is known of its sign. */

import { FormatError } from '../../errors'

export const LEVELS = 5
export const COLOURS = 3
export const BANDS = 3
/** Channels of a level's details. */
export const DETAILS = COLOURS * BANDS
export const INDICES = 64
const SKEWS = 7
/** This skew says nothing of the sign; with a smaller one a coefficient is coded with its sign turned. */
const NO_SKEW = 3
const TILTS = 4
const FLAG_TABLES = 1 + (INDICES - 1) * TILTS
/** The first table of the second quantiser, which has as many as the first. */
export const SECOND = FLAG_TABLES + 2 * LEVELS
/** Tables of a model. */
export const TABLES = SECOND + FLAG_TABLES

/** Fields of a chessboard: those whose row and column sum to an even number, the others, all. */
export const WHITE = 0
export const BLACK = 1
export const ALL = 2

/** The table of a group's flags. Args: level: 0 is the coarsest. colours: those of the colours, else of luma. */
export function flagTable(level: number, colours: boolean): number {
  return FLAG_TABLES + 2 * level + (colours ? 1 : 0)
}

/** The table of a scale index that says nothing of the sign. */
export function plainTable(index: number): number {
  return index === 0 ? 0 : 1 + (index - 1) * TILTS
}

/** Scale indices of a group are moved by so many steps at most. */
const SHIFT_MAX = 15
/** The table that codes by how much. */
export const SHIFT_TABLE = plainTable(22)

/** What tables become when their scale index is moved; index 0 stays what it is. Throws: FormatError. */
export function shiftTables(table: Int32Array, shift: number): void {
  if (Math.abs(shift) > SHIFT_MAX)
    throw new FormatError(`scales are moved by ${shift}, at most ${SHIFT_MAX} are known; the file is damaged`)
  if (!shift) return
  for (let i = 0; i < table.length; i++) {
    if (!table[i]) continue
    const index = Math.floor((table[i] - 1) / TILTS) + 1
    const moved = Math.min(Math.max(index + shift, 1), INDICES - 1)
    table[i] += (moved - index) * TILTS
  }
}

/** Where coefficients stand in the tables, in the order in which they are coded. */
export interface Places {
  table: Int32Array
  /** 1 where a symbol is coded with the other sign. */
  turned: Uint8Array
}

/** Of what a head says, (h, w, 2·channels), scale indices first, that of some fields. */
export function placesOf(said: Uint8Array, h: number, w: number, channels: number, fields: number): Places {
  const count = channels * (fields === ALL ? h * w : (h * w + 1 - fields) >> 1)
  const table = new Int32Array(count)
  const turned = new Uint8Array(count)
  const step = fields === ALL ? 1 : 2
  let n = 0
  for (let y = 0; y < h; y++)
    for (let x = fields === ALL ? 0 : (y + fields) & 1; x < w; x += step) {
      const at = (y * w + x) * 2 * channels
      for (let k = 0; k < channels; k++, n++) {
        const scale = Math.min(said[at + k], INDICES - 1)
        const skew = Math.min(said[at + channels + k], SKEWS - 1)
        table[n] = scale ? 1 + (scale - 1) * TILTS + Math.abs(skew - NO_SKEW) : 0
        turned[n] = skew < NO_SKEW ? 1 : 0
      }
    }
  return { table, turned }
}
