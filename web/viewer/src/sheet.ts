/** Many pictures at once: small ones, each decoded when it comes into view, from its coarse passes. */

import { type OpenFile, openListed, type Picture } from './decoder'
import { element } from './dom'
import type { Listed } from './listed'
import { bpp, bytes, size } from './numbers'
import { memberName } from './sides'

/** The longer side of a small picture, at least, where the picture has as much. */
const THUMB_PX = 256

/** One place of the sheet. */
interface Card {
  link: string
  name: string
  facts: string
  width: number
  height: number
  error?: string
  decode(): Promise<Picture>
}

export class Sheet {
  readonly node = element('main', { class: 'sheet' })
  private readonly seen: IntersectionObserver
  private readonly waiting: [HTMLElement, Card][] = []
  private working = false
  private ended = false
  private opened: Promise<OpenFile> | undefined

  /** Args: number: of a pack, whose images are shown; all files without it. */
  constructor(
    private readonly listed: Listed,
    number?: number,
  ) {
    const cards = number === undefined ? this.files() : this.members(number)
    const places = new Map<Element, Card>()
    this.seen = new IntersectionObserver((entries) => {
      for (const { target, isIntersecting } of entries) {
        const card = places.get(target)
        if (!isIntersecting || !card) continue
        this.seen.unobserve(target)
        this.waiting.push([target as HTMLElement, card])
      }
      void this.work()
    }, { rootMargin: '50%' })
    for (const card of cards) {
      const frame = element('div', { class: 'frame' })
      const caption = element('div', { class: 'caption' }, element('b', {}, card.name), element('span', {}, card.facts))
      this.node.append(element('a', { href: card.link, class: 'card' }, frame, caption))
      places.set(frame, card)
      this.seen.observe(frame)
    }
  }

  destroy(): void {
    this.ended = true
    this.seen.disconnect()
    void this.opened?.then((file) => file.close()).catch(() => undefined)
  }

  private files(): Card[] {
    return this.listed.items.map((item, k) => {
      const { width_px: width = 0, height_px: height = 0, file_bytes: count = 0 } = item
      const facts = item.images
        ? `${item.images} images, ${bytes(count)}`
        : `${size(width, height)}, ${bytes(count)}, ${bpp(count, width, height)}`
      return {
        link: `#/${k}`, name: item.name, facts: item.error === undefined ? facts : '', width, height, error: item.error,
        decode: async () => {
          const file = await openListed(item.file)
          try {
            return item.images ? await file.member(0) : await file.decode({ reduce: reduction(width, height) })
          } finally {
            file.close()
          }
        },
      }
    })
  }

  private members(number: number): Card[] {
    const item = this.listed.items[number]
    this.opened = openListed(item.file)
    this.opened.catch(() => undefined) // each card says it
    return (item.sizes_px ?? []).map(([width, height], k) => ({
      link: `#/${number}/${k}`, name: memberName(item, k), facts: size(width, height), width, height,
      decode: async () => (await (this.opened as Promise<OpenFile>)).member(k),
    }))
  }

  /** One after the other: the decoder has one thread. */
  private async work(): Promise<void> {
    if (this.working) return
    this.working = true
    for (let next = this.waiting.shift(); next && !this.ended; next = this.waiting.shift()) {
      const [frame, card] = next
      try {
        if (card.error !== undefined) throw new Error(card.error)
        frame.replaceChildren(drawn(await card.decode(), card.name))
      } catch (error) {
        frame.replaceChildren(element('p', { class: 'trouble' }, (error as Error).message))
      }
    }
    this.working = false
  }
}

/** How often to halve. */
function reduction(width: number, height: number): number {
  return Math.max(0, Math.floor(Math.log2(Math.max(width, height) / THUMB_PX)))
}

function drawn(picture: Picture, name: string): HTMLCanvasElement {
  const canvas = element('canvas', { role: 'img', 'aria-label': name })
  canvas.width = picture.width
  canvas.height = picture.height
  canvas.getContext('2d')?.putImageData(picture.toImageData(), 0, 0)
  return canvas
}
