/** What a pack says of its images: sizes, names, labels, and the boxes of each. */

import { FormatError, UnsupportedError } from '../errors'
import { unplanes } from './cells'
import { Cursor } from './cursor'
import { CRITICAL, type Header, isKnown, Tag, tagName } from './format'
import { inflate } from './inflate'

const MAX_NAMES_BYTES = 2 ** 26
const MAX_METADATA_BYTES = 2 ** 28
const NOT_OF_IMAGES: number[] = [Tag.SIZES, Tag.NAMES, Tag.LABELS, Tag.METADATA, Tag.SAMPLES]

/** Widths and heights of all images. Throws: FormatError. */
export function readSizes(box: Uint8Array, header: Header, count: number): [number, number][] {
  const raw = inflate(box, 8 * count, 'table of sizes')
  if (raw.length !== 8 * count)
    throw new FormatError(`a table of sizes of ${raw.length} bytes, expected ${8 * count}; the file is damaged`)
  const widths = unplanes(raw.subarray(0, 4 * count), count)
  const heights = unplanes(raw.subarray(4 * count), count)
  const largest = (sides: Uint32Array): number => sides.reduce((a, b) => Math.max(a, b))
  if (widths.includes(0) || heights.includes(0) || largest(widths) !== header.width || largest(heights) !== header.height)
    throw new FormatError('the table of sizes does not fit the header; the file is damaged')
  return Array.from(widths, (width, i) => [width, heights[i]])
}

/** Name of each image. Throws: FormatError. */
export function readNames(box: Uint8Array, count: number): string[] {
  const names = new TextDecoder().decode(inflate(box, MAX_NAMES_BYTES, 'list of names')).split('\0')
  const unfit = (name: string): boolean => name.split('/').some((part) => ['', '.', '..'].includes(part))
  if (names.length !== count || new Set(names).size !== count || names.some(unfit))
    throw new FormatError('the names of the pack are not different relative paths, one for each image; the file is damaged')
  return names
}

/** Label of each image. Throws: FormatError. */
export function readLabels(box: Uint8Array, count: number): Uint32Array {
  const width = box[0] ?? 0
  if (width < 1 || width > 4) throw new FormatError(`labels of ${width} bytes, must be 1 to 4; the file is damaged`)
  const raw = inflate(box.subarray(1), width * count, 'list of labels')
  if (raw.length !== width * count)
    throw new FormatError(`a list of labels of ${raw.length} bytes, expected ${width * count}; the file is damaged`)
  return unplanes(raw, count)
}

/** Boxes of each image by tag. Throws: FormatError, UnsupportedError. */
export function readMetadata(box: Uint8Array, count: number): Map<number, Uint8Array>[] {
  const raw = inflate(box, MAX_METADATA_BYTES, 'box METADATA')
  const cursor = new Cursor(raw)
  const number = (maximum: number): number => cursor.varint(maximum, 'box METADATA')
  const stored = Array.from({ length: number(raw.length) }, () => {
    const tag = cursor.uint(1, 'box METADATA')
    return { tag, data: cursor.take(number(raw.length), 'box METADATA') }
  })
  const images = Array.from({ length: count }, () => {
    const boxes = new Map<number, Uint8Array>()
    for (let left = number(Object.keys(Tag).length); left > 0; left--) {
      const { tag, data } = stored[number(stored.length - 1)]
      if (boxes.has(tag)) throw new FormatError('an image of the pack has a box twice; the file is damaged')
      if (NOT_OF_IMAGES.includes(tag)) throw new FormatError(`an image of the pack has a box ${tagName(tag)}; the file is damaged`)
      if (tag & CRITICAL && !isKnown(tag))
        throw new UnsupportedError(`box ${tagName(tag)} is needed to decode and this version does not know it; update`)
      boxes.set(tag, data)
    }
    return boxes
  })
  if (cursor.at < raw.length) throw new FormatError('bytes follow the last image of the box METADATA; the file is damaged')
  return images
}
