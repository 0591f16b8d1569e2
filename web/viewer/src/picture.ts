/** The page of one picture: a slider between it and its original, errors, passes, pixels, figures. */

import { button, choice, element } from './dom'
import { DifferenceLayer } from './layers'
import type { Item, Listed } from './listed'
import { bytes, size } from './numbers'
import { type Side, Sides } from './sides'
import { Stage } from './stage'

const NOTHING = ''
const ORIGINAL = 'original'
const SLIDER = 'slider'
const GAINS = [1, 4, 16]

export class PictureView {
  readonly node = element('main', { class: 'picture' })
  readonly stage: Stage
  private readonly sides: Sides
  private readonly facts = element('div', { class: 'facts' })
  private readonly trouble = element('p', { class: 'trouble', role: 'alert' })
  private readonly pixel = element('output', { class: 'pixel' })
  private readonly scale = element('output', { class: 'scale' })
  private readonly pass = element('output')
  private readonly fetched = element('output')
  private left: Side | undefined
  private right: Side | undefined
  private chosen: string
  private mode = SLIDER
  private passes: number
  private turn = 0

  /** Args: number: of the item. member: of a pack. */
  constructor(
    private readonly listed: Listed,
    private readonly number: number,
    private readonly member?: number,
  ) {
    this.sides = new Sides(listed)
    this.passes = this.item.prefix_bytes?.length ?? 1
    this.chosen = this.item.original ? ORIGINAL : this.others()[0] === undefined ? NOTHING : `${this.others()[0]}`
    this.stage = new Stage({
      pointed: (x, y) => this.read(x, y),
      failed: (error) => this.complain(error),
      magnified: (scale) => {
        this.scale.value = `${scale < 0.1 ? (100 * scale).toPrecision(2) : Math.round(100 * scale)} %`
      },
      settled: () => {
        const [fetched, all] = this.right?.fetched?.() ?? [0, 0]
        this.fetched.value = fetched > 0 && fetched < all ? `${Math.ceil((100 * fetched) / all)} % of the file fetched` : ''
      },
    })
    this.node.append(this.facts, this.controls(), this.trouble, this.stage.node)
    this.ready = this.update()
  }

  /** What is shown is there, or there is none. */
  ready: Promise<void>

  destroy(): void {
    this.turn++
    this.stage.destroy()
    this.sides.close()
  }

  private get item(): Item {
    return this.listed.items[this.number]
  }

  /** Other files of the same size. */
  private others(): number[] {
    if (this.member !== undefined) return []
    const { width_px, height_px } = this.item
    const same = (other: Item): boolean => other.width_px === width_px && other.height_px === height_px && !other.images
    return [...this.listed.items.keys()].filter((k) => k !== this.number && width_px !== undefined && same(this.listed.items[k]))
  }

  private controls(): HTMLElement {
    const beside: [string, string][] = [[NOTHING, 'nothing']]
    if (this.item.original) beside.push([ORIGINAL, 'the original'])
    for (const other of this.others()) beside.push([`${other}`, this.listed.items[other].name])
    const modes: [string, string][] = [[SLIDER, 'slider'], ...GAINS.map((gain): [string, string] => [`${gain}`, `errors × ${gain}`])]
    return element(
      'div',
      { class: 'controls' },
      beside.length > 1 && choice('compare with', beside, this.chosen, (value) => this.change(() => (this.chosen = value))),
      beside.length > 1 && choice('as', modes, this.mode, (value) => this.change(() => (this.mode = value))),
      this.passSlider(),
      element(
        'span',
        { class: 'zoom' },
        button('fit', 'The whole picture', () => this.stage.fit()),
        button('1:1', 'One pixel of the screen for one of the picture', () => this.stage.pixels(1)),
        this.scale,
      ),
      this.fetched,
      this.pixel,
    )
  }

  private passSlider(): HTMLElement | null {
    const all = this.passes
    if (all < 2) return null
    const input = element('input', { type: 'range', min: '1', max: `${all}`, value: `${all}`, 'aria-label': 'passes' })
    input.addEventListener('input', () => this.change(() => (this.passes = Number(input.value))))
    return element('label', { class: 'passes' }, 'passes ', input, this.pass)
  }

  private change(what: () => void): void {
    what()
    this.ready = this.update()
  }

  private async update(): Promise<void> {
    const turn = ++this.turn
    this.trouble.textContent = ''
    this.stage.wait(1)
    try {
      if (this.item.error !== undefined) throw new Error(this.item.error)
      const all = this.item.prefix_bytes ?? []
      this.pass.value = all.length > 1 ? `${this.passes} of ${all.length}: the first ${bytes(all[this.passes - 1])}` : ''
      const right = this.member === undefined ? this.sides.file(this.number, this.passes) : this.sides.member(this.number, this.member)
      const [left, shown] = await Promise.all([this.beside(), right])
      if (turn !== this.turn) return
      ;[this.left, this.right] = [left, shown]
      this.describe()
      const apart = left && (left.layer.width !== shown.layer.width || left.layer.height !== shown.layer.height)
      if (left && apart) {
        await this.stage.show(undefined, shown.layer)
        throw new Error(
          `${left.name} is ${size(left.layer.width, left.layer.height)} pixels, ${shown.name} ${size(shown.layer.width, shown.layer.height)}: only pictures of one size can be compared`,
        )
      }
      if (left && this.mode !== SLIDER)
        await this.stage.show(undefined, new DifferenceLayer(left.layer, shown.layer, Number(this.mode)))
      else await this.stage.show(left?.layer, shown.layer)
    } catch (error) {
      if (turn === this.turn) this.complain(error as Error)
    } finally {
      this.stage.wait(-1)
    }
  }

  private async beside(): Promise<Side | undefined> {
    if (this.chosen === NOTHING) return undefined
    return this.chosen === ORIGINAL ? this.sides.original(this.item) : this.sides.file(Number(this.chosen))
  }

  private describe(): void {
    const { right } = this
    if (!right) return
    const line = (side: Side, place: string): HTMLElement => {
      const found = element('span', { class: 'figures' }, side.figures ? ', …' : '')
      void side.figures?.then((text) => (found.textContent = `, ${text}`))
      return element('p', {}, element('b', {}, place), ` ${side.name}: ${side.facts}`, found)
    }
    this.facts.replaceChildren(
      ...(this.left ? [line(this.left, 'left')] : []),
      line(right, this.left ? 'right' : size(right.layer.width, right.layer.height)),
    )
  }

  private read(x: number, y: number): void {
    const values = [this.left, this.right].map((side) => side?.layer.peek(x, y))
    const inside = this.right && x >= 0 && y >= 0 && x < this.right.layer.width && y < this.right.layer.height
    const texts = values.filter((value) => value !== undefined).map((value) => value.join(' '))
    this.pixel.value = inside ? `x ${x}, y ${y}: ${texts.join(' | ')}` : ''
  }

  private complain(error: Error): void {
    this.trouble.textContent = error.message
  }
}
