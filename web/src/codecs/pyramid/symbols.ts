/** Where a walk over a pyramid gets its samples from: passes, and beyond the last one the best guess. */

import type { Coder, Reader } from '../../coding/coder'
import { checked, present } from '../../coding/native'
import { FormatError } from '../../errors'
import { UNIFORM_CHROMA, UNIFORM_LUMA } from './nets'

/** Samples that are coded together: one colour of one phase, on the squares of one kind. */
export interface Group {
  pass: number
  level: number
  /** 0 d, 1 b, 2 c. */
  phase: number
  /** 0 Y, 1 Co, 2 Cg. */
  colour: number
  white: number
}

/** What the nets say of the samples of a group: means in sixteenths of a sample; scales and tails in 1/64, not clamped. */
export interface Prediction {
  mean: Int32Array
  scale: Int32Array
  tail: Int32Array
}

/** What a walk covers. */
export interface Space {
  pictures: number
  /** Of whole pictures. */
  height: number
  width: number
  /** Levels that are left out. */
  halvings: number
  colours: number
}

/** Where the walk gets samples from. */
export interface Samples {
  /** A colour of the one pixel that each of `count` pictures starts with. */
  first(colour: number, count: number): Int32Array
  /** Values of a group, within the range of their colour. Args: before: the colours before, at the same positions. */
  next(group: Group, said: Prediction, before: Int32Array[]): Int32Array
}

/** Of the samples of each colour: the nets' arithmetic is exact for these only. */
const RANGES = [[-128, 127], [-255, 255], [-255, 255]] as const

/** Reads samples from passes, within a turn of the coder. */
export class Reading implements Samples {
  private readonly readers: Reader[]
  private readonly cell: number

  /** Args: flags: what the tile is coded with besides the nets; 0 for nothing. */
  constructor(
    private readonly coder: Coder,
    passes: Uint8Array[],
    flags: number,
    { pictures, height, width, halvings, colours }: Space,
  ) {
    this.cell = present(coder.native.call.cell(flags, pictures, height, width, halvings, colours))
    this.readers = passes.map((bytes) => coder.reader(bytes))
  }

  first(colour: number, count: number): Int32Array {
    if (!this.readers.length) return new Int32Array(count)
    const { native } = this.coder
    const values = this.readers[0].take(new Int32Array(count).fill(colour ? UNIFORM_CHROMA : UNIFORM_LUMA))
    const [low, high] = RANGES[colour]
    if (values.some((value) => value < low || value > high))
      throw new FormatError('coded data holds a sample beyond its range; the file is damaged')
    native.scoped(() => native.call.first(this.cell, colour, native.put(values)))
    return values
  }

  next({ pass, level, phase, colour, white }: Group, { mean, scale, tail }: Prediction, before: Int32Array[]): Int32Array {
    const { native, tables } = this.coder
    const reader = this.readers[pass] as Reader | undefined
    const n = mean.length
    return native.scoped(() => {
      const values = native.take(4 * n)
      const said = [mean, scale, tail].map((part) => native.put(part)) as [number, number, number]
      if (!reader) {
        native.call.mixture(...said, native.take(4 * n), values, n)
        return clamped(native.integers(values, n), colour)
      }
      const [luma, co] = [0, 1].map((k) => (k < colour ? native.put(before[k]) : 0))
      checked(native.call.group(this.cell, reader.at, level, phase, colour, white, n, values, ...said, luma, co, tables))
      return native.integers(values, n)
    })
  }
}

/** Pictures of one size that are walked together, each from passes of its own. */
export class SideBySide implements Samples {
  constructor(private readonly readings: Reading[]) {}

  first(colour: number, count: number): Int32Array {
    return Int32Array.from({ length: count }, (_, k) => this.readings[k].first(colour, 1)[0])
  }

  next(group: Group, { mean, scale, tail }: Prediction, before: Int32Array[]): Int32Array {
    const values = new Int32Array(mean.length)
    const each = mean.length / this.readings.length
    for (const [k, reading] of this.readings.entries()) {
      const own = (x: Int32Array): Int32Array => x.subarray(k * each, (k + 1) * each)
      values.set(reading.next(group, { mean: own(mean), scale: own(scale), tail: own(tail) }, before.map(own)), k * each)
    }
    return values
  }
}

function clamped(values: Int32Array, colour: number): Int32Array {
  const [low, high] = RANGES[colour]
  return values.map((value) => Math.min(Math.max(value, low), high))
}
