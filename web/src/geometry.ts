/** Rectangles of pixels, and the tiles of a picture. */

/** A rectangle, in pixels or in latents. */
export class Rect {
  constructor(
    readonly top: number,
    readonly left: number,
    readonly height: number,
    readonly width: number,
  ) {}

  get bottom(): number {
    return this.top + this.height
  }

  get right(): number {
    return this.left + this.width
  }

  /** The common part, of zero height or width where there is none. */
  intersect(other: Rect): Rect {
    const top = Math.max(this.top, other.top)
    const left = Math.max(this.left, other.left)
    const height = Math.min(this.bottom, other.bottom) - top
    const width = Math.min(this.right, other.right) - left
    return new Rect(top, left, Math.max(height, 0), Math.max(width, 0))
  }

  /** The rectangle with `margin` more on each side, clipped to `bounds`. */
  grow(margin: number, bounds: Rect): Rect {
    const { top, left, height, width } = this
    return new Rect(top - margin, left - margin, height + 2 * margin, width + 2 * margin).intersect(bounds)
  }

  /** The smallest rectangle around this one with all sides on multiples of `step`. */
  align(step: number): Rect {
    const { top, left, height, width } = this.scaleDown(step)
    return new Rect(top * step, left * step, height * step, width * step)
  }

  /** The smallest rectangle of cells of `step` × `step` around this one, in cells. */
  scaleDown(step: number): Rect {
    const top = Math.floor(this.top / step)
    const left = Math.floor(this.left / step)
    return new Rect(top, left, Math.ceil(this.bottom / step) - top, Math.ceil(this.right / step) - left)
  }

  /** All numbers times a factor. */
  times(factor: number): Rect {
    return new Rect(this.top * factor, this.left * factor, this.height * factor, this.width * factor)
  }

  /** The same rectangle, counted from the corner of another. */
  relativeTo(other: Rect): Rect {
    return new Rect(this.top - other.top, this.left - other.left, this.height, this.width)
  }

  equals(other: Rect): boolean {
    return this.top === other.top && this.left === other.left && this.height === other.height && this.width === other.width
  }
}

/** The tiles of a picture, in raster order; those at the right and bottom borders may be smaller. */
export class Grid {
  constructor(
    readonly height: number,
    readonly width: number,
    readonly side: number,
  ) {}

  get bounds(): Rect {
    return new Rect(0, 0, this.height, this.width)
  }

  get rows(): number {
    return Math.ceil(this.height / this.side)
  }

  get columns(): number {
    return Math.ceil(this.width / this.side)
  }

  get tiles(): number {
    return this.rows * this.columns
  }

  /** How often the picture can be halved so that its tiles still lie on one grid. */
  get halvings(): number {
    if (this.tiles === 1) return 31
    let count = 0
    while (this.side % 2 ** (count + 1) === 0) count++
    return count
  }

  /** The same tiles in the picture at 1 / 2^level of its size, sides rounded up. */
  reduced(level: number): Grid {
    const halved = (side: number): number => Math.ceil(side / 2 ** level)
    return new Grid(halved(this.height), halved(this.width), halved(this.side))
  }

  /** Where a tile lies in the picture. */
  tile(index: number): Rect {
    const row = Math.floor(index / this.columns)
    const column = index % this.columns
    return new Rect(row * this.side, column * this.side, this.side, this.side).intersect(this.bounds)
  }

  /** Numbers of the tiles that share a pixel with a rectangle, in raster order. */
  touching(rect: Rect): number[] {
    const found: number[] = []
    for (let row = Math.floor(rect.top / this.side); row < Math.ceil(rect.bottom / this.side); row++)
      for (let column = Math.floor(rect.left / this.side); column < Math.ceil(rect.right / this.side); column++)
        found.push(row * this.columns + column)
    return found
  }
}
