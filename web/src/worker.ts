/** The decoder in a worker: answers one page. */

import { assetBase, setAssetBase } from './engine/assets'
import { Native } from './coding/native'
import { expectRuntime, startRuntime } from './engine/graph'
import { models } from './engine/store'
import { sent } from './errors'
import type { Answer, Calls, Method, Request } from './page/messages'
import type { PictureData } from './picture/picture'
import { Opened } from './reading/opening'
import { streamed } from './reading/streaming'

const files = new Map<number, Opened>()
const running = new Map<number, AbortController>()
let handles = 0
let compile: (module: WebAssembly.Module | undefined) => void
const compiled = new Promise<WebAssembly.Module | undefined>((resolve) => (compile = resolve))

type Work = { [M in Method]: (id: number, signal: AbortSignal, ...args: Parameters<Calls[M]>) => Promise<ReturnType<Calls[M]>> }

const work: Work = {
  start: async (_id, _signal, base) => {
    if (base !== assetBase()) setAssetBase(base)
    expectRuntime(compiled)
    // What every picture needs, while the first one's bytes arrive; whoever waits for it says what is wrong.
    for (const needed of [startRuntime(), Native.compile(), models()]) needed.catch(() => undefined)
  },
  runtime: async (_id, _signal, module) => compile(module),
  open: async (_id, signal, source, options) => {
    const opened = await Opened.open(source, { ...options, signal })
    files.set(++handles, opened)
    return { handle: handles, info: opened.info, levelDimensions: opened.levelDimensions }
  },
  decode: (_id, signal, handle, options) => file(handle).decode({ ...options, signal }),
  region: (_id, signal, handle, x, y, level, width, height) =>
    file(handle).readRegion(x, y, level, width, height, { signal }),
  member: (_id, signal, handle, number) => file(handle).member(number, { signal }),
  list: (_id, signal, handle) => file(handle).list(signal),
  box: (_id, signal, handle, tag) => file(handle).box(tag, signal),
  prepare: (_id, _signal, handle) => file(handle).prepare(),
  close: async (_id, _signal, handle) => {
    files.get(handle)?.close()
    files.delete(handle)
  },
  stream: (id, signal, url) =>
    streamed(url, { info: (info) => post({ id, info }), preview: (preview) => post({ id, preview }) }, signal),
}

function file(handle: number): Opened {
  const opened = files.get(handle)
  if (!opened) throw new Error('the file is closed')
  return opened
}

self.onmessage = async ({ data }: MessageEvent<Request>) => {
  const { id } = data
  if ('abort' in data) {
    running.get(id)?.abort()
    return
  }
  const controller = new AbortController()
  running.set(id, controller)
  try {
    const does = work[data.method] as (id: number, signal: AbortSignal, ...args: unknown[]) => Promise<unknown>
    const result = await does(id, controller.signal, ...data.args)
    const handle = data.method === 'open' ? handles : (data.args[0] as number)
    post({ id, result, bytesRead: files.get(handle)?.bytesRead })
  } catch (error) {
    post({ id, error: sent(error) })
  } finally {
    running.delete(id)
  }
}

function post(answer: Answer): void {
  const picture = ('result' in answer ? answer.result : 'preview' in answer ? answer.preview : undefined) as
    | Partial<PictureData>
    | undefined
  const arrays = [picture?.samples, picture?.alpha].filter((array) => array !== undefined)
  self.postMessage(answer, { transfer: arrays.map((array) => array.buffer) })
}
