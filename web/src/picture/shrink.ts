/** A smaller picture by averaging: for models and tiles that cannot be decoded at a smaller size themselves. */

import type { PictureData, Samples } from './picture'

/** The picture at 1 / 2^level of its size, sides rounded up: means of squares, rounded half to even. */
export function shrunk(picture: PictureData, level: number): PictureData {
  if (level <= 0) return picture
  const side = 2 ** level
  const { height, width, samples, alpha, channels } = picture
  return {
    ...picture,
    height: Math.ceil(height / side),
    width: Math.ceil(width / side),
    samples: means(samples, height, width, channels, side),
    alpha: alpha && means(alpha, height, width, 1, side),
  }
}

/** Of squares of samples (height, width, channels). */
function means(samples: Samples, height: number, width: number, channels: number, side: number): Samples {
  const [h, w] = [Math.ceil(height / side), Math.ceil(width / side)]
  const out = new (samples.constructor as Uint8ArrayConstructor)(h * w * channels)
  for (let row = 0, to = 0; row < h; row++)
    for (let column = 0; column < w; column++) {
      const bottom = Math.min((row + 1) * side, height)
      const right = Math.min((column + 1) * side, width)
      const count = (bottom - row * side) * (right - column * side)
      for (let c = 0; c < channels; c++, to++) {
        let sum = 0
        for (let y = row * side; y < bottom; y++)
          for (let x = column * side; x < right; x++) sum += samples[(y * width + x) * channels + c]
        out[to] = halfToEven(sum / count)
      }
    }
  return out
}

function halfToEven(x: number): number {
  const low = Math.floor(x)
  const rest = x - low
  return rest < 0.5 || (rest === 0.5 && low % 2 === 0) ? low : low + 1
}
