/** A picture as a PNG file, with what says how its samples are to be seen: for browsers to show its colours right. */

import { crc32 } from '../container/checks'
import { Cursor } from '../container/cursor'
import type { PictureData } from './picture'

const SIGNATURE = Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a)
/** Colour types of PNG: grey, RGB, and either with alpha. */
const TYPES = { 1: [0, 4], 3: [2, 6] } as const
/** PNG's chunks of the box COLOUR, and the bytes that each has. */
const COLOUR_BYTES: Record<string, number> = { cICP: 4, cHRM: 32, gAMA: 4, sRGB: 1, mDCV: 24, cLLI: 8 }

/** All samples, of 8 or 16 bits, with alpha, colour profile and colour chunks. */
export async function toPng(picture: PictureData): Promise<Blob> {
  const { width, height, depth, channels, alpha, icc, colour } = picture
  const head = new Uint8Array(13)
  const view = new DataView(head.buffer)
  view.setUint32(0, width)
  view.setUint32(4, height)
  head[8] = depth
  head[9] = TYPES[channels][alpha ? 1 : 0]
  const parts = [SIGNATURE, chunk('IHDR', head)]
  if (icc) parts.push(chunk('iCCP', together(text('ICC\0\0'), await deflated(icc))))
  else if (colour) parts.push(...colourChunks(colour))
  parts.push(chunk('IDAT', await deflated(rows(picture))), chunk('IEND', new Uint8Array(0)))
  return new Blob(parts as BlobPart[], { type: 'image/png' })
}

/** Rows of samples, big-endian, each after the number of its filter, which is none. */
function rows({ width, height, depth, channels, samples, alpha }: PictureData): Uint8Array {
  const all = channels + (alpha ? 1 : 0)
  const bytes = depth / 8
  const out = new Uint8Array(height * (1 + width * all * bytes))
  let to = 0
  const put = (value: number): void => {
    if (bytes === 2) out[to++] = value >> 8
    out[to++] = value
  }
  for (let y = 0, i = 0; y < height; y++) {
    to++
    for (let x = 0; x < width; x++, i++) {
      for (let c = 0; c < channels; c++) put(samples[i * channels + c])
      if (alpha) put(alpha[i])
    }
  }
  return out
}

function colourChunks(box: Uint8Array): Uint8Array[] {
  const cursor = new Cursor(box)
  const found: Uint8Array[] = []
  while (cursor.at < box.length) {
    const type = String.fromCharCode(...cursor.take(4, 'box COLOUR'))
    found.push(chunk(type, cursor.take(COLOUR_BYTES[type] ?? box.length, 'box COLOUR')))
  }
  return found
}

function chunk(type: string, content: Uint8Array): Uint8Array {
  const out = new Uint8Array(12 + content.length)
  const view = new DataView(out.buffer)
  view.setUint32(0, content.length)
  out.set(text(type), 4)
  out.set(content, 8)
  view.setUint32(8 + content.length, crc32(out.subarray(4, 8 + content.length)))
  return out
}

async function deflated(bytes: Uint8Array): Promise<Uint8Array> {
  const stream = new Blob([bytes as BlobPart]).stream().pipeThrough(new CompressionStream('deflate'))
  return new Uint8Array(await new Response(stream).arrayBuffer())
}

function text(characters: string): Uint8Array {
  return new TextEncoder().encode(characters)
}

function together(a: Uint8Array, b: Uint8Array): Uint8Array {
  const out = new Uint8Array(a.length + b.length)
  out.set(a)
  out.set(b, a.length)
  return out
}
