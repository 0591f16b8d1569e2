/** The C core, compiled to WebAssembly: one memory, in which arrays are put, worked on, and read back. */

import { FormatError, RoundelError } from '../errors'
import { asset } from '../engine/assets'

/** What web/native/web.c exports. Pointers and sizes are numbers; 0 is no pointer. */
interface Exports {
  memory: WebAssembly.Memory
  mark(): number
  release(to: number): void
  take(bytes: number): number
  tables(count: number, total: number, frequencies: number, starts: number, offsets: number): number
  reader(bytes: number, length: number): number
  symbols(reader: number, found: number, index: number, n: number, tables: number): number
  dependent(reader: number, found: number, index: number, n: number, second: number, tables: number): number
  writer_matches(bytes: number, length: number, found: number, index: number, n: number, tables: number): number
  cell(flags: number, pictures: number, height: number, width: number, halvings: number, colours: number): number
  first(cell: number, colour: number, values: number): void
  group(
    cell: number, reader: number, level: number, phase: number, colour: number, white: number, n: number, values: number,
    mean: number, scale: number, tail: number, luma: number, co: number, tables: number,
  ): number
  indices(bytes: number, length: number, rgb: number, height: number, width: number): number
  samples(bytes: number, length: number, found: number, height: number, width: number, colours: number): number
  mixture(mean: number, scale: number, tail: number, index: number, centre: number, n: number): void
  merge(low: number, details: number, out: number, h: number, w: number): number
  rgb(opponent: number, samples: number, pixels: number, n: number): void
}

type Numbers = Uint8Array | Int16Array | Int32Array | Uint32Array | BigInt64Array

let compiled: Promise<WebAssembly.Module> | undefined

/** An instance of the core, with a memory of its own. */
export class Native {
  readonly call: Exports

  private constructor(instance: WebAssembly.Instance) {
    this.call = instance.exports as unknown as Exports
  }

  /** Compiles the module: once, and before it is needed if that helps. */
  static compile(): Promise<WebAssembly.Module> {
    compiled ??= asset('native.wasm')
      .then((bytes) => WebAssembly.compile(bytes as BufferSource))
      .catch((error) => {
        compiled = undefined
        throw error
      })
    return compiled
  }

  /** A fresh instance. */
  static async start(): Promise<Native> {
    return new Native(await WebAssembly.instantiate(await Native.compile()))
  }

  /** So many bytes. Throws: RoundelError, there is not so much memory. */
  take(bytes: number): number {
    const at = this.call.take(bytes)
    if (!at) throw new RoundelError(`not enough memory for ${bytes} bytes: decode a region, or a smaller picture`)
    return at
  }

  /** An array's copy in the memory. */
  put(array: Numbers): number {
    const at = this.take(array.byteLength)
    new Uint8Array(this.call.memory.buffer, at, array.byteLength).set(
      new Uint8Array(array.buffer, array.byteOffset, array.byteLength),
    )
    return at
  }

  /** Copies of arrays that the memory holds. */
  bytes(at: number, length: number): Uint8Array<ArrayBuffer> {
    return new Uint8Array(this.call.memory.buffer, at, length).slice() as Uint8Array<ArrayBuffer>
  }

  shorts(at: number, length: number): Int16Array {
    return new Int16Array(this.call.memory.buffer, at, length).slice()
  }

  integers(at: number, length: number): Int32Array {
    return new Int32Array(this.call.memory.buffer, at, length).slice()
  }

  /** What `work` gives; the memory that it took is free again. */
  scoped<T>(work: () => T): T {
    const before = this.call.mark()
    try {
      return work()
    } finally {
      this.call.release(before)
    }
  }
}

const NO_MEMORY = 'not enough memory: decode a region, or a smaller picture'
const DAMAGES = new Map([
  [1, 'a table index that is no table'],
  [2, 'a value that no encoder writes'],
  [3, 'a value beyond its range'],
])

/** Throws: RoundelError, for a pointer that is none. */
export function present(pointer: number): number {
  if (!pointer) throw new RoundelError(NO_MEMORY)
  return pointer
}

/** Throws: FormatError, RoundelError, for a result of the core that is not 0. */
export function checked(result: number): void {
  if (!result) return
  const damage = DAMAGES.get(result)
  if (damage) throw new FormatError(`coded data holds ${damage}; the file is damaged`)
  throw new RoundelError(NO_MEMORY)
}
