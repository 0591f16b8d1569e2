/** Deflate streams that must end exactly where they should, and never grow beyond a limit. */

import { Inflate } from 'pako'
import { FormatError } from '../errors'

/** What a stream inflated to, and whether it was whole with nothing behind it. */
interface Inflated {
  bytes: Uint8Array
  whole: boolean
}

/**
 * A raw deflate stream.
 *
 * Throws: FormatError, if it exceeds `limit` bytes, is damaged, or does not end with its bytes.
 */
export function inflate(bytes: Uint8Array, limit: number, what: string): Uint8Array {
  const found = run(bytes, limit, what, true)
  if (!found.whole) throw new FormatError(`the ${what} is not one whole deflate stream; the file is damaged`)
  return found.bytes
}

/** A zlib stream of at most `limit` bytes, as far as it goes. Throws: FormatError, see `inflate`. */
export function inflateZlib(bytes: Uint8Array, limit: number, what: string): Uint8Array {
  return run(bytes, limit, what, false).bytes
}

const CHUNK = 1 << 16

function run(bytes: Uint8Array, limit: number, what: string, raw: boolean): Inflated {
  const inflater = new Inflate({ raw, chunkSize: CHUNK })
  const chunks: Uint8Array[] = []
  let length = 0
  inflater.onData = (chunk) => {
    const part = chunk as Uint8Array
    length += part.length
    if (length > limit)
      throw new FormatError(`the ${what} inflates to more than the ${limit} bytes allowed; the file is damaged`)
    chunks.push(part)
  }
  inflater.push(bytes, true)
  if (inflater.err)
    throw new FormatError(`the ${what} does not inflate (${inflater.msg || inflater.err}); the file is damaged`)
  const out = new Uint8Array(length)
  let at = 0
  for (const chunk of chunks) {
    out.set(chunk, at)
    at += chunk.length
  }
  const { ended, strm } = inflater as unknown as { ended: boolean; strm: { avail_in: number } }
  return { bytes: out, whole: ended && strm.avail_in === 0 }
}
