/** The decoder, which lies beside the page as it was built; it is loaded with the first picture. */

import type * as Decoder from '../../src/index'

export type { OpenFile, Picture } from '../../src/index'

let loaded: Promise<typeof Decoder> | undefined

/** Throws: Error, it is not here. */
export function decoder(): Promise<typeof Decoder> {
  loaded ??= import(/* @vite-ignore */ new URL('decoder/index.js', document.baseURI).href)
  return loaded
}

/** Opens one of the files that are listed; only the bytes that are looked at are fetched. Throws: RoundelError. */
export async function openListed(path: string): Promise<Decoder.OpenFile> {
  return (await decoder()).open(new URL(path, document.baseURI).href)
}
