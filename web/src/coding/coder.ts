/** Table indices and bytes to symbols: docs/format.md, "Entropy-coded passes", by the C core. */

import { FormatError, ModelError } from '../errors'
import type { Tensor, Weights } from '../engine/weights'
import { checked, Native } from './native'

/** Probability tables in a core's memory, and the turns in which tiles use it. */
export class Coder {
  private last: Promise<unknown> = Promise.resolve()

  private constructor(
    readonly native: Native,
    readonly tables: number,
    readonly count: number,
    /** Slots of each table. */
    readonly sizes: Int32Array,
  ) {}

  /** With the tables of a weights file. Throws: ModelError. */
  static async of(weights: Weights): Promise<Coder> {
    const native = await Native.start()
    const frequencies = weights.tensor('tables.frequencies', 'I32').data as Int32Array
    const starts = weights.tensor('tables.starts', 'I64').data as BigInt64Array
    const offsets = (weights.tensor('tables.offsets', 'I32') as Tensor).data as Int32Array
    const padded = new Int32Array(frequencies.length + 8)
    padded.set(frequencies)
    const count = offsets.length
    const places = [padded, starts, offsets].map((array) => native.put(array))
    const tables = starts.length === count + 1 ? native.call.tables(count, frequencies.length, places[0], places[1], places[2]) : 0
    if (!tables) throw new ModelError(`${weights.name}: a probability table breaks a rule; the weights are damaged`)
    const sizes = Int32Array.from({ length: count }, (_, t) => Number(starts[t + 1] - starts[t]))
    return new Coder(native, tables, count, sizes)
  }

  /** What `work` gives, once nobody else is at work; the memory that it took is free again. */
  turn<T>(work: () => Promise<T>): Promise<T> {
    const mine = this.last.then(async () => {
      const before = this.native.call.mark()
      try {
        return await work()
      } finally {
        this.native.call.release(before)
      }
    })
    this.last = mine.catch(() => undefined)
    return mine
  }

  /** A stream to take symbols from; within a turn. */
  reader(bytes: Uint8Array): Reader {
    const { native } = this
    return new Reader(this, native.call.reader(native.put(bytes), bytes.length))
  }

  /** All symbols of a stream that holds one list. Throws: FormatError, also where an encoder would write other bytes. */
  decode(bytes: Uint8Array, index: Int32Array): Int32Array {
    const { native } = this
    const symbols = this.reader(bytes).take(index)
    native.scoped(() => {
      const places = [bytes, symbols, index].map((array) => native.put(array))
      const n = index.length
      if (!native.call.writer_matches(places[0], bytes.length, places[1], places[2], n, this.tables))
        throw new FormatError(`${bytes.length} bytes are not the code of ${n} symbols; the file is damaged`)
    })
    return symbols
  }
}

/** A stream of coded lists. */
export class Reader {
  constructor(
    private readonly coder: Coder,
    readonly at: number,
  ) {}

  /** The next symbols, given the table of each. Throws: FormatError. */
  take(index: Int32Array): Int32Array {
    return this.list(index, (found, at, n, tables) => this.coder.native.call.symbols(this.at, found, at, n, tables))
  }

  /** The next values of a dependent list. Args: second: how much further on the second quantiser's tables are. */
  takeDependent(index: Int32Array, second: number): Int32Array {
    const { call } = this.coder.native
    return this.list(index, (found, at, n, tables) => call.dependent(this.at, found, at, n, second, tables))
  }

  private list(index: Int32Array, read: (found: number, at: number, n: number, tables: number) => number): Int32Array {
    const { native, tables } = this.coder
    const n = index.length
    if (!n) return new Int32Array(0)
    return native.scoped(() => {
      const found = native.take(4 * n)
      checked(read(found, native.put(index), n, tables))
      return native.integers(found, n)
    })
  }
}
