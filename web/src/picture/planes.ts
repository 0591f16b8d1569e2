/** Reads planes that are kept without loss as grey PNG files inside the file: alpha, and low bytes of 16-bit samples. */

import { inflateZlib } from '../container/inflate'
import { FormatError } from '../errors'

const SIGNATURE = '89504e470d0a1a0a'

/** A plane of samples, (height, width). */
export type Plane = Uint8Array | Uint16Array

/** Throws: FormatError, the bytes are no grey PNG of 8 or 16 bits and this size. */
export function readPlane(bytes: Uint8Array, height: number, width: number): Plane {
  const damaged = (): never => {
    throw new FormatError(`a plane is no grey PNG of ${width}×${height}: the file is damaged`)
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  const start = Array.from(bytes.subarray(0, 8), (byte) => byte.toString(16).padStart(2, '0')).join('')
  if (start !== SIGNATURE || bytes.length < 33) damaged()
  const [depth, colour, compression, filter, interlace] = bytes.subarray(24, 29)
  if (view.getUint32(16) !== width || view.getUint32(20) !== height) damaged()
  if ((depth !== 8 && depth !== 16) || colour || compression || filter || interlace) damaged()
  const packed = idat(bytes, view)
  const stride = (width * depth) / 8
  const raw = inflateZlib(packed, (stride + 1) * height, 'plane')
  if (raw.length !== (stride + 1) * height) damaged()
  const plain = unfiltered(raw, height, stride, depth / 8)
  if (!plain) return damaged()
  if (depth === 8) return plain
  const wide = new Uint16Array(width * height)
  for (let i = 0; i < wide.length; i++) wide[i] = (plain[2 * i] << 8) | plain[2 * i + 1]
  return wide
}

/** The contents of all IDAT chunks. */
function idat(bytes: Uint8Array, view: DataView): Uint8Array {
  const chunks: Uint8Array[] = []
  for (let at = 8; at + 12 <= bytes.length; ) {
    const length = view.getUint32(at)
    const type = String.fromCharCode(...bytes.subarray(at + 4, at + 8))
    if (type === 'IDAT') chunks.push(bytes.subarray(at + 8, Math.min(at + 8 + length, bytes.length)))
    if (type === 'IEND') break
    at += 12 + length
  }
  const out = new Uint8Array(chunks.reduce((sum, chunk) => sum + chunk.length, 0))
  let at = 0
  for (const chunk of chunks) {
    out.set(chunk, at)
    at += chunk.length
  }
  return out
}

/** PNG's filters undone, rows without their type; undefined for an unknown type. Args: step: bytes of a sample. */
function unfiltered(raw: Uint8Array, height: number, stride: number, step: number): Uint8Array | undefined {
  const out = new Uint8Array(height * stride)
  for (let y = 0; y < height; y++) {
    const type = raw[y * (stride + 1)]
    if (type > 4) return undefined
    const from = y * (stride + 1) + 1
    const to = y * stride
    for (let x = 0; x < stride; x++) {
      const left = x >= step ? out[to + x - step] : 0
      const up = y ? out[to + x - stride] : 0
      const corner = y && x >= step ? out[to + x - stride - step] : 0
      out[to + x] = raw[from + x] + predicted(type, left, up, corner)
    }
  }
  return out
}

function predicted(type: number, left: number, up: number, corner: number): number {
  if (type === 0) return 0
  if (type === 1) return left
  if (type === 2) return up
  if (type === 3) return (left + up) >> 1
  const guess = left + up - corner
  const [a, b, c] = [Math.abs(guess - left), Math.abs(guess - up), Math.abs(guess - corner)]
  return a <= b && a <= c ? left : b <= c ? up : corner
}
