/** Tiles of few colours: a palette, and the index of each pixel's colour. */

import type { Coder } from '../../coding/coder'
import { checked } from '../../coding/native'
import { FormatError } from '../../errors'

const PIXELS_MAX = 2 ** 26

/** RGB of a tile. Throws: FormatError. */
export function decodeIndices(coder: Coder, stream: Uint8Array, height: number, width: number): Promise<Uint8Array> {
  if (height * width > PIXELS_MAX)
    throw new FormatError(
      `a tile of ${width} × ${height} px is too large for a palette: no encoder writes that; it is damaged`,
    )
  const { native } = coder
  return coder.turn(async () => {
    const size = 3 * height * width
    const rgb = native.take(size)
    checked(native.call.indices(native.put(stream), stream.length, rgb, height, width))
    return native.bytes(rgb, size)
  })
}
