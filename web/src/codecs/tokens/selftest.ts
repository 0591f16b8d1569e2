/** What all nets make of fixed inputs, as a hash that the weights file knows from where it was exported. */

import { sha256 } from '@noble/hashes/sha2.js'
import { bytesToHex } from '@noble/hashes/utils.js'
import type { Weights } from '../../engine/weights'
import { guess } from './coders'
import type { Synthesis } from './nets'

/** Tokens along each side of the pictures. */
const SIDE = 5

/** 32 hexadecimal digits. The nets that encode are asked too: their answers are a part of the hash. */
export async function selftest(
  weights: Weights, levels: number[], px: number, joined: boolean, prior: string, synthesis: Synthesis,
): Promise<string> {
  const digest = sha256.create()
  const size = joined ? SIDE : 1
  const side = size * px
  const noise = pattern(3 * side * side)
  for (const pixels of [noise, noise.map((v) => (v < 128 ? 0 : 255))])
    digest.update(bytesOf(await codesOf(weights, pixels, levels, size, px, joined)))
  const some = pattern(levels.length * size * size)
  const top = (i: number): number => levels[Math.floor(i / size / size)]
  for (const codes of [
    Int32Array.from(some, (v, i) => Math.floor((v * top(i)) / 256)),
    Int32Array.from(some, (v, i) => (v < 128 ? 0 : top(i) - 1)),
  ])
    digest.update(await synthesis.pixels(codes, 1, size, size, side, side))
  if (prior === 'factorized') return bytesToHex(digest.digest()).slice(0, 32)
  const [each, taps] = prior === 'coset' ? [4, 9] : [1, 1]
  for (let number = 0; number < levels.length * each; number++) {
    const own = levels.slice(0, Math.floor(number / each) + 1).flatMap((n) => new Array<number>(taps).fill(n))
    const shares = pattern(own.length * SIDE)
    const known = new Float32Array(own.length * 2 * SIDE)
    own.forEach((n, row) => {
      for (let i = 0; i < SIDE; i++) {
        const share = shares[row * SIDE + i]
        known[row * 2 * SIDE + i] = Math.floor((n * share) / 256) - (n >> 1)
        known[row * 2 * SIDE + SIDE + i] = (share < 128 ? 0 : n - 1) - (n >> 1)
      }
    })
    digest.update(bytesOf(await guess(weights.graph('prior'), number, known, own.length, 2 * SIDE)))
  }
  return bytesToHex(digest.digest()).slice(0, 32)
}

/** Codes (1, K, size, size) of a picture of size · px pixels along each side. */
async function codesOf(
  weights: Weights, pixels: Uint8Array, levels: number[], size: number, px: number, joined: boolean,
): Promise<Int32Array> {
  const squares = new Uint8Array(pixels.length)
  for (let to = 0, token = 0; token < size * size; token++)
    for (let y = 0; y < px; y++)
      for (let x = 0; x < 3 * px; x++) {
        const row = Math.floor(token / size) * px + y
        squares[to++] = pixels[row * size * px * 3 + (token % size) * px * 3 + x]
      }
  const shape = joined ? [1, size, size, 3 * px * px] : [size * size, 3 * px * px]
  const analysis = weights.graph('analysis')
  const [latents] = await analysis.run<Int32Array>({ squares: { data: squares, shape } })
  await analysis.release()
  const steps = weights.tensor('thresholds', 'I32')
  const wide = steps.shape[1]
  const area = joined ? size * size : 1
  return Int32Array.from(latents, (latent, i) => {
    const channel = Math.floor(i / area) % levels.length
    let code = 0
    while (code < levels[channel] - 1 && (steps.data as Int32Array)[channel * wide + code] <= latent) code++
    return code
  })
}

function pattern(count: number): Uint8Array {
  return Uint8Array.from({ length: count }, (_, n) => Math.imul(n, 2654435761) >>> 24)
}

function bytesOf(x: Int32Array): Uint8Array {
  return new Uint8Array(x.slice().buffer)
}
