/** Damaged files: the very error that Python finds, or the very picture; never a hang, never a wrong picture. */

import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { Opened, RoundelError, setAssetBase } from '../src/direct'
import { ask, bytesOf, CASES, digest, DIST, type Expected } from './cases'

setAssetBase(DIST.href)

type Damaged = Expected & { error?: string; message?: string }

const all = JSON.parse(readFileSync(new URL('damaged.json', CASES), 'utf8')) as Damaged[]

for (const wanted of all)
  test(`${wanted.file}: ${wanted.error ?? 'a picture'}`, async () => {
    try {
      const found = digest(await ask(await Opened.open(bytesOf(wanted.file)), wanted))
      expect(wanted.error, wanted.message).toBeUndefined()
      expect(found.sha256).toBe(wanted.sha256)
    } catch (error) {
      if (!(error instanceof RoundelError)) throw error
      expect(`${error.name}: ${error.message}`).not.toContain('\n')
      expect(error.name, `${error.message} / ${wanted.message}`).toBe(wanted.error)
    }
  })
