/** A file, opened: header and index are verified, boxes and cells are when they are asked for. */

import { ChecksumError, FormatError, TruncatedError } from '../errors'
import { indexBound, type Index, readIndex } from './cells'
import { check } from './checks'
import { PREFIX_BYTES, tagName } from './format'
import { type Head, readHead, units } from './head'
import type { Source } from './source'

/** Ranges with gaps up to this are read at once. */
const GAP_BYTES = 1 << 14

/** A picture's file, or a pack's. */
export class File {
  private readonly verified = new Set<number>()

  private constructor(
    readonly source: Source,
    readonly head: Head,
    readonly index: Index,
    /** Boxes that damage or an early end took are missing, not an error; a preview of what is there may be decoded. */
    readonly lenient: boolean,
  ) {}

  /**
   * Reads header and index.
   *
   * Args:
   *   lenient: take a file that ends early, has damaged boxes or bytes after its end.
   *
   * Throws: FormatError, TruncatedError, ChecksumError, UnsupportedError, NetworkError.
   */
  static async open(source: Source, lenient: boolean, signal?: AbortSignal): Promise<File> {
    const head = readHead(await source.read(0, PREFIX_BYTES, signal))
    const index = readIndex(await source.read(0, indexBound(head), signal), head)
    if (!lenient && source.size < index.end)
      throw new TruncatedError(`${source.size} bytes, the file has ${index.end}; fetch it again, or decode what is there`)
    if (!lenient && source.size > index.end)
      throw new FormatError(`${source.size - index.end} bytes follow the end of the file at byte ${index.end}`)
    return new File(source, head, index, lenient)
  }

  /** Tiles of the picture, or groups of the pack. */
  get units(): number {
    return units(this.head)
  }

  /** Payload bytes of each pass, over all tiles or groups. */
  get passBytes(): number[] {
    const { units: count, head, index } = this
    const passes = head.header.passes
    const bytes = new Array<number>(passes).fill(0)
    for (let cell = 0; cell < count * passes; cell++)
      bytes[head.images ? cell % passes : Math.floor(cell / count)] += index.starts[cell + 1] - index.starts[cell]
    return bytes
  }

  /** Bytes of a picture's file that hold the first `passes` passes of every tile. */
  prefixBytes(passes: number): number {
    return this.index.starts[passes * this.units]
  }

  /** Data of the box with this tag, verified; undefined where there is none. Throws: ChecksumError. */
  async box(tag: number, signal?: AbortSignal): Promise<Uint8Array | undefined> {
    const place = this.index.boxes.find(({ entry }) => entry.tag === tag)
    if (!place) return undefined
    const { entry, start } = place
    const content = await this.source.read(start, start + entry.length, signal)
    if (content.length === entry.length && check(content) === entry.check) return content
    if (this.lenient) return undefined
    throw new ChecksumError(`box ${tagName(tag)} at byte ${start} is damaged; fetch the file again`)
  }

  /** Passes of a tile that lie wholly within the data. */
  available(tile: number): number {
    let count = 0
    while (count < this.head.header.passes && this.index.starts[this.cell(tile, count) + 1] <= this.source.size) count++
    return count
  }

  /**
   * The passes of some tiles, verified.
   *
   * Args:
   *   limit: the first so many passes only.
   *   intact: those before the first damaged one, instead of an error.
   *
   * Returns: of each tile its passes, fewer if the data end early.
   * Throws: ChecksumError, which names tile and pass.
   */
  async passes(tiles: number[], limit: number, intact: boolean, signal?: AbortSignal): Promise<Uint8Array[][]> {
    const counts = tiles.map((tile) => Math.min(this.available(tile), limit))
    const cells = tiles.flatMap((tile, i) => Array.from({ length: counts[i] }, (_, pass) => this.cell(tile, pass)))
    const found = await this.read(cells, signal)
    return tiles.map((tile, i) => {
      const passes: Uint8Array[] = []
      for (let pass = 0; pass < counts[i]; pass++) {
        const cell = this.cell(tile, pass)
        const content = found.get(cell) as Uint8Array
        if (check(content) !== this.index.checks[cell]) {
          if (intact) break
          throw new ChecksumError(`tile ${tile}, pass ${pass} is damaged; fetch the file again`)
        }
        passes.push(content)
      }
      return passes
    })
  }

  /** The passes of a group of a pack, verified with their block. Throws: ChecksumError, TruncatedError. */
  async group(unit: number, signal?: AbortSignal): Promise<Uint8Array[]> {
    const { starts, run, checks } = this.index
    const first = unit * this.head.header.passes
    const block = Math.floor(first / run)
    const end = starts[Math.min((block + 1) * run, starts.length - 1)]
    const what = `the images from ${(block * run) / this.head.header.passes * this.head.group} on`
    if (end > this.source.size) throw new TruncatedError(`${what} lie behind the end of the data; fetch it again`)
    if (!this.verified.has(block)) {
      const whole = await this.source.read(starts[block * run], end, signal)
      if (check(whole) !== checks[block]) throw new ChecksumError(`${what} are damaged; fetch the file again`)
      this.verified.add(block)
    }
    const cells = Array.from({ length: this.head.header.passes }, (_, pass) => first + pass)
    const found = await this.read(cells, signal)
    return cells.map((cell) => found.get(cell) as Uint8Array)
  }

  private cell(tile: number, pass: number): number {
    return pass * this.units + tile
  }

  /** Cells by their number; what lies close together is read at once. */
  private async read(cells: number[], signal?: AbortSignal): Promise<Map<number, Uint8Array>> {
    const { starts } = this.index
    const runs: number[][] = []
    for (const cell of [...cells].sort((a, b) => a - b)) {
      const last = runs.at(-1)
      if (last && starts[cell] - starts[(last.at(-1) as number) + 1] <= GAP_BYTES) last.push(cell)
      else runs.push([cell])
    }
    const found = new Map<number, Uint8Array>()
    await Promise.all(
      runs.map(async (run) => {
        const begin = starts[run[0]]
        const end = starts[(run.at(-1) as number) + 1]
        const bytes = end > begin ? await this.source.read(begin, end, signal) : new Uint8Array(0)
        for (const cell of run) found.set(cell, bytes.subarray(starts[cell] - begin, starts[cell + 1] - begin))
      }),
    )
    return found
  }
}
