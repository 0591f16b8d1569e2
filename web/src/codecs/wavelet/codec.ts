/** The lossy model: wavelet coefficients, coded coarse to fine; the finest that a prefix of the passes lacks are zero. */

import { Coder } from '../../coding/coder'
import { crc32 } from '../../container/checks'
import type { Weights } from '../../engine/weights'
import { FormatError } from '../../errors'
import type { Rect } from '../../geometry'
import type { Decoded, Decoder, Latents, Model } from '../protocol'
import { Stored } from './nets'
import { LEVELS } from './places'
import { selftest } from './selftest'
import { Reading } from './symbols'
import { cropped, dequantized, drawn, filtered, nothing } from './synthesis'
import { walk } from './walk'

/** Of a tile's settings byte: its filter is on; the tuning's number is below. */
const FILTERED = 16
/** Samples on each side, of its own grid, that a coefficient has a say in. */
const REACH = 4

/** Latents of its tiles are their coefficients: the low band, then the details of each level. */
export class WaveletModel implements Model {
  readonly kind = 'lossy'
  readonly passes = LEVELS
  readonly levels = LEVELS
  readonly latentPx = 2 ** LEVELS
  readonly alignPx = 2 ** LEVELS
  readonly haloPx: number

  private constructor(
    private readonly stored: Stored,
    readonly coder: Coder,
  ) {
    this.haloPx = Math.ceil((REACH * (this.latentPx - 1) + stored.reachPx) / this.latentPx) * this.latentPx
  }

  /** A model from its weights. Throws: ModelError, they are not complete, or give other integers here. */
  static async load(weights: Weights): Promise<WaveletModel> {
    const coder = await Coder.of(weights)
    const stored = new Stored(weights, coder)
    await weights.prove(() => selftest(stored))
    return new WaveletModel(stored, coder)
  }

  reduced(level: number): Decoder {
    return new ReducedWavelet(this, level)
  }

  decode(passes: Uint8Array[], height: number, width: number, quality: number, signal?: AbortSignal): Promise<Decoded> {
    return this.levelsOf(passes, height, width, quality, LEVELS, signal)
  }

  /** A tile with the details of its first `levels` levels. Throws: FormatError. */
  async levelsOf(
    passes: Uint8Array[], height: number, width: number, quality: number, levels: number, signal?: AbortSignal,
  ): Promise<Decoded> {
    const [h, w] = [Math.ceil(height / this.latentPx), Math.ceil(width / this.latentPx)]
    const absent = (from: number): Latents['parts'] =>
      Array.from({ length: Math.max(levels - from, 0) }, (_, k) => nothing(from + k, h * w))
    if (!passes.length) {
      const low = { channels: 3, scale: 1, data: new Int16Array(3 * h * w) }
      return { latents: { height: h, width: w, parts: [low, ...absent(0)], settings: 0 }, crc: undefined }
    }
    const settings = this.settings(passes[0])
    return this.coder.turn(async () => {
      const setting = await this.stored.setting(settings & (FILTERED - 1), quality)
      const reading = new Reading(this.coder, [passes[0].subarray(1), ...passes.slice(1)], setting.limits)
      const symbols = await walk(setting, reading, h, w, Math.min(passes.length, levels || 0), signal)
      const parts = symbols.map((part, k) => dequantized(part, setting.multipliers[k], h * w))
      const crc = passes.length === LEVELS && levels === LEVELS ? checksum(settings, symbols) : undefined
      return { latents: { height: h, width: w, parts: [...parts, ...absent(parts.length - 1)], settings }, crc }
    })
  }

  render(latents: Latents, window: Rect, quality: number): Promise<Uint8Array> {
    return this.coder.turn(async () => {
      const picture = drawn(this.coder.native, latents)
      const { settings } = latents
      if (!(settings & FILTERED)) return cropped(picture, window)
      const setting = await this.stored.setting(settings & (FILTERED - 1), quality)
      return filtered(picture, window, setting, this.stored.reachPx)
    })
  }

  /** The first byte of a tile. Throws: FormatError. */
  private settings(first: Uint8Array): number {
    if (!first.length) throw new FormatError("a tile's first pass is empty; the file is damaged")
    if (first[0] >= 2 * FILTERED || (first[0] & (FILTERED - 1)) >= this.stored.tunings.length)
      throw new FormatError(`a tile's settings are ${first[0]}, which names no tuning; the file is damaged`)
    return first[0]
  }
}

/** A wavelet model that leaves out the finest levels, and the filter, which knows pictures of full size only. */
class ReducedWavelet implements Decoder {
  readonly passes: number
  readonly latentPx: number
  readonly haloPx: number
  private readonly merged: number

  constructor(
    private readonly model: WaveletModel,
    level: number,
  ) {
    this.merged = LEVELS - level
    this.passes = Math.max(1, this.merged)
    this.latentPx = 2 ** this.merged
    this.haloPx = Math.ceil((REACH * (this.latentPx - 1)) / this.latentPx) * this.latentPx
  }

  decode(passes: Uint8Array[], height: number, width: number, quality: number, signal?: AbortSignal): Promise<Decoded> {
    return this.model.levelsOf(passes.slice(0, this.passes), height, width, quality, this.merged, signal)
  }

  render(latents: Latents, window: Rect): Promise<Uint8Array> {
    const { coder } = this.model
    return coder.turn(async () => cropped(drawn(coder.native, latents), window))
  }
}

/** CRC-32 of a tile's settings byte and symbols, part after part, each in order as little-endian int16. */
function checksum(settings: number, parts: Int32Array[]): number {
  let crc = crc32(Uint8Array.of(settings))
  for (const part of parts) crc = crc32(new Uint8Array(Int16Array.from(part).buffer), crc)
  return crc
}
