/** The nets of the wavelet model at a quality and a tuning: contexts, and the filter. */

import type { Coder } from '../../coding/coder'
import type { Graph } from '../../engine/graph'
import type { Weights } from '../../engine/weights'
import { ModelError } from '../../errors'
import { COLOURS, DETAILS, INDICES, LEVELS, TABLES } from './places'

const QUALITIES = 101
/** Bound of |symbol · multiplier|: anything beyond it is damage. */
const LIMIT = 2 ** 24
const SYMBOL_MAX = 2 ** 15 - 1
const KINDS = 9
/** Nets are kept for so many qualities and tunings. */
const AT_HAND = 6

/** The three nets of a level: luma on white fields, luma on black ones, the colours. */
export interface LevelNets {
  white: Graph
  black: Graph
  colours: Graph
}

/** What decodes tiles of one quality and tuning. */
export interface Setting {
  /** Coarsest first. */
  levels: LevelNets[]
  /** (3, 9): scale indices of the low band. */
  lowIndex: Int32Array
  /** Of the low band, then of each level: what symbols are times to be coefficients, in 1/256. */
  multipliers: Int32Array[]
  /** The largest |symbol|, likewise. */
  limits: Int32Array[]
  filter: Graph
  /** What the filter's output is multiplied by, in 1/4096 of a pixel value. */
  gain: number
}

/** A weights file, checked. */
export class Stored {
  readonly tunings: string[]
  readonly reachPx: number
  private readonly settings = new Map<string, Setting>()

  /** Throws: ModelError, the file is not complete. */
  constructor(
    private readonly weights: Weights,
    coder: Coder,
  ) {
    const { tunings, filter_reach_px: reach } = weights.shape
    if (!Array.isArray(tunings) || !tunings.length || typeof reach !== 'number' || coder.count !== TABLES)
      throw new ModelError(`${weights.name}: not a complete wavelet model`)
    this.tunings = tunings.map(String)
    this.reachPx = reach
    const multipliers = weights.integers('multipliers')
    const low = weights.integers('low_index')
    const count = tunings.length * QUALITIES
    if (multipliers.length !== count * (COLOURS + LEVELS * DETAILS) || low.length !== count * COLOURS * KINDS)
      throw new ModelError(`${weights.name}: multipliers or indices do not fit its ${tunings.length} tunings`)
    if (multipliers.some((m) => m < 1 || m >= LIMIT) || low.some((i) => i < 1 || i >= INDICES))
      throw new ModelError(`${weights.name}: a multiplier or an index is out of range`)
  }

  /** What decodes tiles of a quality and tuning; within a turn of the coder, as older ones are forgotten here. */
  async setting(tuning: number, quality: number): Promise<Setting> {
    const key = `${tuning} ${quality}`
    let found = this.settings.get(key)
    if (!found) {
      found = this.make(tuning, quality)
      const [oldest] = this.settings
      if (this.settings.size >= AT_HAND) {
        this.settings.delete(oldest[0])
        for (const graph of graphsOf(oldest[1])) await graph.release()
      }
    }
    this.settings.delete(key)
    this.settings.set(key, found)
    return found
  }

  private make(tuning: number, quality: number): Setting {
    const { weights } = this
    const row = (name: string): Int32Array => {
      const all = weights.integers(name)
      const size = all.length / this.tunings.length / QUALITIES
      return all.subarray((tuning * QUALITIES + quality) * size).subarray(0, size)
    }
    const levels = Array.from({ length: LEVELS }, (_, k): LevelNets => {
      const net = (name: string, biases: Int32Array[]): Graph =>
        weights.graph(`context${k}.${name}`).withBiases(weights.integers(`context${k}.${name}_at`), biases)
      const shift = row(`context${k}.shift`)
      const bits = weights.integers(`context${k}.up_bits`)
      const up = weights.integers(`context${k}.up_bias`).map((b, c) => b + (shift[c % shift.length] << bits[c]))
      return {
        white: net('white', [up, row(`context${k}.white_bias`)]),
        black: net('black', [row(`context${k}.black_bias`)]),
        colours: net('colours', [row(`context${k}.colours_bias`)]),
      }
    })
    const all = row('multipliers')
    const starts = [0, ...Array.from({ length: LEVELS + 1 }, (_, k) => COLOURS + DETAILS * k)]
    const multipliers = starts.slice(0, -1).map((start, k) => all.subarray(start, starts[k + 1]))
    const limits = multipliers.map((part) => part.map((m) => Math.min(Math.floor((LIMIT - 1) / m), SYMBOL_MAX)))
    const name = `filter.${this.tunings[tuning]}`
    const bias = weights.integers(`${name}.bias`)
    const size = bias.length / QUALITIES
    const own = bias.subarray(quality * size, (quality + 1) * size)
    const filter = weights.graph(name).withBiases(weights.integers(`${name}.at`), [own])
    return { levels, lowIndex: row('low_index'), multipliers, limits, filter, gain: weights.integers(`${name}.gain`)[quality] }
  }
}

function graphsOf(setting: Setting): Graph[] {
  return [...setting.levels.flatMap(({ white, black, colours }) => [white, black, colours]), setting.filter]
}
