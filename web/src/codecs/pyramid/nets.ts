/** The nets of a pyramid: for each level and phase features and linear means, and a head for each of six groups. */

import type { Coder } from '../../coding/coder'
import type { Graph } from '../../engine/graph'
import type { Weights } from '../../engine/weights'
import { ModelError } from '../../errors'

/** (row, column) of phases d, b, c in their 2 × 2 cell, in coding order. */
export const PHASES = [[1, 1], [0, 1], [1, 0]] as const
export const COLOURS = 3
/** Of a phase: luma, Co, Cg, each first on the black squares, then on the white. */
export const GROUPS = 6
/** Tables of the first pixel: the last two. */
export const UNIFORM_LUMA = 3288
export const UNIFORM_CHROMA = UNIFORM_LUMA + 1
const RESIDUALS = 22
const ROW_MULTIPLE = 32

/** Length of a head's rows, given the number of features. */
export function rowBytes(width: number): number {
  return Math.ceil((width + RESIDUALS) / ROW_MULTIPLE) * ROW_MULTIPLE
}

/** The graphs of one phase at one level. */
export class PhaseNets {
  constructor(
    /** Number of features. */
    readonly width: number,
    private readonly trunk: Graph,
    private readonly heads: Graph[],
  ) {}

  /**
   * Features (B, h, w, width) and linear means (B, 3, h, w), the latter in sixteenths of a sample.
   *
   * Args:
   *   known: (B, 3k, h + 2, w + 2) pixels of the known phases, continued by one beyond the border.
   *   carried: the features of the phase before, if there is one.
   */
  async features(known: Float32Array, shape: number[], carried?: Uint8Array): Promise<[Uint8Array, Int32Array]> {
    const [b, , high, wide] = shape
    const features = carried && { data: carried, shape: [b, high - 2, wide - 2, this.width] }
    const inputs = { known: { data: known, shape }, ...(features && { carried: features }) }
    const [found, linear] = await this.trunk.run<Uint8Array | Int32Array>(inputs)
    return [found as Uint8Array, linear as Int32Array]
  }

  /** Rows (n, rowBytes) to (3, n): what is added to the linear mean, log scale, tail. */
  async head(group: number, rows: Uint8Array): Promise<Int32Array> {
    const size = rowBytes(this.width)
    const [found] = await this.heads[group].run<Int32Array>({ rows: { data: rows, shape: [1, 1, rows.length / size, size] } })
    return found
  }
}

/** All nets; level 0 is the finest. */
export class Nets {
  constructor(private readonly levels: PhaseNets[][]) {}

  /** Throws: ModelError, the file is incomplete. */
  static of(weights: Weights, coder: Coder): Nets {
    const { widths } = weights.shape
    if (!Array.isArray(widths) || !widths.length || coder.count !== UNIFORM_CHROMA + 1)
      throw new ModelError(`${weights.name}: not a complete ${weights.architecture} model`)
    return new Nets(
      (widths as number[]).map((width, level) =>
        PHASES.map((_, phase) => {
          const heads = Array.from({ length: GROUPS }, (_, k) => weights.graph(`levels.${level}.${phase}.heads.${k}`))
          return new PhaseNets(width, weights.graph(`levels.${level}.${phase}.trunk`), heads)
        }),
      ),
    )
  }

  /** The nets of phases d, b, c at a level; the last ones serve all coarser levels. */
  at(level: number): PhaseNets[] {
    return this.levels[Math.min(level, this.levels.length - 1)]
  }

  /** Those of all levels that differ. */
  get all(): PhaseNets[][] {
    return this.levels
  }
}
