/** Discrete autoencoders that make files: passes to codes, codes to pictures. */

import { Coder } from '../../coding/coder'
import { crc32 } from '../../container/checks'
import type { Weights } from '../../engine/weights'
import { ModelError } from '../../errors'
import type { Rect } from '../../geometry'
import type { Batch, Decoded, Latents, Model } from '../protocol'
import { Chain, type CodeReader, Coset, Factorized } from './coders'
import { Synthesis } from './nets'
import { selftest } from './selftest'

const MAX_LEVELS = 256
const MAX_TOKEN_PX = 256
const MAX_REACH = 256

/** Latents of its tiles are their codes, one part of K channels. */
export class TokenModel implements Model {
  readonly kind = 'tokens'
  readonly levels = 0
  readonly passes: number
  readonly latentPx: number
  readonly alignPx: number
  readonly haloPx: number

  private constructor(
    private readonly reader: CodeReader,
    private readonly synthesis: Synthesis,
    private readonly channels: number,
    reach: number,
  ) {
    this.passes = reader.passes
    this.latentPx = this.alignPx = synthesis.tokenPx
    this.haloPx = reach * synthesis.tokenPx
  }

  /** A model from its weights. Throws: ModelError, they are not complete, or give other integers here. */
  static async load(weights: Weights): Promise<TokenModel> {
    const { levels, token_px: px, reach, prior } = weights.shape as {
      levels: number[]
      token_px: number
      reach: number
      prior: string
    }
    const fit = Array.isArray(levels) && levels.length && levels.every((n) => n >= 2 && n <= MAX_LEVELS)
    if (!fit || !(px >= 1 && px <= MAX_TOKEN_PX) || !(reach >= 0 && reach <= MAX_REACH))
      throw new ModelError(`${weights.name}: not the weights of a token model`)
    const coder = await Coder.of(weights)
    const synthesis = new Synthesis(weights.graph('synthesis'), levels, px, reach > 0)
    const reader = readerOf(weights, levels, prior, coder)
    await weights.prove(() => selftest(weights, levels, px, reach > 0, prior, synthesis))
    return new TokenModel(reader, synthesis, levels.length, reach)
  }

  async decode(passes: Uint8Array[], height: number, width: number, _quality: number, signal?: AbortSignal): Promise<Decoded> {
    const [h, w] = [Math.ceil(height / this.latentPx), Math.ceil(width / this.latentPx)]
    const codes = await this.reader.decode(passes, { count: 1, h, w }, signal)
    const parts = [{ channels: this.channels, scale: 1, data: codes }]
    const crc = passes.length === this.passes ? checksum(codes) : undefined
    return { latents: { height: h, width: w, parts, settings: 0 }, crc }
  }

  async render({ height: h, width: w, parts }: Latents, window: Rect): Promise<Uint8Array> {
    const width = w * this.latentPx
    const pixels = await this.synthesis.pixels(parts[0].data as Int32Array, 1, h, w, h * this.latentPx, width)
    const out = new Uint8Array(3 * window.height * window.width)
    for (let y = 0; y < window.height; y++) {
      const from = 3 * ((window.top + y) * width + window.left)
      out.set(pixels.subarray(from, from + 3 * window.width), 3 * y * window.width)
    }
    return out
  }

  async decodeBatch(
    passes: Uint8Array[], count: number, height: number, width: number, signal?: AbortSignal,
  ): Promise<Batch> {
    const [h, w] = [Math.ceil(height / this.latentPx), Math.ceil(width / this.latentPx)]
    const codes = await this.reader.decode(passes, { count, h, w }, signal)
    return { pixels: await this.synthesis.pixels(codes, count, h, w, height, width), crc: checksum(codes) }
  }
}

function readerOf(weights: Weights, levels: number[], prior: string, coder: Coder): CodeReader {
  if (prior === 'chain') return new Chain(levels, coder, weights.graph('prior'))
  if (prior === 'coset') return new Coset(levels, coder, weights.graph('prior'))
  if (prior !== 'factorized') throw new ModelError(`${weights.name}: prior ${prior} is unknown`)
  if (coder.count !== levels.length || levels.some((n, k) => coder.sizes[k] !== n + 1))
    throw new ModelError(`${weights.name}: ${coder.count} probability tables do not fit ${levels.length} channels`)
  return new Factorized(levels, coder)
}

function checksum(codes: Int32Array): number {
  return crc32(new Uint8Array(codes.buffer, codes.byteOffset, codes.byteLength))
}
