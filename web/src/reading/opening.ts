/** A file held open, and read where it is looked at: whole, a region at any level of halved sizes, an image of a pack. */

import type { Model } from '../codecs/protocol'
import { modelOf } from '../codecs/zoo'
import { File } from '../container/file'
import { checkPixels, DEFAULT_MAX_PIXELS, type Header, isKnown, tagName } from '../container/format'
import { BlobSource, BytesSource, HttpSource, type Source } from '../container/source'
import { FormatError, RoundelError, UnsupportedError } from '../errors'
import { Grid, Rect } from '../geometry'
import type { PictureData } from '../picture/picture'
import { shrunk } from '../picture/shrink'
import { Kept } from './kept'
import { Members } from './members'
import { Restoring, type View } from './restoring'

/** Levels end where the longer side is no longer than this. */
const SMALLEST_PX = 256
const DEFAULT_KEPT_BYTES = 2 ** 27

/** What a file can be read from: a URL is read by ranges. */
export type Readable = string | URL | Blob | ArrayBuffer | Uint8Array

/** How a file is opened. */
export interface OpenOptions {
  signal?: AbortSignal
  /** Take a file that ends early, has damaged boxes or bytes after its end: for previews and salvage. */
  lenient?: boolean
  /** Bytes of decoded tiles that are kept for the regions that follow. */
  keptBytes?: number
  /** The most pixels to decode at once. */
  maxPixels?: number
}

/** What is decoded of a file. */
export interface DecodeOptions {
  /** x, y, width, height in pixels of the whole picture; only the tiles that it needs are read. */
  region?: [number, number, number, number]
  /** Halve the size so many times, from the coarse passes alone where the model can. */
  reduce?: number
  /** The first so many passes only: a preview. */
  passes?: number
  /** Leave out what is damaged instead of giving up. */
  salvage?: boolean
  signal?: AbortSignal
}

/** What a file says about itself. */
export interface FileInfo extends Omit<Header, 'tilePx'> {
  /** Side of a tile; 0 in a pack. */
  tilePx: number
  /** Tiles of the picture, or groups of the pack. */
  tiles: number
  /** Of a pack; 0 for a single picture. */
  images: number
  /** Payload bytes of each pass. */
  passBytes: number[]
  /** Bytes of the beginning that hold the first pass, the first two, … of all tiles; empty for a pack. */
  prefixBytes: number[]
  /** Bytes of the whole file. */
  totalBytes: number
  boxes: { tag: number; name: string; bytes: number }[]
}

/** A file, open. Level 0 is the picture, each further level half as large along both axes, sides rounded up. */
export class Opened {
  private readonly kept: Kept
  private readonly maxPixels: number
  private readonly members: Members

  private constructor(
    private readonly file: File,
    options: OpenOptions,
  ) {
    this.kept = new Kept(options.keptBytes ?? DEFAULT_KEPT_BYTES)
    this.maxPixels = options.maxPixels ?? DEFAULT_MAX_PIXELS
    this.members = new Members(file)
  }

  /** Reads header and index. Throws: RoundelError. */
  static async open(source: Readable, options: OpenOptions = {}): Promise<Opened> {
    const { signal, lenient = false } = options
    return new Opened(await File.open(await sourceOf(source, signal), lenient, signal), options)
  }

  get info(): FileInfo {
    const { head, index, passBytes, units } = this.file
    const prefixBytes = head.images ? [] : passBytes.map((_, pass) => this.file.prefixBytes(pass + 1))
    const boxes = head.entries.map(({ tag, length }) => ({ tag, name: isKnown(tag) ? tagName(tag) : '', bytes: length }))
    return { ...head.header, tiles: units, images: head.images, passBytes, prefixBytes, totalBytes: index.end, boxes }
  }

  /** Width and height of every level. */
  get levelDimensions(): [number, number][] {
    const { width, height } = this.file.head.header
    const sizes: [number, number][] = [[width, height]]
    while (Math.max(...(sizes.at(-1) as [number, number])) > SMALLEST_PX) {
      const step = 2 ** sizes.length
      sizes.push([Math.ceil(width / step), Math.ceil(height / step)])
    }
    return sizes
  }

  get bytesRead(): number {
    return this.file.source.bytesRead
  }

  /** Names and labels of a pack's images, where it has them. */
  list(signal?: AbortSignal): Promise<{ names?: string[]; labels?: Uint32Array; sizes: [number, number][] }> {
    return this.members.list(signal)
  }

  /** The data of a box, verified; undefined where there is none. Throws: ChecksumError. */
  box(tag: number, signal?: AbortSignal): Promise<Uint8Array | undefined> {
    return this.file.box(tag, signal)
  }

  /** Loads the model, so that the first picture need not wait for it. */
  async prepare(): Promise<void> {
    await modelOf(this.file.head.header)
  }

  /** The picture, or what is asked for of it. Throws: RoundelError. */
  async decode(options: DecodeOptions = {}): Promise<PictureData> {
    const { region, reduce = 0, passes, salvage = false, signal } = options
    whole(reduce, 'reduce', 0, 31)
    const bounds = this.bounds(0)
    const [left, top, width, height] = region ?? [0, 0, bounds.width, bounds.height]
    const wanted = new Rect(top, left, height, width)
    if ([left, top, width, height].some((side) => !Number.isInteger(side)) || outside(wanted, bounds))
      throw new RoundelError(
        `region x=${left}, y=${top}, ${width}×${height} does not lie in the picture of ${bounds.width}×${bounds.height} px`,
      )
    const restoring = await this.restoring({ level: reduce, passes, salvage, maxPixels: this.maxPixels })
    const found = await restoring.picture(wanted.scaleDown(2 ** restoring.level), signal)
    return shrunk(found, reduce - restoring.level)
  }

  /** A region: its corner in pixels of level 0, its size in pixels of the level. Throws: RoundelError. */
  async readRegion(
    x: number, y: number, level: number, width: number, height: number, options: { signal?: AbortSignal } = {},
  ): Promise<PictureData> {
    whole(level, 'level', 0, this.levelDimensions.length - 1)
    const bounds = this.bounds(level)
    const step = 2 ** level
    const wanted = new Rect(Math.floor(y / step), Math.floor(x / step), height, width)
    if ([x, y, width, height].some((side) => !Number.isInteger(side)) || outside(wanted, bounds))
      throw new RoundelError(
        `${width}×${height} px at x=${x}, y=${y} do not lie in level ${level} of ${bounds.width}×${bounds.height} px`,
      )
    const restoring = await this.restoring({ level, salvage: false, maxPixels: this.maxPixels })
    const further = level - restoring.level
    const finer = wanted.times(2 ** further).intersect(restoring.grid.bounds)
    return shrunk(await restoring.picture(finer, options.signal), further)
  }

  /** An image of a pack. Throws: RoundelError. */
  async member(number: number, options: { signal?: AbortSignal } = {}): Promise<PictureData> {
    const { images, group, header } = this.file.head
    if (!images) throw new UnsupportedError('one picture, not a pack: use decode')
    whole(number, 'image', 0, images - 1)
    checkPixels(header.width, header.height, Math.min(group, images), this.maxPixels)
    return this.members.picture(number, await modelOf(header), options.signal)
  }

  close(): void {
    this.kept.clear()
  }

  private bounds(level: number): Rect {
    const { width, height } = this.file.head.header
    return new Grid(height, width, 1).reduced(level).bounds
  }

  private async restoring(view: View): Promise<Restoring> {
    const { images, header } = this.file.head
    if (images) throw new UnsupportedError(`a pack of ${images} images, not one picture: use member`)
    const model: Model = await modelOf(header)
    return Restoring.of(this.file, model, view, this.kept)
  }
}

function outside(part: Rect, bounds: Rect): boolean {
  return part.height < 1 || part.width < 1 || !part.intersect(bounds).equals(part)
}

function whole(value: number, name: string, low: number, high: number): void {
  if (!Number.isInteger(value) || value < low || value > high)
    throw new RoundelError(`${name} is ${value}, must be a whole number, ${low} to ${high}`)
}

async function sourceOf(source: Readable, signal?: AbortSignal): Promise<Source> {
  if (typeof source === 'string' || source instanceof URL) return HttpSource.open(String(source), signal)
  if (source instanceof Blob) return new BlobSource(source)
  if (source instanceof Uint8Array) return new BytesSource(source)
  if (source instanceof ArrayBuffer) return new BytesSource(new Uint8Array(source))
  throw new FormatError('give bytes, a Blob, a Response, or the URL of a file')
}
