/** Tiles as lossless WebP, by libwebp compiled to WebAssembly, which is loaded when the first such tile comes. */

import { asset } from '../../engine/assets'
import { FormatError } from '../../errors'

const SIGNATURE = 0x2f
const HEAD_BYTES = 5
const PIXELS_MAX = 2 ** 26

type Decoder = typeof import('@jsquash/webp/decode.js')
let ready: Promise<Decoder> | undefined

/** RGB (height, width, 3) of a bitstream. Throws: FormatError, it is none, or of a picture of another size. */
export async function decodeWebp(stream: Uint8Array, height: number, width: number): Promise<Uint8Array> {
  const view = new DataView(stream.buffer, stream.byteOffset, stream.length)
  // 14 bits of width less one, as many of height less one, a bit for alpha, and three of version 0.
  const said = stream.length >= HEAD_BYTES ? view.getUint32(1, true) : -1
  if (stream[0] !== SIGNATURE || said !== (height - 1) * 2 ** 14 + width - 1)
    throw new FormatError(`a tile does not hold WebP of ${width} × ${height} px; the file is damaged`)
  if (height * width > PIXELS_MAX)
    throw new FormatError(`a tile of ${width} × ${height} px is too large for WebP: no encoder writes that; it is damaged`)
  const { default: decode } = await load()
  let image: ImageData | undefined
  try {
    image = await decode(riff(stream).buffer as ArrayBuffer)
  } catch (error) {
    throw new FormatError(`a tile of WebP is damaged: ${(error as Error).message ?? error}`)
  }
  if (!image || image.width !== width || image.height !== height) throw new FormatError('a tile of WebP is damaged')
  const rgb = new Uint8Array(3 * width * height)
  for (let i = 0, k = 0; k < rgb.length; i += 4) {
    rgb[k++] = image.data[i]
    rgb[k++] = image.data[i + 1]
    rgb[k++] = image.data[i + 2]
  }
  return rgb
}

/** A WebP file of the bitstream. */
function riff(stream: Uint8Array): Uint8Array {
  const even = stream.length + (stream.length % 2)
  const file = new Uint8Array(20 + even)
  const view = new DataView(file.buffer)
  file.set(new TextEncoder().encode('RIFF    WEBPVP8L'))
  view.setUint32(4, even + 12, true)
  view.setUint32(16, stream.length, true)
  file.set(stream, 20)
  return file
}

async function load(): Promise<Decoder> {
  ready ??= (async () => {
    const decoder = await import('@jsquash/webp/decode.js')
    globalThis.ImageData ??= Plain as unknown as typeof ImageData // Node has none
    await decoder.init(await WebAssembly.compile((await asset('webp_dec.wasm')) as BufferSource))
    return decoder
  })()
  return ready.catch((error) => {
    ready = undefined
    throw error
  })
}

/** Stands in for ImageData. */
class Plain {
  constructor(
    readonly data: Uint8ClampedArray,
    readonly width: number,
    readonly height: number,
  ) {}
}
