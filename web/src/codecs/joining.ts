/** Latents of a window, out of those of the tiles that it touches. */

import type { Grid, Rect } from '../geometry'
import type { Latents, Part } from './protocol'

/**
 * Latents that cover a rectangle of pixels.
 *
 * Args:
 *   tiles: tile number -> its latents. around: its corner lies on `latentPx`. settings: of the tile to be drawn.
 */
export function joined(
  tiles: Map<number, Latents>, grid: Grid, around: Rect, latentPx: number, settings: number,
): Latents {
  const wanted = around.scaleDown(latentPx)
  const numbers = grid.touching(around)
  const first = tiles.get(numbers[0]) as Latents
  if (numbers.length === 1 && grid.tile(numbers[0]).scaleDown(latentPx).equals(wanted)) return { ...first, settings }
  const parts = first.parts.map((part) => empty(part, wanted.height * wanted.width))
  for (const number of numbers) {
    const own = grid.tile(number).scaleDown(latentPx)
    const common = own.intersect(wanted)
    const { parts: from } = tiles.get(number) as Latents
    parts.forEach((part, k) => copy(from[k], own, common.relativeTo(own), part, wanted, common.relativeTo(wanted)))
  }
  return { height: wanted.height, width: wanted.width, parts, settings }
}

function empty({ channels, scale, data }: Part, latents: number): Part {
  const Numbers = data.constructor as Uint8ArrayConstructor
  return { channels, scale, data: new Numbers(channels * scale * scale * latents) }
}

/** Copies a rectangle of latents of all channels. Args: own, whole: what the parts cover; here, there: the rectangle. */
function copy(from: Part, own: Rect, here: Rect, to: Part, whole: Rect, there: Rect): void {
  const { channels, scale } = from
  for (let c = 0; c < channels; c++)
    for (let y = 0; y < here.height * scale; y++) {
      const a = ((c * own.height + here.top) * scale + y) * own.width * scale + here.left * scale
      const b = ((c * whole.height + there.top) * scale + y) * whole.width * scale + there.left * scale
      to.data.set(from.data.subarray(a, a + here.width * scale), b)
    }
}
