/** YCoCg-R with luma centred, to RGB. */

const LUMA_CENTRE = 128

/** Samples (B, 3, h, w) to pixels (B, h, w, 3); a preview's colours may lie outside RGB and are clipped. */
export function toRgb(x: Int16Array, count: number): Uint8Array {
  const area = x.length / count / 3
  const pixels = new Uint8ClampedArray(x.length)
  for (let picture = 0; picture < count; picture++) {
    const from = 3 * area * picture
    for (let i = 0; i < area; i++) {
      const co = x[from + area + i]
      const cg = x[from + 2 * area + i]
      const rest = x[from + i] + LUMA_CENTRE - (cg >> 1)
      const blue = rest - (co >> 1)
      const to = from + 3 * i
      pixels[to] = blue + co
      pixels[to + 1] = rest + cg
      pixels[to + 2] = blue
    }
  }
  return new Uint8Array(pixels.buffer)
}

/** Luma of samples (B, 3, h, w), (B, h, w). */
export function toGrey(x: Int16Array, count: number): Uint8Array {
  const area = x.length / count / 3
  const pixels = new Uint8Array(count * area)
  for (let picture = 0; picture < count; picture++)
    for (let i = 0; i < area; i++) pixels[picture * area + i] = x[3 * area * picture + i] + LUMA_CENTRE
  return pixels
}
