/** What a file may say: the header's fields and their ranges, the boxes. */

import { UnsupportedError } from '../errors'

export const MAGIC = Uint8Array.of(0x89, 0x52, 0x4e, 0x44, 0x0d, 0x0a, 0x1a, 0x0a)
export const VERSION = 1
export const MAX_SIDE = 2 ** 31 - 1
export const MAX_BOXES = 64
/** (tile, pass) pairs of an index: bounds what a small hostile file can make a reader allocate. */
export const MAX_CELLS = 2 ** 22
export const MAX_GROUP = 2 ** 16 - 1
/** The header ends within these. */
export const PREFIX_BYTES = 1024
export const DEFAULT_MAX_PIXELS = 2 ** 29

export const KINDS = ['lossy', 'lossless', 'tokens', 'classical'] as const
export type Kind = (typeof KINDS)[number]

/** Tag bit: a reader that does not know the tag must refuse the file. */
export const CRITICAL = 0x80
/** Tag bit: the data lie after the payload instead of before it. */
export const TRAILING = 0x40

export const Tag = {
  ICC: 0x01,
  ORIGINAL_DEPTH: 0x02,
  COLOUR: 0x03,
  RESOLUTION: 0x04,
  SAMPLE_MAX: 0x05,
  GREY: 0x06,
  EXIF: TRAILING | 0x01,
  XMP: TRAILING | 0x02,
  NAMES: TRAILING | 0x03,
  LABELS: TRAILING | 0x04,
  XMP_EXTENSION: TRAILING | 0x05,
  TEXT: TRAILING | 0x06,
  PHOTOSHOP: TRAILING | 0x07,
  METADATA: TRAILING | 0x08,
  PROPERTIES: TRAILING | 0x09,
  ASSOCIATED: TRAILING | 0x0a,
  SIZES: CRITICAL | 0x01,
  ALPHA: CRITICAL | TRAILING | 0x01,
  LOW_BYTES: CRITICAL | TRAILING | 0x02,
  SAMPLES: CRITICAL | TRAILING | 0x03,
} as const

const NAMES = new Map<number, string>(Object.entries(Tag).map(([name, tag]) => [tag, name]))

/** Name of a known tag, or its number in hexadecimal. */
export function tagName(tag: number): string {
  return NAMES.get(tag) ?? `0x${tag.toString(16).padStart(2, '0')}`
}

/** Whether this version knows a tag. */
export function isKnown(tag: number): boolean {
  return NAMES.has(tag)
}

/** Facts about the picture, or about all pictures of a pack. */
export interface Header {
  kind: Kind
  modelId: number
  /** 8 bytes as 16 hexadecimal digits. */
  weightsHash: string
  /** In pixels; of a pack, the largest of its images. */
  width: number
  height: number
  /** Coded colour channels. */
  channels: 1 | 3
  /** Bits of a sample. */
  depth: 8 | 16
  /** 0 … 100. */
  quality: number
  /** Side of a tile; 0 in a pack. */
  tilePx: number
  /** Of each tile or group, 1 … 16. */
  passes: number
  checksum: number
}

/** Throws: UnsupportedError, more pixels than allowed. */
export function checkPixels(width: number, height: number, together: number, maxPixels: number): void {
  if (width * height * together > maxPixels)
    throw new UnsupportedError(
      `${width}×${height} px${together > 1 ? ` × ${together} images` : ''}, more than the limit of ${maxPixels} pixels; ` +
        'raise maxPixels if you trust the file',
    )
}
