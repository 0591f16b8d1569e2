/** Samples equal to Python's, in Node. */

import { describe, expect, test } from 'vitest'
import { Opened, setAssetBase } from '../src/direct'
import { ask, bytesOf, digest, DIST, expectedCases, title } from './cases'

setAssetBase(DIST.href)

describe('the samples that Python decodes', () => {
  for (const wanted of expectedCases())
    test(title(wanted), async () => {
      const opened = await Opened.open(bytesOf(wanted.file), { lenient: wanted.passes !== undefined })
      const { shape, bits, sha256 } = wanted
      expect(digest(await ask(opened, wanted))).toEqual({ shape, bits, sha256 })
    })
})
