/** One ONNX graph, run by ONNX Runtime in WebAssembly, on one thread, so that it gives the same integers everywhere. */

import * as ort from 'onnxruntime-web/wasm'
import { ModelError } from '../errors'
import { asset, assetUrl, RUNTIME } from './assets'

export const RUNTIME_VERSION = ort.env.versions.web ?? ort.env.versions.common

/** An input: numbers and their shape. */
export interface Input {
  data: Uint8Array | Float32Array | BigInt64Array
  shape: number[]
}

const TYPES = { Uint8Array: 'uint8', Float32Array: 'float32', BigInt64Array: 'int64' } as const

const OPTIONS: ort.InferenceSession.SessionOptions = {
  executionProviders: ['wasm'],
  // Fusions know nothing of exactness: one of them rounds twice where a graph says once.
  graphOptimizationLevel: 'disabled',
  executionMode: 'sequential',
}

let ready: Promise<void> | undefined
let compiled: Promise<WebAssembly.Module | undefined> = Promise.resolve(undefined)

/** Another thread compiles the runtime, or says that it cannot. */
export function expectRuntime(from: Promise<WebAssembly.Module | undefined>): void {
  compiled = from
}

/** Loads the runtime: once, and before it is needed if that helps. */
export function startRuntime(): Promise<void> {
  ready ??= start().catch((error) => {
    ready = undefined
    throw error
  })
  return ready
}

/** A graph that does nothing, uint8 (1,) to the same: with its session the runtime is compiled. */
const NOTHING = 'CAgSADo3ChAKAXgSAXkiCElkZW50aXR5EgFnWg8KAXgSCgoICAISBAoCCAFiDwoBeRIKCggIAhIECgIIAUIECgAQDQ=='

async function start(): Promise<void> {
  ort.env.wasm.numThreads = 1
  ort.env.wasm.proxy = false
  ort.env.logLevel = 'error'
  const url = assetUrl(RUNTIME)
  if (url.startsWith('file:')) ort.env.wasm.wasmBinary = (await asset(RUNTIME)) as unknown as ArrayBuffer
  else ort.env.wasm.wasmPaths = { wasm: url }
  const file = Uint8Array.from(atob(NOTHING), (character) => character.charCodeAt(0))
  const module = await compiled
  const { instantiateStreaming } = WebAssembly
  if (module)
    // ONNX Runtime takes no compiled module, but this is what it asks for one.
    WebAssembly.instantiateStreaming = async (response, imports) => {
      Promise.resolve(response).then(({ body }) => body?.cancel(), () => undefined)
      return { module, instance: await WebAssembly.instantiate(module, imports) }
    }
  try {
    await (await ort.InferenceSession.create(file, OPTIONS)).release()
  } finally {
    WebAssembly.instantiateStreaming = instantiateStreaming
  }
}

/** A graph of a model; its session is made when it is first run. */
export class Graph {
  private session: Promise<ort.InferenceSession> | undefined

  /** Args: file: an ONNX file. */
  constructor(private readonly file: Uint8Array) {}

  /**
   * The graph with other biases: arrays of 32-bit integers that begin at these places of the file; the last of them
   * stands at all places that are left.
   */
  withBiases(places: Int32Array, biases: Int32Array[]): Graph {
    const file = this.file.slice()
    const view = new DataView(file.buffer)
    places.forEach((place, k) =>
      biases[Math.min(k, biases.length - 1)].forEach((value, i) => view.setInt32(place + 4 * i, value, true)),
    )
    return new Graph(file)
  }

  /**
   * The graph's outputs, in their order.
   *
   * Throws: ModelError, the graph cannot be run here, or not on such inputs.
   */
  async run<T = Uint8Array>(inputs: Record<string, Input>): Promise<T[]> {
    try {
      const session = await this.open()
      const feeds: Record<string, ort.Tensor> = {}
      for (const [name, { data, shape }] of Object.entries(inputs)) {
        const type = TYPES[data.constructor.name as keyof typeof TYPES]
        feeds[name] = new ort.Tensor(type as 'uint8', data as Uint8Array, shape)
      }
      const found = await session.run(feeds)
      return session.outputNames.map((name) => found[name].data as T)
    } catch (error) {
      throw new ModelError(`ONNX Runtime cannot run a net: ${String((error as Error).message ?? error).split('\n')[0]}`)
    }
  }

  /** Makes the session, if there is none yet. */
  open(): Promise<ort.InferenceSession> {
    this.session ??= startRuntime().then(() =>
      ort.InferenceSession.create(this.file, OPTIONS),
    )
    return this.session
  }

  /** Frees the session's memory. */
  async release(): Promise<void> {
    const { session } = this
    this.session = undefined
    await (await session)?.release()
  }
}
