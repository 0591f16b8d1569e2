/** Where a walk over a pyramid gets its samples from: passes, and beyond the last one the best guess. */

import type { Coder, Reader } from '../../coding/coder'
import { checked } from '../../coding/native'
import { FormatError } from '../../errors'
import { UNIFORM_CHROMA, UNIFORM_LUMA } from './nets'

/** Where the walk gets samples from. */
export interface Samples {
  /** A colour of the one pixel that each of `count` pictures starts with. */
  first(colour: number, count: number): Int32Array
  /**
   * Values of a group, within the range of their colour.
   *
   * Args:
   *   mean: in sixteenths of a sample. scale, tail: in 1/64, not yet clamped. All are what the nets say.
   *   before: the colours before, at the same positions.
   */
  next(
    pass: number, colour: number, mean: Int32Array, scale: Int32Array, tail: Int32Array, before: Int32Array[],
  ): Int32Array
}

/** Of the samples of each colour: the nets' arithmetic is exact for these only. */
const RANGES = [[-128, 127], [-255, 255], [-255, 255]] as const

/** Reads samples from passes, within a turn of the coder. */
export class Reading implements Samples {
  private readonly readers: Reader[]
  private readonly stage: number

  /**
   * Args:
   *   learned: bit c is set where seen colours correct colour c. pixels: of all pictures together.
   */
  constructor(
    private readonly coder: Coder,
    passes: Uint8Array[],
    private readonly learned: number,
    pixels: number,
  ) {
    const { native } = coder
    this.stage = learned ? native.call.colours(pixels) : 0
    if (learned && !this.stage) checked(100)
    this.readers = passes.map((bytes) => coder.reader(bytes))
  }

  first(colour: number, count: number): Int32Array {
    if (!this.readers.length) return new Int32Array(count)
    const index = new Int32Array(count).fill(colour ? UNIFORM_CHROMA : UNIFORM_LUMA)
    return inRange(this.readers[0].take(index), colour)
  }

  next(
    pass: number, colour: number, mean: Int32Array, scale: Int32Array, tail: Int32Array, before: Int32Array[],
  ): Int32Array {
    const { native, tables } = this.coder
    const reader = this.readers[pass] as Reader | undefined
    const n = mean.length
    return native.scoped(() => {
      const [index, centre] = [native.take(4 * n), native.take(4 * n)]
      native.call.mixture(native.put(mean), native.put(scale), native.put(tail), index, centre, n)
      if (!reader) return clamped(native.integers(centre, n), colour)
      if ((this.learned >> colour) & 1) {
        const values = native.take(4 * n)
        const [y, co] = [0, 1].map((k) => (k < colour ? native.put(before[k]) : 0))
        checked(native.call.samples(this.stage, reader.at, colour, n, values, index, centre, y, co, tables))
        return native.integers(values, n)
      }
      const centres = native.integers(centre, n)
      const found = reader.take(native.integers(index, n))
      for (let i = 0; i < n; i++) found[i] += centres[i]
      return inRange(found, colour)
    })
  }
}

/** Pictures of one size that are walked together, each from passes of its own. */
export class SideBySide implements Samples {
  constructor(private readonly readings: Reading[]) {}

  first(colour: number, count: number): Int32Array {
    return Int32Array.from({ length: count }, (_, k) => this.readings[k].first(colour, 1)[0])
  }

  next(
    pass: number, colour: number, mean: Int32Array, scale: Int32Array, tail: Int32Array, before: Int32Array[],
  ): Int32Array {
    const values = new Int32Array(mean.length)
    const each = mean.length / this.readings.length
    for (const [k, reading] of this.readings.entries()) {
      const own = (x: Int32Array): Int32Array => x.subarray(k * each, (k + 1) * each)
      values.set(reading.next(pass, colour, own(mean), own(scale), own(tail), before.map(own)), k * each)
    }
    return values
  }
}

function clamped(values: Int32Array, colour: number): Int32Array {
  const [low, high] = RANGES[colour]
  for (let i = 0; i < values.length; i++) values[i] = Math.min(Math.max(values[i], low), high)
  return values
}

/** Samples as they were read. Throws: FormatError, the nets would not be exact for one of them. */
function inRange(values: Int32Array, colour: number): Int32Array {
  const [low, high] = RANGES[colour]
  for (const value of values)
    if (value < low || value > high) throw new FormatError('coded data holds a sample beyond its range; the file is damaged')
  return values
}
