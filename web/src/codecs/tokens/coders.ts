/** Passes to codes: one way for each prior. Codes are (picture, channel, row, column). */

import type { Coder } from '../../coding/coder'
import type { Graph } from '../../engine/graph'
import { FormatError } from '../../errors'
import { breathe } from '../protocol'

/** Pictures, rows and columns of tokens. */
export interface Shape {
  count: number
  h: number
  w: number
}

/** Gets codes from a prefix of the passes; channels that are not there are ⌊L / 2⌋. */
export interface CodeReader {
  passes: number
  /** Throws: FormatError. */
  decode(passes: Uint8Array[], shape: Shape, signal?: AbortSignal): Promise<Int32Array>
}

/** (row, column) of the quarters of a grid in the order in which a channel is coded. */
const PHASES = [[0, 0], [1, 1], [0, 1], [1, 0]] as const
const TAPS = 9
/** Taps of the own channel that earlier phases have decoded, for each phase. */
const KNOWN = [[], [0, 2, 6, 8], [1, 3, 5, 7], [0, 1, 2, 3, 5, 6, 7, 8]]
const ALL_TAPS = [0, 1, 2, 3, 4, 5, 6, 7, 8]

/** Every channel under one table of its own, all in one pass. */
export class Factorized implements CodeReader {
  readonly passes = 1

  constructor(
    private readonly levels: number[],
    private readonly coder: Coder,
  ) {}

  async decode(passes: Uint8Array[], shape: Shape): Promise<Int32Array> {
    const codes = middles(this.levels, shape)
    if (!passes.length) return codes
    const { h, w } = shape
    const index = codes.map((_, i) => Math.floor(i / (h * w)) % this.levels.length)
    const found = await this.coder.turn(async () => this.coder.decode(passes[0], index))
    found.forEach((code, i) => check(code, this.levels[index[i]]))
    return found
  }
}

/** One pass, channel after channel of all tokens; tables from the channels before. */
export class Chain implements CodeReader {
  readonly passes = 1

  constructor(
    private readonly levels: number[],
    private readonly coder: Coder,
    private readonly prior: Graph,
  ) {}

  async decode(passes: Uint8Array[], shape: Shape, signal?: AbortSignal): Promise<Int32Array> {
    const { levels, coder } = this
    const codes = middles(levels, shape)
    if (!passes.length) return codes
    const area = shape.h * shape.w
    const n = shape.count * area
    const known = new Float32Array(levels.length * n)
    return coder.turn(async () => {
      const reader = coder.reader(passes[0])
      for (const [channel, top] of levels.entries()) {
        const index = await guess(this.prior, channel, known.subarray(0, (channel + 1) * n), channel + 1, n)
        const found = reader.take(index)
        for (let i = 0; i < n; i++) {
          check(found[i], top)
          known[channel * n + i] = found[i] - (top >> 1)
          codes[(Math.floor(i / area) * levels.length + channel) * area + (i % area)] = found[i]
        }
        if (n > 256) await breathe(signal)
      }
      return codes
    })
  }
}

/** A pass for each channel; tables from what was decoded before it, and from its neighbours. */
export class Coset implements CodeReader {
  readonly passes: number

  constructor(
    private readonly levels: number[],
    private readonly coder: Coder,
    private readonly prior: Graph,
  ) {
    this.passes = levels.length
  }

  async decode(passes: Uint8Array[], shape: Shape, signal?: AbortSignal): Promise<Int32Array> {
    const { levels, coder } = this
    const codes = middles(levels, shape)
    const around = new Neighbours(shape, levels.length)
    return coder.turn(async () => {
      for (const [channel, bytes] of passes.entries()) {
        const reader = coder.reader(bytes)
        around.open(channel)
        for (const phase of PHASES.keys()) {
          const n = around.size(phase)
          if (!n) continue
          const known = around.of(phase)
          const index = await guess(this.prior, channel * PHASES.length + phase, known, known.length / n, n)
          const found = reader.take(index)
          for (const code of found) check(code, levels[channel])
          around.learn(phase, found, levels[channel] >> 1)
          spread(codes, found, shape, channel, levels.length, phase)
        }
        around.close()
        await breathe(signal)
      }
      return codes
    })
  }
}

/** What the prior "coset" knows of a grid: the 3 × 3 neighbours of every position, less their middles. */
class Neighbours {
  private readonly rows: Float32Array[]
  private readonly edged: Float32Array
  private channel = 0

  constructor(
    private readonly shape: Shape,
    channels: number,
  ) {
    this.rows = PHASES.map((_, phase) => new Float32Array(channels * TAPS * this.size(phase)))
    this.edged = new Float32Array(shape.count * (shape.h + 2) * (shape.w + 2))
  }

  /** Positions of a phase. */
  size(phase: number): number {
    const [row, column] = PHASES[phase]
    const { count, h, w } = this.shape
    return count * ((h - row + 1) >> 1) * ((w - column + 1) >> 1)
  }

  open(channel: number): void {
    this.channel = channel
    this.edged.fill(0)
  }

  /** The inputs of the net, (9·(channel + 1), N): row 9·k + t is tap t of channel k. */
  of(phase: number): Float32Array {
    this.fill(phase, KNOWN[phase])
    return this.rows[phase].subarray(0, (this.channel + 1) * TAPS * this.size(phase))
  }

  /** Takes in the codes of a phase. */
  learn(phase: number, codes: Int32Array, middle: number): void {
    const [row, column] = PHASES[phase]
    const { count, h, w } = this.shape
    let i = 0
    for (let picture = 0; picture < count; picture++)
      for (let y = row; y < h; y += 2)
        for (let x = column; x < w; x += 2) this.edged[(picture * (h + 2) + y + 1) * (w + 2) + x + 1] = codes[i++] - middle
  }

  /** The channel is complete: later ones see all of its taps. */
  close(): void {
    for (const phase of PHASES.keys()) this.fill(phase, ALL_TAPS)
  }

  private fill(phase: number, taps: number[]): void {
    const [row, column] = PHASES[phase]
    const { count, h, w } = this.shape
    const n = this.size(phase)
    for (const tap of taps) {
      let to = (this.channel * TAPS + tap) * n
      const [dy, dx] = [Math.floor(tap / 3), tap % 3]
      for (let picture = 0; picture < count; picture++)
        for (let y = row; y < h; y += 2)
          for (let x = column; x < w; x += 2)
            this.rows[phase][to++] = this.edged[(picture * (h + 2) + y + dy) * (w + 2) + x + dx]
    }
  }
}

/** Writes the codes of a phase. */
function spread(codes: Int32Array, found: Int32Array, { count, h, w }: Shape, channel: number, channels: number, phase: number): void {
  const [row, column] = PHASES[phase]
  let i = 0
  for (let picture = 0; picture < count; picture++)
    for (let y = row; y < h; y += 2)
      for (let x = column; x < w; x += 2) codes[((picture * channels + channel) * h + y) * w + x] = found[i++]
}

/** Table indices that net `number` of a prior gives for inputs (rows, n). */
export async function guess(prior: Graph, number: number, known: Float32Array, rows: number, n: number): Promise<Int32Array> {
  const inputs = {
    known: { data: known, shape: [rows, n] },
    number: { data: BigInt64Array.of(BigInt(number)), shape: [] },
  }
  const [index] = await prior.run<Int32Array>(inputs)
  return index
}

function middles(levels: number[], { count, h, w }: Shape): Int32Array {
  const codes = new Int32Array(count * levels.length * h * w)
  return codes.map((_, i) => levels[Math.floor(i / (h * w)) % levels.length] >> 1)
}

function check(code: number, levels: number): void {
  if (code < 0 || code >= levels) throw new FormatError('a token is out of its range: the file is damaged')
}
