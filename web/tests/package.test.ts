/** The package as Node imports it: the built files. */

import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { fileURLToPath } from 'node:url'
import { inflateSync } from 'node:zlib'
import { expect, test } from 'vitest'
import type * as Package from '../src/index'
import { bytesOf, digest, DIST, expectedCases } from './cases'
import { serve } from './server'

const { decode, open } = (await import(/* @vite-ignore */ new URL('index.js', DIST).href)) as typeof Package

const wanted = (file: string): unknown => {
  const { shape, bits, sha256 } = expectedCases().find((one) => one.file === file && !one.region && !one.reduce && !one.passes)!
  return { shape, bits, sha256 }
}

test.each(['photo-wavelet-q50.rndl', 'photo-learned-67x90.rndl', 'photo-tokens-101x75.rndl', 'deep-alpha.rndl'])('%s', async (file) => {
  expect(digest(await decode(bytesOf(file)))).toEqual(wanted(file))
  expect(digest(await decode(new Blob([bytesOf(file) as BlobPart])))).toEqual(wanted(file))
  expect(digest(await decode(new Response(bytesOf(file) as BodyInit)))).toEqual(wanted(file))
})

test('an open file says what it is', async () => {
  const file = await open(bytesOf('slide.rndl'))
  expect(file.size).toEqual([1536, 1280])
  expect(file.levelDimensions).toEqual([[1536, 1280], [768, 640], [384, 320], [192, 160]])
  expect(file.info).toMatchObject({ kind: 'lossy', channels: 3, depth: 8, tilePx: 256, tiles: 30, images: 0 })
  expect(file.info.prefixBytes.at(-1)).toBe(file.info.totalBytes)
  await expect(file.readRegion(1500, 0, 0, 37, 10)).rejects.toThrow('37×10 px at x=1500, y=0 do not lie in level 0')
  file.close()
})

test('a preview of a file that ends early, and the error without leave for it', async () => {
  const whole = bytesOf('slide.rndl')
  const file = await open(whole)
  const some = whole.subarray(0, file.info.prefixBytes[1] + 100)
  expect((await decode(some, { partial: true, reduce: 3 })).passes).toBe(2)
  await expect(decode(some)).rejects.toMatchObject({ name: 'TruncatedError' })
})

test('salvage leaves a damaged tile at what its passes before hold', async () => {
  const bytes = bytesOf('slide.rndl').slice()
  const { prefixBytes } = (await open(bytes)).info
  bytes[prefixBytes[2] + 5] ^= 1 // in pass 3 of tile 0
  await expect(decode(bytes, { reduce: 1 })).rejects.toThrow('tile 0, pass 3 is damaged')
  expect(await decode(bytes, { reduce: 1, salvage: true })).toMatchObject({ damaged: [0], passes: 3 })
})

test('a PNG holds all samples', async () => {
  const picture = await decode(bytesOf('deep.rndl'))
  const png = new Uint8Array(await (await picture.toPng()).arrayBuffer())
  const view = new DataView(png.buffer)
  expect([view.getUint32(16), view.getUint32(20), png[24], png[25]]).toEqual([picture.width, picture.height, 16, 2])
  const length = view.getUint32(33)
  const raw = inflateSync(png.subarray(41, 41 + length))
  const at = 1 + 6 * 7 + (1 + 6 * picture.width) * 11 // row 11, pixel 7, red
  expect((raw[at] << 8) | raw[at + 1]).toBe(picture.samples[(11 * picture.width + 7) * 3])
})

test.each([true, false])('an empty file at a URL is said to be empty, whether its server gives ranges: %s', async (ranges) => {
  const folder = mkdtempSync(`${tmpdir()}/roundel-`)
  writeFileSync(`${folder}/empty.rndl`, '')
  const served = await serve({ '/files/': `${folder}/` }, {}, { ranges })
  const said = { name: 'FormatError', message: 'the file is empty, expected a roundel file' }
  await expect(open(`${served.url}/files/empty.rndl`)).rejects.toMatchObject(said)
  await expect(decode(await fetch(`${served.url}/files/empty.rndl`))).rejects.toMatchObject(said)
  served.close()
})

test('what is published has the licences of all that it includes', () => {
  const cwd = fileURLToPath(new URL('../', DIST))
  const [pack] = JSON.parse(execFileSync('npm', ['pack', '--dry-run', '--json'], { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }))
  expect(pack.files.map(({ path }: { path: string }) => path)).toEqual(expect.arrayContaining(['dist/LICENSE', 'dist/THIRD-PARTY.txt']))
  const parts = readFileSync(new URL('THIRD-PARTY.txt', DIST), 'utf8').split(/^-{80}$/m).slice(1)
  expect(parts.map((part) => /\S+/.exec(part)?.[0])).toEqual(['@jsquash/webp', '@noble/hashes', 'onnxruntime-web', 'pako'])
  for (const part of parts) expect(part).toMatch(/Copyright .*\d{4}|Copyright .*Microsoft/)
  for (const part of parts) expect(part).toMatch(/WITHOUT WARRANT(Y|IES)|ANY EXPRESS OR IMPLIED/)
})
