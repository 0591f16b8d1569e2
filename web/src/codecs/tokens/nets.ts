/** Codes to pixels. */

import type { Graph } from '../../engine/graph'

/** Stands for a code in the middle. */
const ZERO = 128
/** Tokens that are worked on at a time, where each stands by itself. */
const PIECES = 4096

/** The synthesis of a discrete autoencoder. */
export class Synthesis {
  constructor(
    private readonly graph: Graph,
    private readonly levels: number[],
    readonly tokenPx: number,
    /** Nets see neighbouring tokens, too; else each by itself. */
    private readonly joined: boolean,
  ) {}

  /** Codes (B, K, h, w) to pictures (B, height, width, 3). */
  async pixels(codes: Int32Array, count: number, h: number, w: number, height: number, width: number): Promise<Uint8Array> {
    const { levels, tokenPx: side, joined } = this
    const channels = levels.length
    const area = h * w
    const given = new Uint8Array(codes.length) // (B, h, w, K)
    for (let i = 0; i < codes.length; i++) {
      const channel = Math.floor(i / area) % channels
      const picture = Math.floor(i / area / channels)
      given[(picture * area + (i % area)) * channels + channel] = codes[i] + ZERO - (levels[channel] >> 1)
    }
    const out = new Uint8Array(count * height * width * 3)
    const whole = count * area
    for (let first = 0; first < whole; first += joined ? whole : PIECES) {
      const some = joined ? whole : Math.min(PIECES, whole - first)
      const shape = joined ? [count, h, w, channels] : [some, channels]
      const data = given.subarray(first * channels, (first + some) * channels)
      const [squares] = await this.graph.run({ codes: { data, shape } })
      for (let token = 0; token < some; token++) {
        const at = first + token
        const [picture, place] = [Math.floor(at / area), at % area]
        const top = Math.floor(place / w) * side
        const left = (place % w) * side
        const columns = Math.min(side, width - left)
        for (let y = 0; y < Math.min(side, height - top) && columns > 0; y++) {
          const from = (token * side + y) * side * 3
          out.set(squares.subarray(from, from + 3 * columns), ((picture * height + top + y) * width + left) * 3)
        }
      }
    }
    return out
  }
}
