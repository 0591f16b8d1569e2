/** What can be looked at: a file, its original, the difference of two. Level 0 is the picture, each further one half. */

import type { OpenFile } from './decoder'

/** Files up to these are decoded at once: levels and parts would only be made besides. */
const WHOLE_PX = 2 ** 22
const WHOLE_TILES = 16
const LARGEST_TILE_PX = 1024
const SMALLEST_TILE_PX = 256
const KEPT_TILES = 48

let layers = 0

/** A picture that is shown in square tiles of several levels. */
export abstract class Layer {
  /** Tells layers apart. */
  readonly id = layers++
  private readonly kept = new Map<string, Promise<ImageData>>()
  private readonly there = new Map<string, ImageData>()
  private stop = new AbortController()

  constructor(
    readonly width: number,
    readonly height: number,
    readonly levels: number,
    readonly tilePx: number,
  ) {}

  /** A part of a level: left, top, width and height in its pixels. */
  protected abstract part(level: number, left: number, top: number, width: number, height: number): Promise<ImageData>

  /** A tile by its place; of the last ones seen, again at once. */
  tile(level: number, column: number, row: number): Promise<ImageData> {
    const key = `${level}/${column}/${row}`
    let tile = this.kept.get(key)
    if (!tile) {
      const [left, top] = [column * this.tilePx, row * this.tilePx]
      const width = Math.min(this.tilePx, Math.ceil(this.width / 2 ** level) - left)
      const height = Math.min(this.tilePx, Math.ceil(this.height / 2 ** level) - top)
      tile = this.part(level, left, top, width, height)
      tile.then(
        (pixels) => this.there.set(key, pixels),
        () => this.forget(key),
      )
      if (this.kept.size >= KEPT_TILES) this.forget(this.kept.keys().next().value as string)
    }
    this.kept.delete(key)
    this.kept.set(key, tile)
    return tile
  }

  /** Gives up what is being made; it can be asked for again. */
  cancel(): void {
    this.stop.abort()
    this.stop = new AbortController()
  }

  /** Of what is being made now. */
  protected get signal(): AbortSignal {
    return this.stop.signal
  }

  /** Red, green and blue of a pixel of the picture, if its tile is here. */
  peek(x: number, y: number): [number, number, number] | undefined {
    const tile = this.there.get(`0/${Math.floor(x / this.tilePx)}/${Math.floor(y / this.tilePx)}`)
    if (!tile) return undefined
    const at = 4 * ((y % this.tilePx) * tile.width + (x % this.tilePx))
    return [tile.data[at], tile.data[at + 1], tile.data[at + 2]]
  }

  private forget(key: string): void {
    this.kept.delete(key)
    this.there.delete(key)
  }
}

/** A .rndl file, decoded where it is looked at. */
export class FileLayer extends Layer {
  constructor(
    private readonly file: OpenFile,
    /** The first so many only: a preview. */
    private readonly passes?: number,
  ) {
    const { width, height, tilePx, tiles } = file.info
    const whole = width * height <= WHOLE_PX && tiles <= WHOLE_TILES
    const side = whole ? Math.max(width, height) : Math.min(LARGEST_TILE_PX, Math.max(SMALLEST_TILE_PX, tilePx))
    super(width, height, whole ? 1 : file.levelCount, side)
  }

  protected async part(level: number, left: number, top: number, width: number, height: number): Promise<ImageData> {
    const [x, y] = [left * 2 ** level, top * 2 ** level]
    const { passes, signal } = this
    if (passes === undefined) return (await this.file.readRegion(x, y, level, width, height, { signal })).toImageData()
    const across = Math.min(width * 2 ** level, this.width - x)
    const down = Math.min(height * 2 ** level, this.height - y)
    const region: [number, number, number, number] = [x, y, across, down]
    return (await this.file.decode({ region, reduce: level, passes, signal })).toImageData()
  }
}

/** A picture in memory. */
export class PictureLayer extends Layer {
  private readonly halved: HTMLCanvasElement[]

  constructor(canvas: HTMLCanvasElement) {
    const levels = 1 + Math.max(0, Math.ceil(Math.log2(Math.max(canvas.width, canvas.height) / LARGEST_TILE_PX)))
    super(canvas.width, canvas.height, levels, LARGEST_TILE_PX)
    this.halved = [canvas]
  }

  /** A picture file that browsers know. Throws: Error, it is not here, or cannot be shown. */
  static async fetched(path: string): Promise<PictureLayer> {
    const answer = await fetch(path)
    if (!answer.ok) throw new Error(answer.status === 422 ? await answer.text() : `${path}: the server answers ${answer.status}`)
    // Samples as they are stored: what a file decodes to is not converted, either.
    const bitmap = await createImageBitmap(await answer.blob(), { colorSpaceConversion: 'none', premultiplyAlpha: 'none' })
    const canvas = canvasOf(bitmap.width, bitmap.height)
    context(canvas).drawImage(bitmap, 0, 0)
    bitmap.close()
    return new PictureLayer(canvas)
  }

  static of(pixels: ImageData): PictureLayer {
    const canvas = canvasOf(pixels.width, pixels.height)
    context(canvas).putImageData(pixels, 0, 0)
    return new PictureLayer(canvas)
  }

  protected async part(level: number, left: number, top: number, width: number, height: number): Promise<ImageData> {
    return context(this.level(level)).getImageData(left, top, width, height)
  }

  private level(level: number): HTMLCanvasElement {
    while (this.halved.length <= level) {
      const last = this.halved[this.halved.length - 1]
      const next = canvasOf(Math.ceil(last.width / 2), Math.ceil(last.height / 2))
      const drawing = context(next)
      drawing.imageSmoothingQuality = 'high'
      drawing.drawImage(last, 0, 0, next.width, next.height)
      this.halved.push(next)
    }
    return this.halved[level]
  }
}

/**
 * How far two layers of one size are apart, pixel by pixel, as seen on black: differences so many times as large.
 *
 * Canvases keep samples times alpha, so that those of translucent pixels are not known any better.
 */
export class DifferenceLayer extends Layer {
  constructor(
    private readonly first: Layer,
    private readonly second: Layer,
    private readonly gain: number,
  ) {
    // Level 0 alone: what two pictures differ in is not what their halves do.
    super(first.width, first.height, 1, Math.min(first.tilePx, second.tilePx))
  }

  protected async part(_: number, left: number, top: number, width: number, height: number): Promise<ImageData> {
    const [a, b] = await Promise.all([this.first, this.second].map((layer) => cut(layer, left, top, width, height)))
    const out = new ImageData(width, height)
    for (let i = 0; i < out.data.length; i += 4) {
      const [alphaA, alphaB] = [a.data[i + 3], b.data[i + 3]]
      for (let c = i; c < i + 3; c++) out.data[c] = (this.gain * Math.abs(a.data[c] * alphaA - b.data[c] * alphaB)) / 255
      out.data[i + 3] = 255
    }
    return out
  }
}

/** Any part of level 0, put together from tiles. */
async function cut(layer: Layer, left: number, top: number, width: number, height: number): Promise<ImageData> {
  const canvas = canvasOf(width, height)
  const out = context(canvas).createImageData(width, height)
  const side = layer.tilePx
  for (let row = Math.floor(top / side); row * side < top + height; row++)
    for (let column = Math.floor(left / side); column * side < left + width; column++) {
      const tile = await layer.tile(0, column, row)
      const [x0, y0] = [Math.max(left, column * side), Math.max(top, row * side)]
      const [x1, y1] = [Math.min(left + width, column * side + tile.width), Math.min(top + height, row * side + tile.height)]
      for (let y = y0; y < y1; y++) {
        const from = 4 * ((y - row * side) * tile.width + x0 - column * side)
        out.data.set(tile.data.subarray(from, from + 4 * (x1 - x0)), 4 * ((y - top) * width + x0 - left))
      }
    }
  return out
}

function canvasOf(width: number, height: number): HTMLCanvasElement {
  const canvas = document.createElement('canvas')
  canvas.width = width
  canvas.height = height
  return canvas
}

function context(canvas: HTMLCanvasElement): CanvasRenderingContext2D {
  const found = canvas.getContext('2d', { willReadFrequently: true })
  if (!found) throw new Error(`this browser has no canvas of ${canvas.width} × ${canvas.height} pixels`)
  return found
}
