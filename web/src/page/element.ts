/**
 * `<roundel-img src alt width height>`: shows a .rndl file as `<img>` shows others, and a preview while its bytes arrive.
 *
 * Events: `load`, `error` (an ErrorEvent with the error), `preview` (a smaller picture was painted). They do not bubble.
 */

import { Picture, type PictureData } from '../picture/picture'
import { absolute } from './file'
import { ask } from './link'

const STYLE = `
  :host { display: inline-block; overflow: hidden; max-width: 100%; }
  :host([hidden]) { display: none; }
  canvas { display: block; width: 100%; height: 100%; object-fit: inherit; image-rendering: inherit; }
  span { display: none; font: inherit; }
  :host([data-broken]) canvas { display: none; }
  :host([data-broken]) span { display: inline-block; }
`

/** The element; defined as `roundel-img` by importing the package's `element`. */
export class RoundelImage extends HTMLElement {
  static readonly observedAttributes = ['src', 'alt', 'width', 'height']

  /** Of the picture, in pixels; 0 before they are known, or where it is broken. */
  naturalWidth = 0
  naturalHeight = 0
  /** Whether there is nothing left to wait for. */
  complete = true

  private readonly canvas = document.createElement('canvas')
  private readonly text = document.createElement('span')
  private readonly sizes = document.createElement('style')
  private loading: AbortController | undefined
  private shown: Picture | undefined

  constructor() {
    super()
    const style = document.createElement('style')
    style.textContent = STYLE
    this.attachShadow({ mode: 'open' }).append(style, this.sizes, this.canvas, this.text)
    this.canvas.setAttribute('part', 'canvas')
    this.canvas.width = this.canvas.height = 0
  }

  get src(): string {
    const src = this.getAttribute('src')
    return src === null ? '' : absolute(src)
  }

  set src(url: string) {
    this.setAttribute('src', url)
  }

  get alt(): string {
    return this.getAttribute('alt') ?? ''
  }

  set alt(text: string) {
    this.setAttribute('alt', text)
  }

  get width(): number {
    return this.clientWidth
  }

  set width(px: number) {
    this.setAttribute('width', String(px))
  }

  get height(): number {
    return this.clientHeight
  }

  set height(px: number) {
    this.setAttribute('height', String(px))
  }

  /** The decoded picture, once it is there. */
  get picture(): Picture | undefined {
    return this.shown
  }

  connectedCallback(): void {
    if (!this.hasAttribute('role')) this.setAttribute('role', 'img')
    this.describe()
    this.resize()
    if (!this.loading && !this.shown) this.load()
  }

  disconnectedCallback(): void {
    this.loading?.abort()
    this.loading = undefined
  }

  attributeChangedCallback(name: string, before: string | null, now: string | null): void {
    if (!this.isConnected) return
    if (name === 'src') this.load()
    else if (before !== now) {
      this.describe()
      this.resize()
    }
  }

  private load(): void {
    this.loading?.abort()
    this.shown = undefined
    this.naturalWidth = this.naturalHeight = 0
    this.removeAttribute('data-broken')
    const { src } = this
    this.complete = !src
    if (!src) {
      this.canvas.width = this.canvas.height = 0
      return
    }
    const loading = new AbortController()
    this.loading = loading
    const now = (): boolean => this.loading === loading
    ask('stream', [src], loading.signal, {
      info: ({ width, height }) => {
        if (!now()) return
        this.naturalWidth = width
        this.naturalHeight = height
        this.resize()
      },
      preview: (picture) => {
        if (!now()) return
        void this.paint(picture, now).then(() => now() && this.dispatchEvent(new Event('preview')))
      },
    })
      .then(async (picture) => {
        if (!now()) return
        await this.paint(picture, now)
        this.shown = new Picture(picture)
        this.finish(new Event('load'))
      })
      .catch((error: Error) => {
        if (!now() || error.name === 'AbortError') return
        this.naturalWidth = this.naturalHeight = 0
        this.setAttribute('data-broken', '')
        this.finish(new ErrorEvent('error', { message: error.message, error }))
      })
  }

  private finish(event: Event): void {
    this.complete = true
    this.loading = undefined
    this.dispatchEvent(event)
  }

  private async paint(data: PictureData, now: () => boolean): Promise<void> {
    const picture = new Picture(data)
    // What is not sRGB goes through the browser's own colour management, which reads PNG.
    const managed = data.icc || data.colour ? await createImageBitmap(await picture.toPng()) : undefined
    if (!now()) return
    this.canvas.width = data.width
    this.canvas.height = data.height
    const context = this.canvas.getContext('2d')
    if (managed) context?.drawImage(managed, 0, 0)
    else context?.putImageData(picture.toImageData(), 0, 0)
  }

  private describe(): void {
    this.text.textContent = this.alt
    if (this.hasAttribute('alt')) this.setAttribute('aria-label', this.alt)
  }

  /** As `<img>`: attributes count as presentation, one alone keeps the ratio, none is the picture's own size. */
  private resize(): void {
    const { naturalWidth: wide, naturalHeight: high } = this
    const [width, height] = ['width', 'height'].map((name) => dimension(this.getAttribute(name)))
    const rules = [
      `width: ${width ?? (height ? 'auto' : wide ? `${wide}px` : 'auto')}`,
      height && `height: ${height}`,
      wide && `aspect-ratio: ${wide} / ${high}`,
    ]
    this.sizes.textContent = `:host { ${rules.filter(Boolean).join('; ')} }`
  }
}

/** An attribute as HTML reads it: a number of pixels, or a percentage. */
function dimension(value: string | null): string | undefined {
  const found = /^\s*(\d+(?:\.\d+)?)(%?)/.exec(value ?? '')
  return found ? `${found[1]}${found[2] || 'px'}` : undefined
}
