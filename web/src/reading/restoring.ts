/** From a file's tiles to a picture: whole, a region, smaller, a preview, or what damage has left. */

import { joined } from '../codecs/joining'
import type { Decoded, Decoder, Latents, Model } from '../codecs/protocol'
import { combined } from '../container/checks'
import type { File } from '../container/file'
import { checkPixels, Tag } from '../container/format'
import { ChecksumError, FormatError, RoundelError } from '../errors'
import { Grid, Rect } from '../geometry'
import type { PictureData } from '../picture/picture'
import { pictureOf } from './boxes'
import type { Kept, Tile } from './kept'

/** How a file is to be seen. */
export interface View {
  /** Halve the size so many times. */
  level: number
  /** Decode the first so many passes only; undefined for all. */
  passes?: number
  /** Leave out what is damaged instead of giving up. */
  salvage: boolean
  maxPixels: number
}

/** A file with its model, seen at 1 / 2^level of its size. */
export class Restoring {
  private constructor(
    private readonly file: File,
    private readonly decoder: Decoder,
    /** Of the decoder: as near to the level that was asked for as it can come without the finer passes. */
    readonly level: number,
    private readonly limit: number,
    private readonly view: View,
    private readonly kept: Kept,
  ) {}

  /** Throws: FormatError, the tiles do not suit the model; RoundelError, the file has not so many passes. */
  static of(file: File, model: Model, view: View, kept: Kept): Restoring {
    const { width, height, tilePx } = file.head.header
    const limit = view.passes ?? model.passes
    if (!(limit >= 1 && limit <= model.passes))
      throw new RoundelError(`passes ${limit} is out of range: the file has 1 to ${model.passes}`)
    if (tilePx % model.alignPx)
      throw new FormatError(`tiles of ${tilePx} px do not suit the model: their side is a multiple of ${model.alignPx} px`)
    const near = model.reduced ? Math.min(view.level, new Grid(height, width, tilePx).halvings, model.levels) : 0
    if (!near || !model.reduced) return new Restoring(file, model, 0, limit, view, kept)
    const decoder = model.reduced(near)
    return new Restoring(file, decoder, near, Math.min(limit, decoder.passes), view, kept)
  }

  /** The tiles of the picture at its own size. */
  private get whole(): Grid {
    const { width, height, tilePx } = this.file.head.header
    return new Grid(height, width, tilePx)
  }

  /** The tiles as they are decoded. */
  get grid(): Grid {
    return this.whole.reduced(this.level)
  }

  /**
   * A rectangle of `grid`.
   *
   * Throws: RoundelError, no tile has a whole first pass, what was decoded is not what was encoded, it is too large.
   */
  async picture(wanted: Rect, signal?: AbortSignal): Promise<PictureData> {
    const { file } = this
    const { header } = file.head
    const planes = file.index.boxes.some(({ entry }) => entry.tag === Tag.ALPHA || entry.tag === Tag.LOW_BYTES)
    if (file.index.boxes.some(({ entry }) => entry.tag === Tag.SAMPLES) && !(await file.box(Tag.SAMPLES, signal)))
      throw new FormatError('16-bit samples in the box SAMPLES, which is not whole: there is no preview, and nothing to salvage')
    if (planes) checkPixels(header.width, header.height, 1, this.view.maxPixels) // they are stored whole
    checkPixels(wanted.width, wanted.height, 1, this.view.maxPixels)
    if (!file.available(0) && !this.view.salvage)
      throw new FormatError(`too short for a preview: the first pass needs ${file.prefixBytes(1)} bytes`)
    const pixels = new Uint8Array(wanted.height * wanted.width * header.channels)
    const tiles = await this.draw(wanted, pixels, signal)
    const decoded = [...tiles.values()]
    const fewest = Math.min(...decoded.map((tile) => tile.passes))
    if (wanted.equals(this.whole.bounds) && fewest === header.passes) {
      const crcs = decoded.map(({ crc }) => crc).filter((crc) => crc !== undefined)
      if (combined(crcs) !== header.checksum)
        throw new ChecksumError("what was decoded does not match the file's checksum: file or model weights are damaged")
    }
    const damaged = [...tiles].filter(([, tile]) => tile.damaged).map(([number]) => number)
    const scale = 2 ** this.level
    const part = wanted.times(scale).intersect(this.whole.bounds)
    const shown = { pixels, width: wanted.width, height: wanted.height, part, step: scale }
    return pictureOf(header, shown, (tag) => file.box(tag, signal), fewest, damaged)
  }

  /** The pixels of `grid` whose latents have a say in a part of the picture. */
  private context(part: Rect): Rect {
    const { bounds } = this.grid
    return part.align(this.decoder.latentPx).intersect(bounds).grow(this.decoder.haloPx, bounds)
  }

  /** Draws a part of the picture, a row of tiles at a time. Returns: all tiles that had a say, in raster order. */
  private async draw(wanted: Rect, pixels: Uint8Array, signal?: AbortSignal): Promise<Map<number, Tile>> {
    const { grid } = this
    const results = new Map<number, Tile>()
    let held = new Map<number, Tile>()
    for (let row = Math.floor(wanted.top / grid.side); row < Math.ceil(wanted.bottom / grid.side); row++) {
      const strip = new Rect(row * grid.side, 0, grid.side, grid.width).intersect(wanted)
      const needed = grid.touching(this.context(strip))
      const before = held
      held = new Map(needed.filter((number) => before.has(number)).map((number) => [number, before.get(number) as Tile]))
      const fresh = needed.filter((number) => !held.has(number))
      for (const [number, tile] of await this.decode(fresh, signal)) {
        held.set(number, tile)
        results.set(number, { ...tile, latents: NOTHING })
      }
      for (const run of this.runs(grid.touching(strip), held)) await this.render(run, held, wanted, pixels, signal)
    }
    return results
  }

  /** Tiles side by side that are drawn together: they say the same of themselves. */
  private runs(tiles: number[], held: Map<number, Tile>): number[][] {
    const runs: number[][] = []
    const most = Math.max(1, Math.floor(TOGETHER_PX / this.grid.side))
    for (const tile of tiles) {
      const last = runs.at(-1)
      const settings = held.get(tile)?.latents.settings
      if (last && last.length < most && held.get(last[0])?.latents.settings === settings) last.push(tile)
      else runs.push([tile])
    }
    return runs
  }

  /** Tiles from their passes; when salvaging from those before the first damaged one. */
  private async decode(numbers: number[], signal?: AbortSignal): Promise<Map<number, Tile>> {
    const { file, decoder, limit, view } = this
    const { quality } = file.head.header
    const found = new Map<number, Tile>()
    const key = (number: number): string => `${this.level} ${limit} ${number}`
    for (const number of numbers) {
      const tile = this.kept.get(key(number))
      if (tile) found.set(number, tile)
    }
    const missing = numbers.filter((number) => !found.has(number))
    const passes = new Map((await file.passes(missing, limit, view.salvage, signal)).map((own, i) => [missing[i], own]))
    const put = (number: number, { latents, crc }: Decoded, count: number): void => {
      const tile = { latents, crc, passes: count, damaged: view.salvage && count < limit }
      this.kept.set(key(number), tile)
      found.set(number, tile)
    }
    const together = view.salvage ? [] : this.alike(passes)
    for (const some of together) {
      const { height, width } = this.whole.tile(some[0])
      const own = some.map((number) => passes.get(number) as Uint8Array[])
      const decoded = (await decoder.decodeTogether?.(own, height, width, signal)) as Decoded[]
      some.forEach((number, i) => put(number, decoded[i], own[i].length))
    }
    for (const number of missing.filter((one) => !found.has(one))) {
      signal?.throwIfAborted()
      const { height, width } = this.whole.tile(number)
      for (let own = passes.get(number) as Uint8Array[]; ; own = own.slice(0, -1)) {
        try {
          put(number, await decoder.decode(own, height, width, quality, signal), own.length)
          break
        } catch (error) {
          if (!view.salvage || !own.length || !(error instanceof FormatError)) throw error
        }
      }
    }
    return new Map(numbers.map((number) => [number, found.get(number) as Tile]))
  }

  /** Small tiles of one size that have all passes that are needed, where the decoder can take several at once. */
  private alike(passes: Map<number, Uint8Array[]>): number[][] {
    if (!this.decoder.decodeTogether) return []
    const batches = new Map<string, number[][]>()
    for (const [number, own] of passes) {
      const { height, width } = this.grid.tile(number)
      const most = Math.floor(BATCH_PX / (height * width))
      if (own.length < this.decoder.passes || most < 2) continue
      const { height: h, width: w } = this.whole.tile(number)
      const same = batches.get(`${h} ${w}`) ?? [[]]
      batches.set(`${h} ${w}`, same)
      const last = same.at(-1) as number[]
      if (last.length < most) last.push(number)
      else same.push([number])
    }
    return [...batches.values()].flat().filter((batch) => batch.length > 1)
  }

  /** Draws what is wanted of tiles side by side into `pixels`, whose corner is the corner of `wanted`. */
  private async render(
    run: number[], held: Map<number, Tile>, wanted: Rect, pixels: Uint8Array, signal?: AbortSignal,
  ): Promise<void> {
    const { grid, decoder } = this
    const [first, last] = [grid.tile(run[0]), grid.tile(run.at(-1) as number)]
    const part = new Rect(first.top, first.left, first.height, last.right - first.left).intersect(wanted)
    const cells = part.align(decoder.latentPx).intersect(grid.bounds)
    const around = this.context(part)
    const latents = new Map<number, Latents>([...held].map(([number, tile]) => [number, tile.latents]))
    const { settings } = latents.get(run[0]) as Latents
    const window = joined(latents, grid, around, decoder.latentPx, settings)
    const rgb = await decoder.render(window, cells.relativeTo(around), this.file.head.header.quality, signal)
    const inner = part.relativeTo(cells)
    const goal = part.relativeTo(wanted)
    const { channels } = this.file.head.header
    for (let y = 0; y < part.height; y++) {
      const from = 3 * ((inner.top + y) * cells.width + inner.left)
      const to = ((goal.top + y) * wanted.width + goal.left) * channels
      if (channels === 3) pixels.set(rgb.subarray(from, from + 3 * part.width), to)
      else
        for (let x = 0, k = from; x < part.width; x++, k += 3)
          pixels[to + x] = Math.floor((rgb[k] + rgb[k + 1] + rgb[k + 2] + 1) / 3)
    }
  }
}

/** Tiles are drawn together up to so many pixels across. */
const TOGETHER_PX = 1536
/** Of the tiles that are decoded at once, at their level. */
const BATCH_PX = 2 ** 16
const NOTHING: Latents = { height: 0, width: 0, parts: [], settings: 0 }
