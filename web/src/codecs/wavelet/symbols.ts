/** Where a walk over wavelet coefficients gets its symbols from: the passes of a tile. */

import type { Coder, Reader } from '../../coding/coder'
import { FormatError } from '../../errors'
import { flagTable, type Places, SECOND, SHIFT_TABLE, shiftTables } from './places'

/** So many coefficients of scale index 0 share a flag that says whether one of them is not 0. */
const RUN = 32

/** Coefficients that are coded together. */
export interface Group {
  /** 0 the low band, then levels, coarsest first. */
  part: number
  /** First of its channels in the part, and their number. */
  first: number
  channels: number
}

/** Where the walk gets symbols from. */
export interface Symbols {
  /** Values of a group in its order, (N, channels). Args: guess: what is predicted, or undefined for 0. */
  next(group: Group, places: Places, guess?: Int32Array): Int32Array
}

/** Reads symbols from passes, within a turn of the coder. */
export class Reading implements Symbols {
  private readonly readers: Reader[]

  /** Args: limits: of each part and channel, the largest |symbol|. */
  constructor(
    coder: Coder,
    passes: Uint8Array[],
    private readonly limits: Int32Array[],
  ) {
    this.readers = passes.map((bytes) => coder.reader(bytes))
  }

  next({ part, first, channels }: Group, places: Places, guess?: Int32Array): Int32Array {
    const values = part ? this.details(part, first, places) : this.reader(part).take(places.table)
    const limits = this.limits[part]
    for (let i = 0; i < values.length; i++) {
      if (guess) values[i] += guess[i]
      if (Math.abs(values[i]) > limits[first + (i % channels)])
        throw new FormatError('a coefficient is beyond what pictures have; the file is damaged')
    }
    return values
  }

  private reader(part: number): Reader {
    return this.readers[Math.max(part - 1, 0)]
  }

  /** By how much scales are moved, flags of runs, then the values of a dependent list. */
  private details(part: number, first: number, { table, turned }: Places): Int32Array {
    const reader = this.reader(part)
    shiftTables(table, reader.take(Int32Array.of(SHIFT_TABLE))[0])
    let zeros = 0
    for (let i = 0; i < table.length; i++) if (!table[i]) zeros++
    const runs = Math.ceil(zeros / RUN)
    const flags = reader.take(new Int32Array(runs).fill(flagTable(part - 1, first > 0)))
    const places = new Int32Array(table.length)
    const index = new Int32Array(table.length)
    let held = 0
    for (let i = 0, zero = 0; i < table.length; i++) {
      if (!table[i] && !flags[Math.floor(zero++ / RUN)]) continue
      places[held] = i
      index[held++] = table[i]
    }
    const found = reader.takeDependent(index.subarray(0, held), SECOND)
    const values = new Int32Array(table.length)
    for (let k = 0; k < held; k++) values[places[k]] = turned[places[k]] ? -found[k] : found[k]
    return values
  }
}
