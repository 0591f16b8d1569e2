/** What the nets say of a fixed picture, as a hash that the weights file knows from where it was exported. */

import { sha256 } from '@noble/hashes/sha2.js'
import { bytesToHex } from '@noble/hashes/utils.js'
import type { Stored } from './nets'
import { LEVELS, type Places } from './places'
import type { Group, Symbols } from './symbols'
import { walk } from './walk'

const CELLS = [2, 3]
const SIDE = 64

/** 32 hexadecimal digits. */
export async function selftest(stored: Stored): Promise<string> {
  const digest = sha256.create()
  const symbols: Symbols = { next: (group, places, guess) => made(digest, group, places, guess) }
  for (let tuning = 0; tuning < stored.tunings.length; tuning++) {
    const setting = await stored.setting(tuning, (50 + 40 * tuning) % 101)
    await walk(setting, symbols, CELLS[0], CELLS[1], LEVELS)
    const { filter } = setting
    const blocks = new Uint8Array(3 * SIDE * SIDE)
    const back = new Int32Array(blocks.length)
    for (let y = 0; y < SIDE; y++)
      for (let x = 0; x < SIDE; x++)
        for (let c = 0; c < 3; c++) {
          const n = (y * SIDE + x) * 3 + c
          const block = ((y >> 2) * (SIDE / 4) + (x >> 2)) * 48 + ((y & 3) * 4 + (x & 3)) * 3 + c
          blocks[block] = Math.floor(n / 96) % 2 ? Math.imul(n, 2654435761) >>> 24 : Math.floor(n / 7) % 256
          back[n] = block
        }
    const [found] = await filter.run({ pixels: { data: blocks, shape: [1, SIDE / 4, SIDE / 4, 48] } })
    digest.update(Uint8Array.from(back, (block) => found[block]))
  }
  return bytesToHex(digest.digest()).slice(0, 32)
}

/** Symbols that look like some, the same everywhere; what is asked goes into the hash. */
function made(
  digest: { update(bytes: Uint8Array): unknown }, group: Group, { table, turned }: Places, guess?: Int32Array,
): Int32Array {
  digest.update(new Uint8Array(table.slice().buffer))
  digest.update(turned)
  digest.update(new Uint8Array((guess ?? new Int32Array(1)).slice().buffer))
  return table.map((_, i) => {
    const n = i + group.part
    const noise = ((Math.imul(n, 2654435761) >>> 8) % 15) - 7
    return Math.floor(n / 7) % 5 === 0 ? noise * 37 : noise > 3 ? noise : 0
  })
}
