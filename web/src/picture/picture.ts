/** A decoded picture: its samples, and what a page shows of it. */

import { toPng } from './png'

/** Samples of 8 or 16 bits. */
export type Samples = Uint8Array | Uint16Array

/** What a picture is made of; travels between a worker and its page. */
export interface PictureData {
  width: number
  height: number
  /** Grey or RGB. */
  channels: 1 | 3
  /** Bits of a sample. */
  depth: 8 | 16
  /** (height, width, channels), exactly what Python decodes. */
  samples: Samples
  /** (height, width), straight, of the same type. */
  alpha?: Samples
  /** Passes that all of it was decoded from. */
  passes: number
  /** Tiles that could be decoded only in part, or not at all; empty unless salvaging. */
  damaged: number[]
  /** Colour profile, as the source had it. Without one samples are sRGB, unless `colour` says otherwise. */
  icc?: Uint8Array
  /** The box COLOUR: PNG chunks that say what samples mean as light. */
  colour?: Uint8Array
}

/** A decoded picture. */
export class Picture implements PictureData {
  readonly width: number
  readonly height: number
  readonly channels: 1 | 3
  readonly depth: 8 | 16
  readonly samples: Samples
  readonly alpha?: Samples
  readonly passes: number
  readonly damaged: number[]
  readonly icc?: Uint8Array
  readonly colour?: Uint8Array

  constructor(data: PictureData) {
    this.width = data.width
    this.height = data.height
    this.channels = data.channels
    this.depth = data.depth
    this.samples = data.samples
    this.alpha = data.alpha
    this.passes = data.passes
    this.damaged = data.damaged
    this.icc = data.icc
    this.colour = data.colour
  }

  /** RGBA of 8 bits a sample, (height, width, 4): 16-bit samples are rounded. */
  toRgba(): Uint8ClampedArray<ArrayBuffer> {
    const { samples, alpha, channels, depth } = this
    const area = this.width * this.height
    const out = new Uint8ClampedArray(4 * area)
    const eight = depth === 8 ? (v: number): number => v : (v: number): number => Math.floor((v + 128) / 257)
    for (let i = 0, from = 0, to = 0; i < area; i++, to += 4) {
      out[to] = eight(samples[from])
      out[to + 1] = channels === 1 ? out[to] : eight(samples[from + 1])
      out[to + 2] = channels === 1 ? out[to] : eight(samples[from + 2])
      out[to + 3] = alpha ? eight(alpha[i]) : 255
      from += channels
    }
    return out
  }

  /** A PNG file of all samples, with colour profile and colour chunks: browsers show its colours right. */
  toPng(): Promise<Blob> {
    return toPng(this)
  }

  /** The RGBA samples as the browser's own class, for canvases; a colour profile counts for nothing there. */
  toImageData(): ImageData {
    return new ImageData(this.toRgba(), this.width, this.height)
  }
}
