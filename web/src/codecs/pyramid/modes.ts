/** How a tile is coded, by the first byte of its first pass; and the tiles that no net is needed for. */

import type { Coder } from '../../coding/coder'
import { inflateZlib } from '../../container/inflate'
import { FormatError } from '../../errors'
import { decodeIndices } from './indices'
import { decodeWebp } from './webp'

export const Mode = {
  COLOUR: 0,
  GREY: 1,
  CONSTANT: 2,
  RAW: 3,
  DEFLATED: 4,
  RAW_GREY: 5,
  COLOUR_LEARNED: 6,
  GREY_LEARNED: 7,
  WEBP: 8,
  INDICES: 9,
} as const

/** Modes whose samples a walk gets. */
export const WALKED: number[] = [Mode.COLOUR, Mode.GREY, Mode.COLOUR_LEARNED, Mode.GREY_LEARNED]

/** Pixels as they were coded: three channels, or one where all three are equal. */
export interface Pixels {
  channels: 1 | 3
  /** (B, H, W, channels). */
  data: Uint8Array
}

/** Of what a tile is coded with: neighbours correct what the nets say. Bits 0 to 2: seen colours correct Y, Co, Cg. */
const NEIGHBOURS = 8

/** What a tile is coded with besides the nets, from its first pass; 0 for nothing. Throws: FormatError. */
export function flagsOf(first: Uint8Array): number {
  if (first[0] !== Mode.COLOUR_LEARNED && first[0] !== Mode.GREY_LEARNED) return 0
  const most = NEIGHBOURS | (first[0] === Mode.GREY_LEARNED ? 1 : 7)
  if (first.length < 2 || !first[1] || first[1] & ~most)
    throw new FormatError('a tile does not say what it learns from itself: no encoder writes that; it is damaged')
  return first[1]
}

/** Pixels of `count` pictures of a mode that is not walked. Throws: FormatError. */
export async function stored(
  mode: number, payload: Uint8Array, count: number, height: number, width: number, coder: Coder,
): Promise<Pixels> {
  const area = count * height * width
  const size = 3 * area
  let bytes = payload
  if (mode === Mode.DEFLATED) bytes = inflateZlib(payload, size, 'deflated tile')
  if (mode === Mode.WEBP) bytes = await decodeWebp(payload, count * height, width)
  if (mode === Mode.INDICES) bytes = await decodeIndices(coder, payload, count * height, width)
  const lengths = new Map<number, number>([
    [Mode.CONSTANT, 3],
    [Mode.RAW, size],
    [Mode.DEFLATED, size],
    [Mode.WEBP, size],
    [Mode.INDICES, size],
    [Mode.RAW_GREY, area],
  ])
  if (bytes.length !== lengths.get(mode))
    throw new FormatError(`a tile of mode ${mode} holds ${bytes.length} bytes: no encoder writes that; it is damaged`)
  if (mode === Mode.RAW_GREY) return { channels: 1, data: bytes }
  if (mode !== Mode.CONSTANT) return { channels: 3, data: bytes }
  const data = new Uint8Array(size)
  for (let i = 0; i < size; i++) data[i] = bytes[i % 3]
  return { channels: 3, data }
}
