/** The images of a pack: a group of them is decoded together. */

import type { Batch, Model } from '../codecs/protocol'
import { combined } from '../container/checks'
import type { File } from '../container/file'
import { Tag } from '../container/format'
import { readLabels, readMetadata, readNames, readSizes } from '../container/pack'
import { ChecksumError, UnsupportedError } from '../errors'
import { Rect } from '../geometry'
import type { PictureData } from '../picture/picture'
import { pictureOf } from './boxes'

/** What a pack says of its images. */
export interface Listing {
  names?: string[]
  labels?: Uint32Array
  /** Width and height of each. */
  sizes: [number, number][]
}

/** The images of a pack, by number. */
export class Members {
  private sizes: [number, number][] | undefined
  private metadata: Map<number, Uint8Array>[] | undefined
  private last: { unit: number; batch: Promise<Batch> } | undefined
  private readonly crcs = new Map<number, number>()

  constructor(private readonly file: File) {}

  /** Throws: FormatError, ChecksumError. */
  async list(signal?: AbortSignal): Promise<Listing> {
    const { images } = this.file.head
    const [names, labels] = [await this.file.box(Tag.NAMES, signal), await this.file.box(Tag.LABELS, signal)]
    return {
      sizes: await this.allSizes(signal),
      ...(names && { names: readNames(names, images) }),
      ...(labels && { labels: readLabels(labels, images) }),
    }
  }

  /** Throws: FormatError, ChecksumError, TruncatedError. */
  async picture(number: number, model: Model, signal?: AbortSignal): Promise<PictureData> {
    const { head } = this.file
    const { header, group } = head
    const own = (await this.allMetadata(signal))[number]
    const [width, height] = (await this.allSizes(signal))[number]
    const { pixels } = await this.batch(Math.floor(number / group), model, signal)
    const area = height * width
    const first = (number % group) * area
    const channels = header.channels === 1 || own?.has(Tag.GREY) ? 1 : 3
    const coded = new Uint8Array(area * channels)
    for (let i = 0; i < area; i++) for (let c = 0; c < channels; c++) coded[i * channels + c] = pixels[3 * (first + i) + c]
    const shown = { pixels: coded, width, height, part: new Rect(0, 0, height, width), step: 1 }
    const depth = own?.has(Tag.LOW_BYTES) ? 16 : 8
    return pictureOf({ width, height, channels, depth }, shown, async (tag) => own?.get(tag), header.passes, [])
  }

  /** The group that was asked for last is kept: its other images come next. */
  private batch(unit: number, model: Model, signal?: AbortSignal): Promise<Batch> {
    if (this.last?.unit === unit) return this.last.batch
    const batch = this.decoded(unit, model, signal)
    const last = { unit, batch }
    this.last = last
    batch.catch(() => {
      if (this.last === last) this.last = undefined
    })
    return batch
  }

  private async decoded(unit: number, model: Model, signal?: AbortSignal): Promise<Batch> {
    const { file } = this
    const { images, group, header } = file.head
    if (!model.decodeBatch) throw new UnsupportedError(`a ${model.kind} model cannot hold a pack`)
    const count = Math.min(group, images - unit * group)
    const [width, height] = (await this.allSizes(signal))[unit * group]
    const batch = await model.decodeBatch(await file.group(unit, signal), count, height, width, signal)
    if (batch.crc !== undefined) this.crcs.set(unit, batch.crc)
    if (this.crcs.size === file.units) {
      const crcs = Array.from({ length: file.units }, (_, k) => this.crcs.get(k) as number)
      if (combined(crcs) !== header.checksum)
        throw new ChecksumError("the pictures do not match the pack's checksum: it is damaged, or computed wrongly here")
    }
    return batch
  }

  private async allSizes(signal?: AbortSignal): Promise<[number, number][]> {
    if (this.sizes) return this.sizes
    const { header, images } = this.file.head
    const box = await this.file.box(Tag.SIZES, signal)
    this.sizes = box
      ? readSizes(box, header, images)
      : Array.from({ length: images }, () => [header.width, header.height] as [number, number])
    return this.sizes
  }

  private async allMetadata(signal?: AbortSignal): Promise<Map<number, Uint8Array>[]> {
    if (this.metadata) return this.metadata
    const box = await this.file.box(Tag.METADATA, signal)
    this.metadata = box ? readMetadata(box, this.file.head.images) : []
    return this.metadata
  }
}
