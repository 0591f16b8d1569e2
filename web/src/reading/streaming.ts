/** A file that is shown while it arrives: previews from its first passes, then the whole. */

import type { Model } from '../codecs/protocol'
import { modelOf } from '../codecs/zoo'
import { readIndex } from '../container/cells'
import { readHead } from '../container/head'
import { request } from '../container/source'
import { NetworkError, RoundelError, TruncatedError } from '../errors'
import type { PictureData } from '../picture/picture'
import { type FileInfo, Opened } from './opening'

/** What is told on the way. */
export interface Listener {
  /** Header and index are there. */
  info(info: FileInfo): void
  /** A smaller picture, of the passes so far. */
  preview(picture: PictureData): void
}

/** How often the whole is halved, at least, where it would have more pixels than this. */
const SHOWN_PX = 2 ** 26
/** First previews have about so many pixels along the longer side. */
const PREVIEW_PX = 128

/**
 * The picture of a URL, with previews before it.
 *
 * Throws: RoundelError.
 */
export async function streamed(url: string, listener: Listener, signal?: AbortSignal): Promise<PictureData> {
  const arriving = new Arriving()
  const received = receive(url, arriving, signal)
  received.catch(() => undefined) // is awaited below
  let shown = 0
  let info: FileInfo | undefined
  for (;;) {
    await arriving.more(signal)
    if (!arriving.complete && !isReadable(arriving.bytes)) continue
    if (!info) {
      info = (await Opened.open(arriving.bytes, { lenient: true, keptBytes: 0, signal })).info
      listener.info(info)
    }
    if (info.images) {
      await received
      throw new RoundelError(`a pack of ${info.images} images, not one picture: open it, and show its images one by one`)
    }
    const model = await modelOf(info)
    const { bytes, complete } = arriving // as they are by now
    const level = previewLevel(model, info, bytes.length, complete && !shown)
    const reduce = Math.max(0, Math.ceil(Math.log2((info.width * info.height) / SHOWN_PX) / 2))
    if (level > reduce && passesAt(model, level) > shown && !(complete && shown)) {
      const prefix = await Opened.open(bytes, { lenient: true, keptBytes: 0, signal })
      listener.preview(await prefix.decode({ reduce: level, signal }))
      shown = passesAt(model, level)
    }
    if (!arriving.complete) continue
    await received
    const whole = await Opened.open(arriving.bytes, { keptBytes: 0, signal })
    return whole.decode({ reduce, signal })
  }
}

/** Passes that a level needs. */
function passesAt(model: Model, level: number): number {
  return model.reduced && level > 0 ? model.reduced(level).passes : model.passes
}

/** The finest level that the bytes are enough for; where all are there, one that is quick. 0 where there is none. */
function previewLevel(model: Model, info: FileInfo, bytes: number, quick: boolean): number {
  if (!model.reduced) return 0
  let finest = 0
  for (let level = model.levels; level > 0; level--)
    if (info.prefixBytes[passesAt(model, level) - 1] <= bytes) finest = level
  const small = Math.max(0, Math.ceil(Math.log2(Math.max(info.width, info.height) / PREVIEW_PX)))
  return finest && quick ? Math.min(Math.max(finest, small), model.levels) : finest
}

function isReadable(bytes: Uint8Array): boolean {
  try {
    readIndex(bytes, readHead(bytes))
    return true
  } catch (error) {
    if (error instanceof TruncatedError) return false
    throw error
  }
}

/** Bytes that arrive, and somebody who waits for more of them. */
class Arriving {
  complete = false
  private held = new Uint8Array(1 << 16)
  private length = 0
  private seen = 0
  private error: unknown
  private wake: (() => void) | undefined

  get bytes(): Uint8Array {
    return this.held.subarray(0, this.length)
  }

  push(chunk: Uint8Array): void {
    if (this.length + chunk.length > this.held.length) {
      const wider = new Uint8Array(2 * (this.length + chunk.length))
      wider.set(this.bytes)
      this.held = wider
    }
    this.held.set(chunk, this.length)
    this.length += chunk.length
    this.wake?.()
  }

  end(error?: unknown): void {
    this.complete = error === undefined
    this.error = error
    this.wake?.()
  }

  /** Waits until more is there than was before, or all. Throws: what kept bytes from arriving. */
  async more(signal?: AbortSignal): Promise<void> {
    while (this.length === this.seen && !this.complete && !this.error)
      await new Promise<void>((resolve) => {
        this.wake = resolve
      })
    signal?.throwIfAborted()
    if (this.error) throw this.error
    this.seen = this.length
  }
}

async function receive(url: string, arriving: Arriving, signal?: AbortSignal): Promise<void> {
  try {
    const response = await request(url, {}, signal)
    const reader = response.body?.getReader()
    for (;;) {
      const chunk = await reader?.read()
      if (!chunk || chunk.done) break
      arriving.push(chunk.value)
    }
    arriving.end()
  } catch (error) {
    const known = error instanceof RoundelError || (error as Error).name === 'AbortError'
    arriving.end(known ? error : new NetworkError(`${url}: the connection broke (${(error as Error).message})`))
  }
}
