/** What every family of models offers: a prefix of a tile's passes to latents, and latents to pixels. */

import type { Rect } from '../geometry'
import type { Kind } from '../container/format'

/** Numbers on a grid: (channels, scale · h, scale · w) for the h × w latents of a tile, or of a window. */
export interface Part {
  channels: number
  /** Numbers of a latent along each axis. */
  scale: number
  data: Uint8Array | Int16Array | Int32Array
}

/** Latents of a tile, or of a window around one: h × w of them, each with its numbers in some parts. */
export interface Latents {
  height: number
  width: number
  parts: Part[]
  /** What a tile says of itself and no grid holds: the settings byte of a lossy one, else 0. */
  settings: number
}

/** One decoded tile. */
export interface Decoded {
  latents: Latents
  /** CRC-32 of what it was decoded to; undefined where passes are missing. */
  crc: number | undefined
}

/** A model as it decodes pictures at one level of size. */
export interface Decoder {
  /** So many passes of a tile are needed. */
  passes: number
  /** Pixels per latent along each axis. */
  latentPx: number
  /** Context that `render` wants on each side of a tile, a multiple of `latentPx`. */
  haloPx: number
  /**
   * A tile from a prefix of its passes.
   *
   * Args: height, width: of the whole tile, in pixels of level 0.
   * Throws: FormatError, the passes are damaged.
   */
  decode(passes: Uint8Array[], height: number, width: number, quality: number, signal?: AbortSignal): Promise<Decoded>
  /** Tiles of one size, of each all passes that are needed: small ones are decoded together more quickly. */
  decodeTogether?(tiles: Uint8Array[][], height: number, width: number, signal?: AbortSignal): Promise<Decoded[]>
  /** Pixels (h, w, 3) of a window inside the area that the latents cover. */
  render(latents: Latents, window: Rect, quality: number, signal?: AbortSignal): Promise<Uint8Array>
}

/** A trained model. */
export interface Model extends Decoder {
  kind: Kind
  /** Sides of tiles are multiples of this. */
  alignPx: number
  /** How often a picture can be halved without its finest passes. */
  levels: number
  /** The model at level 1 … `levels`. */
  reduced?(level: number): Decoder
  /** Pictures of one size, (B, H, W, 3), and their CRC-32: of models that code packs. */
  decodeBatch?(passes: Uint8Array[], count: number, height: number, width: number, signal?: AbortSignal): Promise<Batch>
}

/** Pictures of one size. */
export interface Batch {
  /** (B, H, W, 3). */
  pixels: Uint8Array
  crc: number | undefined
}

/** Lets other work of this thread have its turn, such as a message that says stop. */
export function breathe(signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const { port1, port2 } = new MessageChannel()
    port1.onmessage = () => {
      port1.close()
      if (signal?.aborted) reject(signal.reason)
      else resolve()
    }
    port2.postMessage(0)
  })
}
