/** The header section: magic, version, fields, box directory, check. */

import { ChecksumError, FormatError, TruncatedError, UnsupportedError } from '../errors'
import { check, checkBytes } from './checks'
import { Cursor } from './cursor'
import {
  CRITICAL, type Header, isKnown, KINDS, MAGIC, MAX_BOXES, MAX_CELLS, MAX_GROUP, MAX_SIDE, PREFIX_BYTES, tagName, VERSION,
} from './format'

const COLOUR = 1 << 3
const DEEP = 1 << 4
const DEFLATED = 1 << 11
const BOXES = 1 << 12
const PACK = 1 << 13
const RESERVED = 0xc000

/** One line of the box directory. */
export interface Entry {
  tag: number
  length: number
  check: number
}

/** The header section as read. */
export interface Head {
  header: Header
  /** Of a pack; 0 for a single picture. */
  images: number
  /** Images coded together in a pack; 0 for a picture. */
  group: number
  /** Bytes of a length in the index, 1 … 4. */
  lengthBytes: number
  deflated: boolean
  entries: Entry[]
  /** Offset of the first byte after the section. */
  end: number
}

/** What the index counts: tiles of a picture, or groups of images of a pack. */
export function units({ header, images, group }: Head): number {
  if (images) return Math.ceil(images / group)
  return Math.ceil(header.width / header.tilePx) * Math.ceil(header.height / header.tilePx)
}

/**
 * The header section from the first bytes of a file; the first 1024 are always enough.
 *
 * Throws: FormatError, TruncatedError, ChecksumError, UnsupportedError.
 */
export function readHead(bytes: Uint8Array): Head {
  const cursor = new Cursor(bytes.subarray(0, PREFIX_BYTES))
  readMagic(cursor)
  const version = cursor.uint(1, 'version')
  if (version !== VERSION)
    throw new UnsupportedError(`format version ${version}, this program reads version ${VERSION}; update roundel`)
  const flags = cursor.uint(2, 'header')
  const modelId = cursor.varint(0xffff, 'model id')
  const hash = cursor.take(8, 'header')
  const width = cursor.varint(MAX_SIDE, 'width')
  const height = cursor.varint(MAX_SIDE, 'height')
  const pack = (flags & PACK) !== 0
  const images = pack ? cursor.varint(MAX_CELLS, 'number of images') : 0
  const group = pack ? cursor.varint(MAX_GROUP, 'group size') : 0
  const tile = pack ? 0 : cursor.uint(1, 'header')
  const quality = cursor.uint(1, 'header')
  const checksum = cursor.uint(4, 'header')
  const entries = flags & BOXES ? readEntries(cursor) : []
  verify(cursor)
  if (flags & RESERVED || (flags & 7) >= KINDS.length)
    throw new UnsupportedError(`flags 0x${flags.toString(16)} use bits that this version does not know; update roundel`)
  if (pack && !(images && group)) throw new FormatError('a pack of no images; the file is damaged')
  for (const [name, value, low, high] of [
    ['width', width, 1, MAX_SIDE],
    ['height', height, 1, MAX_SIDE],
    ['quality', quality, 0, 100],
  ] as const)
    if (value < low || value > high) throw new FormatError(`${name} is ${value}, must be ${low} to ${high}`)
  checkTags(entries)
  const header: Header = {
    kind: KINDS[flags & 7],
    modelId,
    weightsHash: Array.from(hash, (byte) => byte.toString(16).padStart(2, '0')).join(''),
    width,
    height,
    channels: flags & COLOUR ? 3 : 1,
    depth: flags & DEEP ? 16 : 8,
    quality,
    tilePx: pack ? 0 : (2 * (tile >> 4) + 1) * 2 ** (tile & 15),
    passes: ((flags >> 5) & 15) + 1,
    checksum,
  }
  const deflated = (flags & DEFLATED) !== 0
  return { header, images, group, lengthBytes: ((flags >> 9) & 3) + 1, deflated, entries, end: cursor.at }
}

function readMagic(cursor: Cursor): void {
  const start = cursor.bytes.subarray(0, MAGIC.length)
  const same = start.findIndex((byte, i) => byte !== MAGIC[i])
  if (same < 0 && start.length === MAGIC.length) {
    cursor.at = MAGIC.length
    return
  }
  if (!start.length) throw new FormatError('the file is empty, expected a roundel file')
  const shown = Array.from(start, (byte) => byte.toString(16).padStart(2, '0')).join(' ')
  if (same < 0) throw new TruncatedError(`the data end at byte ${start.length}, within the magic; fetch the whole file again`)
  if (same >= 4 && start.length === MAGIC.length)
    throw new FormatError(`line ends were changed on the way (found ${shown}); copy the file as binary`)
  throw new FormatError(`not a roundel file: it starts with ${shown}, expected 89 52 4e 44 0d 0a 1a 0a`)
}

function readEntries(cursor: Cursor): Entry[] {
  const count = cursor.varint(MAX_BOXES, 'number of boxes')
  return Array.from({ length: count }, () => {
    const tag = cursor.uint(1, 'box directory')
    const length = cursor.varint(2 ** 32 - 1, 'box length')
    return { tag, length, check: cursor.uint(checkBytes(length), 'box directory') }
  })
}

function verify(cursor: Cursor): void {
  const content = cursor.bytes.subarray(0, cursor.at)
  const found = check(content)
  const expected = cursor.uint(checkBytes(content.length), 'header')
  if (found !== expected)
    throw new ChecksumError(
      `the header is damaged: its check is 0x${found.toString(16)}, expected 0x${expected.toString(16)}; fetch it again`,
    )
}

function checkTags(entries: Entry[]): void {
  const seen = new Set<number>()
  for (const { tag } of entries.filter((entry) => isKnown(entry.tag))) {
    if (seen.has(tag)) throw new FormatError(`box ${tagName(tag)} is there twice; the file is damaged`)
    seen.add(tag)
  }
  for (const { tag } of entries)
    if (tag & CRITICAL && !isKnown(tag))
      throw new UnsupportedError(`box ${tagName(tag)} is needed to decode and this version does not know it; update`)
}
