/** Weights by the hash that files name them with: fetched from the decoder's own folder, checked, and kept. */

import { sha256 } from '@noble/hashes/sha2.js'
import { bytesToHex } from '@noble/hashes/utils.js'
import { ModelError } from '../errors'
import { asset, assetUrl } from './assets'

/** One line of weights/models.json. */
export interface Listed {
  name: string
  /** Number by which files name the model; left out for weights of one's own. */
  id?: number
  /** First 8 bytes of the SHA-256 of the file, hexadecimal. */
  hash: string
  bytes: number
}

const CACHE = 'roundel-weights'
/** Number of every model that is not published. */
const CUSTOM_ID = 0xffff

let listed: Promise<Listed[]> | undefined

/** The weights that are there. Throws: NetworkError. */
export function models(): Promise<Listed[]> {
  listed ??= asset('weights/models.json')
    .then((bytes) => JSON.parse(new TextDecoder().decode(bytes)) as Listed[])
    .catch((error) => {
      listed = undefined
      throw error
    })
  return listed
}

/** The weights file with this hash of the model with this number, and its name. Throws: ModelError, NetworkError. */
export async function weightsFile(hash: string, id: number): Promise<{ name: string; bytes: Uint8Array }> {
  const alike = (await models()).filter((model) => model.hash === hash)
  const found = alike.find((model) => (model.id ?? CUSTOM_ID) === id)
  if (!found && alike.length)
    throw new ModelError(`the file was written by model ${id}, its weights are those of ${alike[0].name} (${alike[0].id ?? CUSTOM_ID})`)
  if (!found)
    throw new ModelError(
      `the file was written with weights ${hash}, which are not among those of this decoder: use the version that wrote it`,
    )
  const file = `weights/${found.name}.safetensors`
  const kept = await cached(`${assetUrl(file)}?${hash}`, () => checked(file, hash))
  return { name: found.name, bytes: kept }
}

/** The first 8 bytes of the SHA-256, hexadecimal. */
async function weightsHash(bytes: Uint8Array): Promise<string> {
  // Pages without HTTPS have none of the browser's own, which is ten times as fast.
  const digest = globalThis.crypto?.subtle
    ? new Uint8Array(await crypto.subtle.digest('SHA-256', bytes as BufferSource))
    : sha256(bytes)
  return bytesToHex(digest).slice(0, 16)
}

/** Whether a test with this name was passed in this browser before. */
export async function wasPassed(name: string): Promise<boolean> {
  return (await (await storage())?.match(passed(name))) !== undefined
}

/** Remembers that it was. */
export async function rememberPassed(name: string): Promise<void> {
  try {
    await (await storage())?.put(passed(name), new Response('passed'))
  } catch {
    // tested again next time
  }
}

/** Another browser, or another version of it, is tested anew. */
function passed(name: string): string {
  return `${assetUrl('selftest')}?${encodeURIComponent(`${name} ${navigator.userAgent}`)}`
}

async function checked(file: string, hash: string): Promise<Uint8Array> {
  const bytes = await asset(file)
  const is = await weightsHash(bytes)
  if (is !== hash) throw new ModelError(`${file} has the hash ${is}, expected ${hash}: it is damaged, or of another version`)
  return bytes
}

/** What is kept under a key; else what `get` gives, which is kept where that can be. */
async function cached(key: string, get: () => Promise<Uint8Array>): Promise<Uint8Array> {
  const cache = await storage()
  const kept = await cache?.match(key)
  if (kept) return new Uint8Array(await kept.arrayBuffer())
  const bytes = await get()
  try {
    await cache?.put(key, new Response(bytes as BufferSource))
  } catch {
    // no room, or not allowed: fetched again next time
  }
  return bytes
}

/** The browser's store, where there is one: not on pages without HTTPS, and not in Node. */
async function storage(): Promise<Cache | undefined> {
  try {
    return assetUrl('').startsWith('http') && typeof caches !== 'undefined' ? await caches.open(CACHE) : undefined
  } catch {
    return undefined
  }
}
