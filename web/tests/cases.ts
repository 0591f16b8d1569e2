/** Files that Python wrote, and what it decodes them to: made by expected.py before the tests. */

import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { DecodeOptions, Opened } from '../src/direct'
import type { PictureData } from '../src/picture/picture'

/** Built files: what the decoder fetches. */
export const DIST = new URL('../dist/', import.meta.url)
/** Files and expected.json; another folder by ROUNDEL_CASES. */
export const CASES = process.env.ROUNDEL_CASES ? new URL(`file://${process.env.ROUNDEL_CASES}/`) : new URL('../build/cases/', import.meta.url)

/** What was asked of a file, and what came out. */
export interface Expected extends Omit<DecodeOptions, 'signal'> {
  file: string
  member?: number
  shape: [number, number, number]
  bits: number
  sha256: string
}

export function expectedCases(): Expected[] {
  return JSON.parse(readFileSync(new URL('expected.json', CASES), 'utf8')) as Expected[]
}

export function bytesOf(file: string): Uint8Array {
  return new Uint8Array(readFileSync(new URL(file, CASES)))
}

/** What a case is called. */
export function title({ file, member, region, reduce, passes }: Expected): string {
  const asked = [
    member !== undefined && `image ${member}`,
    region && `region ${region.join(',')}`,
    reduce && `1/2^${reduce}`,
    passes && `${passes} passes`,
  ]
  return [file, ...asked.filter(Boolean)].join(', ')
}

export async function ask(opened: Opened, { member, region, reduce, passes }: Expected): Promise<PictureData> {
  return member === undefined ? opened.decode({ region, reduce, passes }) : opened.member(member)
}

/** The samples as Python's array has them: alpha last. */
export function digest(picture: PictureData): { shape: number[]; bits: number; sha256: string } {
  const { samples, alpha, channels, width, height, depth } = picture
  const all = channels + (alpha ? 1 : 0)
  const out = new (samples.constructor as Uint8ArrayConstructor)(width * height * all)
  for (let i = 0; i < width * height; i++) {
    for (let c = 0; c < channels; c++) out[i * all + c] = samples[i * channels + c]
    if (alpha) out[i * all + channels] = alpha[i]
  }
  const bytes = new Uint8Array(out.buffer)
  return { shape: [height, width, all], bits: depth, sha256: createHash('sha256').update(bytes).digest('hex') }
}

export const FOLDER = fileURLToPath(CASES)
