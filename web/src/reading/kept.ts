/** Decoded tiles that are kept, so that looking beside them does not decode them again. */

import type { Latents } from '../codecs/protocol'

/** One tile, decoded from so many passes. */
export interface Tile {
  latents: Latents
  crc: number | undefined
  passes: number
  damaged: boolean
}

/** The tiles that were used last, up to so many bytes. */
export class Kept {
  private readonly tiles = new Map<string, Tile>()
  private bytes = 0

  constructor(private readonly most: number) {}

  get(key: string): Tile | undefined {
    const tile = this.tiles.get(key)
    if (tile) {
      this.tiles.delete(key)
      this.tiles.set(key, tile)
    }
    return tile
  }

  set(key: string, tile: Tile): void {
    const size = sizeOf(tile)
    if (size > this.most) return
    this.tiles.set(key, tile)
    this.bytes += size
    for (const [oldest, other] of this.tiles) {
      if (this.bytes <= this.most) break
      this.tiles.delete(oldest)
      this.bytes -= sizeOf(other)
    }
  }

  clear(): void {
    this.tiles.clear()
    this.bytes = 0
  }
}

function sizeOf(tile: Tile): number {
  return tile.latents.parts.reduce((sum, part) => sum + part.data.byteLength, 0)
}
