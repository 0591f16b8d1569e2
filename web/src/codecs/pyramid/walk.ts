/**
 * The order in which a pyramid's samples are coded: from one pixel to the whole picture, level by level; within a level
 * phases d, b, c; within a phase luma, Co, Cg, of each the black squares of a checkerboard, then the white.
 */

import { breathe } from '../protocol'
import { COLOURS, GROUPS, type Nets, PHASES, type PhaseNets } from './nets'
import { rowsOf, squaresOf, Surroundings } from './squares'
import type { Group, Samples, Space } from './symbols'

/** All levels from the fourth finest down, the third, the second, and phases d, b, c of the finest. */
export const PASSES = 6

/** The pass that a phase (0 d, 1 b, 2 c) of a level belongs to. */
export function passOf(level: number, phase: number): number {
  return level === 0 ? PASSES - 3 + phase : Math.max(0, PASSES - 3 - level)
}

/** Halvings that bring both sides down to one pixel. */
function levelCount(height: number, width: number): number {
  return 32 - Math.clz32(Math.max(height, width) - 1)
}

/** Pictures (count, 3, height, width). */
interface Pictures {
  height: number
  width: number
  data: Int16Array
}

/**
 * The samples of pictures in YCoCg-R, luma centred: (pictures, 3, ⌈height / 2^halvings⌉, ⌈width / 2^halvings⌉), every
 * 2^halvings-th row and column. Chroma that is not coded is 0.
 */
export async function walk(nets: Nets, samples: Samples, space: Space, signal?: AbortSignal): Promise<Int16Array> {
  const { pictures: count, height, width, halvings } = space
  const colour = space.colours === COLOURS
  let coarse: Pictures = { height: 1, width: 1, data: new Int16Array(count * COLOURS) }
  for (let plane = 0; plane < (colour ? COLOURS : 1); plane++) {
    const first = samples.first(plane, count)
    for (let i = 0; i < count; i++) coarse.data[i * COLOURS + plane] = first[i]
  }
  for (let level = levelCount(height, width) - 1; level >= halvings; level--) {
    const h = Math.ceil(height / 2 ** level)
    const w = Math.ceil(width / 2 ** level)
    const fine = { height: h, width: w, data: new Int16Array(count * COLOURS * h * w) }
    place(coarse, fine, count * COLOURS, 0, 0)
    await completed(nets, samples, count, level, coarse, fine, colour, signal)
    coarse = fine
  }
  return coarse.data
}

/** Writes planes into every second row and column of finer ones. */
function place(from: Pictures, to: Pictures, planes: number, row: number, column: number): void {
  for (let plane = 0; plane < planes; plane++)
    for (let y = 0; y < from.height; y++) {
      let a = (plane * from.height + y) * from.width
      let b = (plane * to.height + 2 * y + row) * to.width + column
      for (let x = 0; x < from.width; x++, a++, b += 2) to.data[b] = from.data[a]
    }
}

/** Completes the phases d, b, c of a level in `fine`, whose phase a is `coarse`. */
async function completed(
  nets: Nets, samples: Samples, count: number, level: number, coarse: Pictures, fine: Pictures, colour: boolean,
  signal?: AbortSignal,
): Promise<void> {
  const { height: h, width: w } = coarse
  const known: Float32Array[] = []
  let now = coarse.data
  let features: Uint8Array | undefined
  for (const [number, [row, column]] of PHASES.entries()) {
    known.push(edged(now, count * COLOURS, h, w))
    const here: Pictures = {
      height: Math.floor((fine.height - row + 1) / 2),
      width: Math.floor((fine.width - column + 1) / 2),
      data: new Int16Array(0),
    }
    const empty = !here.height || !here.width
    if (empty && number === PHASES.length - 1) break // nothing follows that needs its features
    const step = nets.at(level)[number]
    const shape = [count, COLOURS * known.length, h + 2, w + 2]
    const [found, linear] = await step.features(together(known, count), shape, features)
    features = found
    now = coarse.data.slice() // beyond the border a phase continues with phase a's samples, which both sides know
    if (!empty) {
      here.data = new Int16Array(count * COLOURS * here.height * here.width)
      const groups = colour ? GROUPS : 2
      const about = { pass: passOf(level, number), level, phase: number }
      await phase(step, samples, about, count, features, linear, h, w, here, groups)
      place(here, fine, count * COLOURS, row, column)
      for (let plane = 0; plane < count * COLOURS; plane++)
        for (let y = 0; y < here.height; y++) {
          const from = (plane * here.height + y) * here.width
          now.set(here.data.subarray(from, from + here.width), (plane * h + y) * w)
        }
    }
    if (here.height * here.width > 4096) await breathe(signal)
  }
}

/** Gets all samples of a phase into `here`. Args: h, w: of phase a. */
async function phase(
  step: PhaseNets, samples: Samples, about: Pick<Group, 'pass' | 'level' | 'phase'>, count: number, features: Uint8Array,
  linear: Int32Array, h: number, w: number, here: Pictures, groups: number,
): Promise<void> {
  const squares = squaresOf(count, here.height, here.width, h, w)
  const rows = squares.map((square) => rowsOf(features, step.width, square.features))
  const around = new Surroundings(count, here.height, here.width)
  const values: Int32Array[][] = [[], []]
  for (let number = 0; number < groups; number++) {
    const colour = number >> 1
    const white = number & 1
    const { inside, features: places, padded } = squares[white]
    const n = inside.length
    if (!n) continue
    if (number) around.into(rows[white], step.width, padded, number === GROUPS - 1)
    const said = await step.head(number, rows[white])
    const mean = said.slice(0, n)
    for (let i = 0, area = h * w; i < n; i++) {
      const picture = Math.floor(places[i] / area)
      mean[i] += linear[picture * 2 * area + colour * area + places[i]] // (B, 3, h, w)
    }
    const predicted = { mean, scale: said.subarray(n, 2 * n), tail: said.subarray(2 * n) }
    const found = samples.next({ ...about, colour, white }, predicted, values[white])
    values[white].push(found)
    if (number < groups - 1) around.learn(colour, padded, found, mean)
  }
  const area = here.height * here.width
  for (let kind = 0; kind < 2; kind++)
    values[kind].forEach((found, colour) => {
      const { inside } = squares[kind]
      for (let i = 0; i < found.length; i++) {
        const picture = Math.floor(inside[i] / area)
        here.data[picture * 2 * area + colour * area + inside[i]] = found[i]
      }
    })
}

/** Planes (n, h, w) as numbers (n, h + 2, w + 2); the border continues with its own pixels. */
function edged(x: Int16Array, planes: number, h: number, w: number): Float32Array {
  const out = new Float32Array(planes * (h + 2) * (w + 2))
  for (let plane = 0; plane < planes; plane++)
    for (let y = -1; y <= h; y++) {
      const from = (plane * h + Math.min(Math.max(y, 0), h - 1)) * w
      const to = (plane * (h + 2) + y + 1) * (w + 2)
      out[to] = x[from]
      for (let column = 0; column < w; column++) out[to + 1 + column] = x[from + column]
      out[to + w + 1] = x[from + w - 1]
    }
  return out
}

/** Arrays (B, 3, …) as one (B, 3k, …). */
function together(known: Float32Array[], count: number): Float32Array {
  if (known.length === 1) return known[0]
  const each = known[0].length / count
  const out = new Float32Array(known.length * known[0].length)
  for (let picture = 0; picture < count; picture++)
    known.forEach((part, k) =>
      out.set(part.subarray(picture * each, (picture + 1) * each), (picture * known.length + k) * each),
    )
  return out
}
