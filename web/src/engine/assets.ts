/** Where the decoder's own files lie: beside its code, unless told otherwise. Nothing is fetched from anywhere else. */

import { body, request } from '../container/source'

/** ONNX Runtime. */
export const RUNTIME = 'ort-wasm-simd-threaded.wasm'

let base = import.meta.url.replace(/[^/]*$/, '')

/** The folder of the decoder's files, as a URL that ends with a slash. */
export function assetBase(): string {
  return base
}

/** Another folder, with the files of this version. Args: url: absolute. */
export function setAssetBase(url: string): void {
  base = url.endsWith('/') ? url : `${url}/`
}

/** URL of one of the decoder's files. */
export function assetUrl(name: string): string {
  return base + name
}

/** One of the decoder's files. Throws: NetworkError. */
export async function asset(name: string): Promise<Uint8Array> {
  const url = assetUrl(name)
  if (!url.startsWith('file:')) return body(await request(url, {}), url)
  const { readFile } = await import('node:fs/promises')
  return new Uint8Array(await readFile(new URL(url)))
}
