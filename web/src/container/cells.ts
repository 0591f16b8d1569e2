/** The index: where each cell of the payload lies, and the checks. A cell is one pass of one tile, or of one group. */

import { ChecksumError, FormatError, UnsupportedError } from '../errors'
import { check, checkBytes } from './checks'
import { Cursor } from './cursor'
import { MAX_CELLS, TRAILING } from './format'
import { type Entry, type Head, units } from './head'
import { inflate } from './inflate'

/** Images of a pack that share a check. */
const BLOCK_IMAGES = 256

/** Places and checks of the payload, and of the boxes around it. */
export interface Index {
  /** Offsets in the file of the cells, and of what follows the last. */
  starts: Float64Array
  /** One for each run of `run` consecutive cells. */
  checks: Uint32Array
  run: number
  /** Offset of each box's data. */
  boxes: { entry: Entry; start: number }[]
  /** Offset of the end of the file. */
  end: number
}

/** So many bytes of a file hold its header and index, at most. */
export function indexBound(head: Head): number {
  const cells = units(head) * head.header.passes
  return head.end + cells * (head.lengthBytes + 4) + 16
}

/**
 * The index that follows a header section.
 *
 * Throws: UnsupportedError, TruncatedError, FormatError, ChecksumError.
 */
export function readIndex(bytes: Uint8Array, head: Head): Index {
  const passes = head.header.passes
  const cells = units(head) * passes
  if (cells > MAX_CELLS) throw new UnsupportedError(`${cells} tiles × passes, the format holds ${MAX_CELLS}`)
  const run = head.images ? Math.max(1, Math.floor(BLOCK_IMAGES / head.group)) * passes : 1
  const width = head.lengthBytes
  const cursor = new Cursor(bytes, head.end)
  let raw: Uint8Array
  if (head.deflated) {
    raw = inflate(cursor.take(cursor.varint(cells * width, 'index length'), 'index'), cells * width, 'index')
    if (raw.length !== cells * width)
      throw new FormatError(`the index inflates to ${raw.length} bytes, expected ${cells * width}; the file is damaged`)
  } else raw = cursor.take(cells * width, 'index')
  const lengths = unplanes(raw, cells)
  const starts = new Float64Array(cells + 1)
  for (let i = 0; i < cells; i++) starts[i + 1] = starts[i] + lengths[i]
  const runs = Math.ceil(cells / run)
  const checks = new Uint32Array(runs)
  for (let r = 0; r < runs; r++) {
    const length = starts[Math.min((r + 1) * run, cells)] - starts[r * run]
    checks[r] = cursor.uint(checkBytes(length), 'index')
  }
  const content = bytes.subarray(0, cursor.at)
  const found = check(content)
  const expected = cursor.uint(checkBytes(content.length), 'index')
  if (found !== expected)
    throw new ChecksumError(
      `the index is damaged: its check is 0x${found.toString(16)}, expected 0x${expected.toString(16)}; fetch it again`,
    )
  return laidOut(head, { starts, checks, run, boxes: [], end: cursor.at })
}

/** Unsigned integers from planes of bytes: the low byte of each, then the next byte of each, and so on. */
export function unplanes(bytes: Uint8Array, count: number): Uint32Array {
  const values = new Uint32Array(count)
  for (let place = 0; place * count < bytes.length; place++)
    for (let i = 0; i < count; i++) values[i] |= bytes[place * count + i] << (8 * place)
  return values
}

/** Leading boxes follow the index, then the payload, then trailing boxes, all in the directory's order. */
function laidOut(head: Head, index: Index): Index {
  const boxes: Index['boxes'] = []
  let at = index.end
  const lay = (trailing: number): void => {
    for (const entry of head.entries.filter(({ tag }) => (tag & TRAILING) === trailing)) {
      boxes.push({ entry, start: at })
      at += entry.length
    }
  }
  lay(0)
  const payload = at
  const starts = index.starts.map((start) => start + payload)
  at = starts[starts.length - 1]
  lay(TRAILING)
  return { ...index, starts, boxes, end: at }
}
