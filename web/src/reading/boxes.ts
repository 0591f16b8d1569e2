/** What stands beside the pixels: alpha, low bytes, colour profile. */

import { type Header, Tag } from '../container/format'
import { FormatError } from '../errors'
import type { Rect } from '../geometry'
import { wide } from '../picture/lowbytes'
import { deep } from '../picture/deep'
import type { PictureData, Samples } from '../picture/picture'
import { readPlane } from '../picture/planes'

/** Pixels as the model gives them. */
export interface Shown {
  /** (height, width, channels), high bytes of 16-bit samples. */
  pixels: Uint8Array
  width: number
  height: number
  /** The rectangle of the whole picture that they show, every `step`-th row and column of it. */
  part: Rect
  step: number
}

/** What gives the data of a box. */
export type Boxes = (tag: number) => Promise<Uint8Array | undefined>

/**
 * The picture of decoded pixels.
 *
 * Args: header: its size is the whole picture's.
 * Throws: FormatError, a plane is damaged, or not of the picture's size.
 */
export async function pictureOf(
  header: Pick<Header, 'width' | 'height' | 'channels' | 'depth'>, shown: Shown, box: Boxes, passes: number,
  damaged: number[],
): Promise<PictureData> {
  const { width, height, channels, depth } = header
  const { part, step, pixels } = shown
  const sampleMax = largest(await box(Tag.SAMPLE_MAX))
  const whole = depth === 16 ? await box(Tag.SAMPLES) : undefined
  let samples: Samples = pixels
  if (whole) samples = await deep(whole, channels, height, width, part, step, sampleMax)
  else if (depth === 16) samples = wide(pixels, channels, await box(Tag.LOW_BYTES), height, width, part, step, sampleMax)
  const packed = await box(Tag.ALPHA)
  const alpha = packed && cut(readPlane(packed, height, width), width, part, step)
  if (alpha && alpha.BYTES_PER_ELEMENT !== samples.BYTES_PER_ELEMENT)
    throw new FormatError(`alpha of ${8 * alpha.BYTES_PER_ELEMENT} bits beside samples of ${depth}: the file is damaged`)
  const [icc, colour] = [await box(Tag.ICC), await box(Tag.COLOUR)]
  return { width: shown.width, height: shown.height, channels, depth, samples, alpha, passes, damaged, icc, colour }
}

function largest(box: Uint8Array | undefined): number {
  if (!box) return 0
  const value = box[0] | (box[1] << 8)
  if (box.length !== 2 || value < 1 || value > 65534)
    throw new FormatError('the box SAMPLE_MAX is not a number of 1 to 65534; the file is damaged')
  return value
}

/** Every `step`-th row and column of a part of a plane. */
function cut(plane: Samples, width: number, part: Rect, step: number): Samples {
  const [h, w] = [Math.ceil(part.height / step), Math.ceil(part.width / step)]
  const out = new (plane.constructor as Uint8ArrayConstructor)(h * w)
  for (let y = part.top, i = 0; y < part.bottom; y += step)
    for (let x = part.left; x < part.right; x += step) out[i++] = plane[y * width + x]
  return out
}
