/** 16-bit samples in squares of their own: the box SAMPLES. */

import { checked, Native } from '../coding/native'
import { Cursor } from '../container/cursor'
import { FormatError } from '../errors'
import { Rect } from '../geometry'
import { scaled } from './lowbytes'

const SIDE = 512
/** First byte where the samples follow as they are; else the zeros that all end with. */
const RAW = 16

/**
 * The samples of a part of a picture; of the squares only those that it needs are decoded.
 *
 * Args:
 *   box: the data. height, width: of the whole picture. part: rows and columns of it, every `step`-th of which are wanted.
 *   sampleMax: the source's samples were 0 … sampleMax and were scaled; 0 if they were not.
 *
 * Throws: FormatError, the data are damaged.
 */
export async function deep(
  box: Uint8Array, channels: number, height: number, width: number, part: Rect, step: number, sampleMax: number,
): Promise<Uint16Array> {
  const [rows, columns] = [Math.ceil(height / SIDE), Math.ceil(width / SIDE)]
  const count = rows * columns
  if (count > box.length)
    throw new FormatError(`the box SAMPLES has ${box.length} bytes for ${count} squares; the file is damaged`)
  const cursor = new Cursor(box)
  const lengths = Array.from({ length: count }, () => cursor.varint(box.length, 'box SAMPLES'))
  if (cursor.at + lengths.reduce((a, b) => a + b, 0) !== box.length)
    throw new FormatError('the squares of the box SAMPLES are not as long as it says; the file is damaged')
  const native = await Native.start()
  const across = Math.ceil(part.width / step)
  const out = new Uint16Array(Math.ceil(part.height / step) * across * channels)
  lengths.forEach((length, index) => {
    const coded = cursor.take(length, 'box SAMPLES')
    const [top, left] = [Math.floor(index / columns) * SIDE, (index % columns) * SIDE]
    const square = new Rect(top, left, Math.min(SIDE, height - top), Math.min(SIDE, width - left))
    const first = (from: number, start: number): number => Math.max(0, Math.ceil((from - start) / step))
    const [v0, u0] = [first(square.top, part.top), first(square.left, part.left)]
    const [v1, u1] = [first(Math.min(square.bottom, part.bottom), part.top), first(Math.min(square.right, part.right), part.left)]
    if (v0 >= v1 || u0 >= u1) return
    const found = decoded(native, coded, square.height, square.width, channels)
    for (let v = v0; v < v1; v++)
      for (let u = u0; u < u1; u++) {
        const from = ((part.top + v * step - square.top) * square.width + part.left + u * step - square.left) * channels
        for (let c = 0; c < channels; c++) out[(v * across + u) * channels + c] = found[from + c]
      }
  })
  if (!sampleMax) return out
  if (out.some((value) => value > sampleMax))
    throw new FormatError(`the box SAMPLES holds more than ${sampleMax}, the largest sample; the file is damaged`)
  const table = scaled(sampleMax)
  return out.map((value) => table[value])
}

/** Samples of a square. Throws: FormatError. */
function decoded(native: Native, coded: Uint8Array, height: number, width: number, channels: number): Uint16Array {
  const n = height * width * channels
  if (coded[0] === RAW && coded.length === 1 + 2 * n)
    return Uint16Array.from({ length: n }, (_, i) => coded[1 + 2 * i] | (coded[2 + 2 * i] << 8))
  if (!coded.length || coded[0] >= RAW)
    throw new FormatError(`${coded.length} bytes are not ${channels} × ${height} × ${width} samples; the file is damaged`)
  const found = native.scoped(() => {
    const at = native.take(2 * n)
    checked(native.call.samples(native.put(coded.subarray(1)), coded.length - 1, at, height, width, channels))
    return new Uint16Array(native.shorts(at, n).buffer)
  })
  if (found.some((value) => value > 65535 >> coded[0]))
    throw new FormatError('coded data holds a sample beyond its range; the file is damaged')
  return found.map((value) => value << coded[0])
}
