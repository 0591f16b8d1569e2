/** The lossless model: passes to pixels, to the bit. */

import { crc32 } from '../../container/checks'
import { Coder } from '../../coding/coder'
import type { Weights } from '../../engine/weights'
import type { Rect } from '../../geometry'
import type { Batch, Decoded, Decoder, Latents, Model } from '../protocol'
import { toGrey, toRgb } from './colour'
import { flagsOf, Mode, type Pixels, stored, WALKED } from './modes'
import { Nets } from './nets'
import { selftest } from './selftest'
import { Reading, SideBySide, type Space } from './symbols'
import { PASSES, passOf, walk } from './walk'

/** A pyramid flow in integers. Latents of its tiles are their pixels, 3 channels. */
export class PyramidModel implements Model {
  readonly kind = 'lossless'
  readonly passes = PASSES
  readonly latentPx = 1
  readonly alignPx = 1
  readonly haloPx = 0
  readonly levels = 9

  private constructor(
    private readonly nets: Nets,
    private readonly coder: Coder,
  ) {}

  /** A model from its weights. Throws: ModelError, they are not complete, or give other integers here. */
  static async load(weights: Weights): Promise<PyramidModel> {
    const coder = await Coder.of(weights)
    const nets = Nets.of(weights, coder)
    await weights.prove(() => selftest(nets))
    return new PyramidModel(nets, coder)
  }

  reduced(level: number): Decoder {
    return new ReducedPyramid(this, level)
  }

  async decode(passes: Uint8Array[], height: number, width: number, _quality: number, signal?: AbortSignal): Promise<Decoded> {
    const pixels = await this.pixels(passes, 1, height, width, 0, signal)
    return { latents: planes(pixels, height, width), crc: passes.length === PASSES ? crc32(pixels.data) : undefined }
  }

  async render(latents: Latents, window: Rect): Promise<Uint8Array> {
    const { data, channels } = latents.parts[0]
    const area = latents.height * latents.width
    const out = new Uint8Array(3 * window.height * window.width)
    for (let y = 0, to = 0; y < window.height; y++)
      for (let x = 0, from = (window.top + y) * latents.width + window.left; x < window.width; x++, from++)
        for (let c = 0; c < 3; c++) out[to++] = data[channels === 1 ? from : c * area + from]
    return out
  }

  async decodeBatch(
    passes: Uint8Array[], count: number, height: number, width: number, signal?: AbortSignal,
  ): Promise<Batch> {
    const { channels, data } = await this.pixels(passes, count, height, width, 0, signal)
    const pixels = channels === 3 ? data : Uint8Array.from({ length: 3 * data.length }, (_, i) => data[Math.floor(i / 3)])
    return { pixels, crc: passes.length === PASSES ? crc32(data) : undefined }
  }

  /** Every 2^halvings-th row and column of `count` pictures. Throws: FormatError. */
  async pixels(
    passes: Uint8Array[], count: number, height: number, width: number, halvings: number, signal?: AbortSignal,
  ): Promise<Pixels> {
    const first = passes[0] ?? new Uint8Array(0)
    const mode = first.length ? first[0] : Mode.COLOUR
    if (!WALKED.includes(mode)) {
      const whole = await stored(mode, first.subarray(1), count, height, width, this.coder)
      return thinned(whole, count, height, width, 2 ** halvings)
    }
    const colour = isColour(mode)
    const space = { pictures: count, height, width, halvings, colours: colour ? 3 : 1 }
    const x = await this.coder.turn(() => walk(this.nets, this.reading(passes, space), space, signal))
    return colour ? { channels: 3, data: toRgb(x, count) } : { channels: 1, data: toGrey(x, count) }
  }

  /** Tiles of one size, as `pixels` with one picture; those that suit are walked together. Throws: FormatError. */
  async pixelsTogether(
    tiles: Uint8Array[][], height: number, width: number, halvings: number, signal?: AbortSignal,
  ): Promise<Pixels[]> {
    const found = new Array<Pixels | undefined>(tiles.length)
    const side = 2 ** halvings
    const area = Math.ceil(height / side) * Math.ceil(width / side)
    for (const colour of [false, true]) {
      const alike = [...tiles.keys()].filter((k) => {
        const mode = tiles[k][0]?.[0]
        return mode !== undefined && WALKED.includes(mode) && isColour(mode) === colour
      })
      if (alike.length < 2) continue
      const x = await this.coder.turn(() => {
        const space = { pictures: 1, height, width, halvings, colours: colour ? 3 : 1 }
        const samples = new SideBySide(alike.map((k) => this.reading(tiles[k], space)))
        return walk(this.nets, samples, { ...space, pictures: alike.length }, signal)
      })
      alike.forEach((k, i) => {
        const own = x.subarray(3 * area * i, 3 * area * (i + 1))
        found[k] = colour ? { channels: 3, data: toRgb(own, 1) } : { channels: 1, data: toGrey(own, 1) }
      })
    }
    for (const [k, tile] of tiles.entries()) found[k] ??= await this.pixels(tile, 1, height, width, halvings, signal)
    return found as Pixels[]
  }

  /** What reads walked tiles or groups, within a turn of the coder. Throws: FormatError. */
  private reading(passes: Uint8Array[], space: Space): Reading {
    const first = passes[0] ?? new Uint8Array(0)
    const flags = flagsOf(first)
    const streams = passes.length ? [first.subarray(flags ? 2 : 1), ...passes.slice(1)] : []
    return new Reading(this.coder, streams, flags, space)
  }
}

/** A pyramid model that stops early. */
class ReducedPyramid implements Decoder {
  readonly latentPx = 1
  readonly haloPx = 0
  readonly passes: number

  constructor(
    private readonly model: PyramidModel,
    private readonly level: number,
  ) {
    this.passes = passOf(level, 0) + 1
  }

  async decode(passes: Uint8Array[], height: number, width: number, _quality: number, signal?: AbortSignal): Promise<Decoded> {
    const pixels = await this.model.pixels(passes.slice(0, this.passes), 1, height, width, this.level, signal)
    const step = 2 ** this.level
    return { latents: planes(pixels, Math.ceil(height / step), Math.ceil(width / step)), crc: undefined }
  }

  async decodeTogether(tiles: Uint8Array[][], height: number, width: number, signal?: AbortSignal): Promise<Decoded[]> {
    const some = tiles.map((passes) => passes.slice(0, this.passes))
    const step = 2 ** this.level
    const [h, w] = [Math.ceil(height / step), Math.ceil(width / step)]
    const found = await this.model.pixelsTogether(some, height, width, this.level, signal)
    return found.map((pixels) => ({ latents: planes(pixels, h, w), crc: undefined }))
  }

  render(latents: Latents, window: Rect): Promise<Uint8Array> {
    return this.model.render(latents, window)
  }
}

function isColour(mode: number): boolean {
  return mode === Mode.COLOUR || mode === Mode.COLOUR_LEARNED
}

/** Pixels of one picture as three planes. */
function planes({ channels, data }: Pixels, height: number, width: number): Latents {
  const area = height * width
  const out = new Uint8Array(3 * area)
  for (let c = 0; c < 3; c++)
    for (let i = 0, from = channels === 1 ? 0 : c; i < area; i++, from += channels) out[c * area + i] = data[from]
  return { height, width, parts: [{ channels: 3, scale: 1, data: out }], settings: 0 }
}

/** Every `step`-th row and column. */
function thinned({ channels, data }: Pixels, count: number, height: number, width: number, step: number): Pixels {
  if (step === 1) return { channels, data }
  const [h, w] = [Math.ceil(height / step), Math.ceil(width / step)]
  const out = new Uint8Array(count * h * w * channels)
  for (let to = 0, row = 0; row < count * h; row++)
    for (let x = 0; x < w; x++)
      for (let c = 0; c < channels; c++) {
        const y = Math.floor(row / h) * height + (row % h) * step
        out[to++] = data[(y * width + x * step) * channels + c]
      }
  return { channels, data: out }
}
