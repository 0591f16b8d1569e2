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
const PREVIEW_PX = 200

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
  let told = false
  for (;;) {
    const { bytes, complete } = await arriving.more(signal)
    if (!complete && !isReadable(bytes)) continue
    const opened = await Opened.open(bytes, { lenient: !complete, keptBytes: 0, signal })
    const { info } = opened
    if (!told) listener.info(info)
    told = true
    if (info.images) {
      await received
      throw new RoundelError(`a pack of ${info.images} images, not one picture: open it, and show its images one by one`)
    }
    const reduce = Math.max(0, Math.ceil(Math.log2((info.width * info.height) / SHOWN_PX) / 2))
    const model = await modelOf(info)
    const level = previewLevel(model, info, arriving.bytes.length, complete && !shown)
    if (level > reduce && passesAt(model, level) > shown) {
      const prefix = await Opened.open(arriving.bytes, { lenient: true, keptBytes: 0, signal })
      const preview = await prefix.decode({ reduce: level, signal })
      shown = passesAt(model, level)
      if (!arriving.complete || complete) listener.preview(preview)
      if (!complete) continue
    }
    if (!complete) continue
    await received
    return opened.decode({ reduce, signal })
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

  /** What is there, once that is more than was there before, or all. */
  async more(signal?: AbortSignal): Promise<{ bytes: Uint8Array; complete: boolean }> {
    while (this.length === this.seen && !this.complete && !this.error)
      await new Promise<void>((resolve) => {
        this.wake = resolve
      })
    signal?.throwIfAborted()
    if (this.error) throw this.error
    this.seen = this.length
    return { bytes: this.bytes, complete: this.complete }
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
