/**
 * Decodes .rndl files in browsers and in Node, to the same samples as Python.
 *
 * On a page all work is done in a worker of its own, which is started by the first call.
 */

import { body } from './container/source'
import { NetworkError } from './errors'
import { openFile, type OpenFile } from './page/file'
import type { Picture } from './picture/picture'
import type { DecodeOptions, OpenOptions, Readable } from './reading/opening'

export { setAssetBase } from './engine/assets'
export * from './errors'
export type { OpenFile } from './page/file'
export { Picture, type PictureData, type Samples } from './picture/picture'
export type { DecodeOptions, FileInfo, OpenOptions, Readable } from './reading/opening'

/** How a whole file is decoded. */
export interface Options extends DecodeOptions {
  /** Take a file that ends early for a preview instead of an error. */
  partial?: boolean
  /** The most pixels to decode. */
  maxPixels?: number
}

/**
 * The picture of a file.
 *
 * Args:
 *   source: the file's bytes, a Blob, or the answer of `fetch`.
 *
 * Throws: RoundelError, the bytes are no such file, are damaged, or end early; the signal's reason.
 *
 * Example:
 *   const picture = await decode(await fetch('photo.rndl'), { reduce: 1 })
 *   canvas.getContext('2d').putImageData(picture.toImageData(), 0, 0)
 */
export async function decode(source: ArrayBuffer | Uint8Array | Blob | Response, options: Options = {}): Promise<Picture> {
  const { partial = false, maxPixels, ...rest } = options
  const { signal, salvage = false } = rest
  const from = source instanceof Response ? await bytesOf(source, signal) : source
  const file = await openFile(from, { signal, maxPixels, lenient: partial || salvage, keptBytes: 0 })
  try {
    return await file.decode(rest)
  } finally {
    file.close()
  }
}

/**
 * Opens a file for looking at parts of it: reads the header and the index now, tiles when they are shown. Of a URL only
 * the ranges that are needed are fetched, where its server allows that.
 *
 * Throws: RoundelError, it is no .rndl file, or cannot be read; the signal's reason.
 *
 * Example:
 *   const slide = await open('slide.rndl')
 *   const tile = await slide.readRegion(4096, 2048, 2, 256, 256)
 */
export function open(source: Readable, options: OpenOptions = {}): Promise<OpenFile> {
  return openFile(source, options)
}

async function bytesOf(response: Response, signal?: AbortSignal): Promise<Uint8Array> {
  signal?.throwIfAborted()
  if (!response.ok) throw new NetworkError(`${response.url}: the server answers ${response.status} ${response.statusText}`)
  return body(response, response.url)
}
