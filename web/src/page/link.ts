/** One worker for all files of a page, and the questions that are open. */

import { assetBase, assetUrl, RUNTIME } from '../engine/assets'
import { received } from '../errors'
import type { PictureData } from '../picture/picture'
import type { FileInfo } from '../reading/opening'
import type { Answer, Calls, Method } from './messages'

/** What is told before the answer. */
export interface Told {
  info?(info: FileInfo): void
  preview?(picture: PictureData): void
  /** Bytes that were read of the file so far. */
  bytesRead?(bytes: number): void
}

interface Open extends Told {
  resolve(result: unknown): void
  reject(error: unknown): void
}

let worker: Worker | undefined
let last = 0
const open = new Map<number, Open>()

/** Whether this thread is a page, which is not to wait for a decoder: else it may decode itself. */
export function hasWorker(): boolean {
  return typeof Worker !== 'undefined' && typeof document !== 'undefined'
}

/** What the worker answers. Throws: RoundelError, or the signal's reason. */
export function ask<M extends Method>(
  method: M, args: Parameters<Calls[M]>, signal?: AbortSignal, told: Told = {},
): Promise<ReturnType<Calls[M]>> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) {
      reject(signal.reason)
      return
    }
    worker ??= start()
    const id = ++last
    const stop = (): void => {
      if (!open.delete(id)) return
      worker?.postMessage({ id, abort: true })
      reject(signal?.reason)
    }
    const done = (): void => signal?.removeEventListener('abort', stop)
    open.set(id, {
      ...told,
      resolve: (result) => {
        done()
        resolve(result as ReturnType<Calls[M]>)
      },
      reject: (error) => {
        done()
        reject(error)
      },
    })
    signal?.addEventListener('abort', stop)
    worker.postMessage({ id, method, args })
  })
}

function start(): Worker {
  const made = new Worker(assetUrl('worker.js'), { type: 'module', name: 'roundel' })
  made.onmessage = ({ data }: MessageEvent<Answer>) => answered(data)
  made.onerror = (event) => {
    worker = undefined
    const error = new Error(`the decoder's worker cannot run: ${event.message || assetUrl('worker.js')}`)
    for (const [id, one] of open) {
      open.delete(id)
      one.reject(error)
    }
  }
  const tell = <M extends Method>(method: M, ...args: Parameters<Calls[M]>): void =>
    made.postMessage({ id: ++last, method, args })
  tell('start', assetBase())
  // Compiled while the worker still reads its own code, which saves a tenth of a second.
  WebAssembly.compileStreaming(fetch(assetUrl(RUNTIME), { credentials: 'same-origin' })).then(
    (module) => tell('runtime', module),
    () => tell('runtime', undefined), // the worker tries it, and says what is wrong
  )
  return made
}

function answered(answer: Answer): void {
  const one = open.get(answer.id)
  if (!one) return
  if ('info' in answer) one.info?.(answer.info)
  else if ('preview' in answer) one.preview?.(answer.preview)
  else {
    open.delete(answer.id)
    if ('error' in answer) one.reject(received(answer.error))
    else {
      if (answer.bytesRead !== undefined) one.bytesRead?.(answer.bytesRead)
      one.resolve(answer.result)
    }
  }
}
