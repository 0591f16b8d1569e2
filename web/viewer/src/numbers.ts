/** Numbers as people read them. */

import type { Figures, Item } from './listed'

/** 1234567 -> "1,234,567 bytes". */
export function bytes(count: number): string {
  return `${count.toLocaleString('en')} bytes`
}

/** Bits a pixel. */
export function bpp(count: number, width: number, height: number): string {
  return `${((8 * count) / (width * height)).toPrecision(3)} bpp`
}

/** Size in pixels. */
export function size(width: number, height: number): string {
  return `${width} × ${height}`
}

/** "lossy, quality 75". */
export function kind(item: Item): string {
  return item.kind === 'lossy' ? `lossy, quality ${item.quality}` : (item.kind ?? '')
}

/** PSNR and SSIMULACRA2, as far as they are known. */
export function figures(found: Figures): string {
  if (found.error !== undefined) return found.error
  if (found.identical) return 'the same pixels as the original'
  const parts = [`PSNR ${found.psnr_db?.toFixed(2)} dB`]
  if (found.ssimulacra2 !== null && found.ssimulacra2 !== undefined) parts.push(`SSIMULACRA2 ${found.ssimulacra2.toFixed(1)}`)
  return parts.join(', ')
}
