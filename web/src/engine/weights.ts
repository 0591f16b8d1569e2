/** The weights file: integer tables and ONNX graphs of one model, in the safetensors format. */

import { ModelError } from '../errors'
import { Graph, RUNTIME_VERSION } from './graph'
import { rememberPassed, wasPassed } from './store'

const ARRAYS = {
  U8: Uint8Array,
  I8: Int8Array,
  I16: Int16Array,
  I32: Int32Array,
  I64: BigInt64Array,
  F32: Float32Array,
}
export type Type = keyof typeof ARRAYS

/** An array of the file. */
export interface Tensor {
  type: Type
  shape: number[]
  data: InstanceType<(typeof ARRAYS)[Type]>
}

interface Line {
  dtype: string
  shape: number[]
  data_offsets: [number, number]
}

/** What a weights file holds. */
export class Weights {
  private readonly graphs = new Map<string, Graph>()

  private constructor(
    /** For messages. */
    readonly name: string,
    /** Of the file: names these weights. */
    private readonly hash: string,
    /** Registered name and version of what reads it, such as "pyramid/1". */
    readonly architecture: string,
    /** Sizes that the architecture needs to know. */
    readonly shape: Record<string, unknown>,
    /** Hash of what the nets say about fixed inputs, from the machine that exported them. */
    readonly selftest: string,
    private readonly lines: Map<string, Line>,
    private readonly payload: Uint8Array,
  ) {}

  /** Throws: ModelError, the bytes are no weights file. */
  static read(bytes: Uint8Array, name: string, hash: string): Weights {
    try {
      const length = Number(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true))
      const json = JSON.parse(new TextDecoder().decode(bytes.subarray(8, 8 + length)))
      const { __metadata__: metadata, ...lines } = json as Record<string, unknown> & { __metadata__: Record<string, string> }
      const { architecture, shape, selftest } = metadata
      return new Weights(
        name, hash, architecture, JSON.parse(shape), selftest, new Map(Object.entries(lines) as [string, Line][]), bytes.subarray(8 + length),
      )
    } catch (error) {
      throw new ModelError(`${name}: the weights are damaged: ${(error as Error).message}`)
    }
  }

  /** Whether there is a tensor of this name. */
  has(name: string): boolean {
    return this.lines.has(name)
  }

  /** A tensor of this type. Throws: ModelError, the file has none such. */
  tensor(name: string, type: Type): Tensor {
    const line = this.lines.get(name)
    if (!line || line.dtype !== type)
      throw new ModelError(`${this.name}: lacks ${name} (${type}): not a complete ${this.architecture} model`)
    const bytes = this.payload.slice(...line.data_offsets) // aligned, and free of the rest
    const Numbers = ARRAYS[type]
    const data = new Numbers(bytes.buffer, 0, bytes.length / Numbers.BYTES_PER_ELEMENT)
    if (data.length !== line.shape.reduce((a, b) => a * b, 1))
      throw new ModelError(`${this.name}: ${name} has not as many numbers as its shape says; the weights are damaged`)
    return { type, shape: line.shape, data }
  }

  /** The numbers of a tensor of integers of any type. Throws: ModelError. */
  integers(name: string): Int32Array {
    const line = this.lines.get(name)
    const { data } = this.tensor(name, (line?.dtype ?? 'I32') as Type)
    return data instanceof Int32Array ? data : Int32Array.from(data as ArrayLike<number | bigint>, Number)
  }

  /** A graph, made once. Throws: ModelError, the file has none of this name. */
  graph(name: string): Graph {
    let graph = this.graphs.get(name)
    if (!graph) {
      graph = new Graph(this.tensor(`graph.${name}`, 'U8').data as Uint8Array)
      this.graphs.set(name, graph)
    }
    return graph
  }

  /**
   * Tests that the nets give the same integers here as where they were exported: once in each browser.
   *
   * Args: test: gives a hash of what they say about fixed inputs.
   * Throws: ModelError, it is not the stored one.
   */
  async prove(test: () => Promise<string>): Promise<void> {
    const name = `${this.hash} ${RUNTIME_VERSION}`
    if (await wasPassed(name)) return
    const found = await test()
    if (found !== this.selftest)
      throw new ModelError(
        `${this.name}: its nets give ${found} here and ${this.selftest} where they were exported: the weights are damaged, ` +
          'or this browser computes otherwise',
      )
    await rememberPassed(name)
  }
}
