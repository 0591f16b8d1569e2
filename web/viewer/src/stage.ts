/** The place where pictures are looked at: two layers with a slider between them, moved and magnified together. */

import OpenSeadragon from 'openseadragon'
import { element } from './dom'
import type { Layer } from './layers'
import { tileSource } from './tiles'

const MOST_MAGNIFIED = 64
const STEP = 0.02
/** For a tile; on a slow machine the first one waits for the model, too. */
const TIMEOUT_MS = 600_000

/** What the stage tells the page. */
export interface Told {
  /** The pixel under the pointer; nothing outside of the picture. */
  pointed(x: number, y: number): void
  failed(error: Error): void
  /** Screen pixels for one of the picture, along each axis. */
  magnified(scale: number): void
  /** Nothing is waited for any more. */
  settled(): void
}

export class Stage {
  readonly node = element('div', { class: 'stage' })
  private readonly handle = element('div', {
    class: 'handle', role: 'slider', tabindex: '0', 'aria-label': 'Where the left picture ends', 'aria-orientation': 'horizontal',
  })
  private readonly waiting = element('div', { class: 'waiting', role: 'status' })
  private readonly viewer: OpenSeadragon.Viewer
  private left: OpenSeadragon.TiledImage | undefined
  private right: OpenSeadragon.TiledImage | undefined
  private shown: Layer[] = []
  private split = 0.5
  private pending = 0
  /** Shows that came later make an earlier one void. */
  private turn = 0

  constructor(private readonly told: Told) {
    const view = element('div', { class: 'view' })
    this.node.append(view, this.handle, this.waiting)
    this.viewer = new OpenSeadragon.Viewer({
      element: view,
      drawer: 'canvas', // pixels as they are; the others may filter
      showNavigationControl: false,
      animationTime: 0.3,
      maxZoomPixelRatio: MOST_MAGNIFIED,
      minZoomImageRatio: 0.5,
      visibilityRatio: 0.2,
      gestureSettingsMouse: { clickToZoom: false, dblClickToZoom: true },
      smoothTileEdgesMinZoom: Number.POSITIVE_INFINITY, // it would draw them at their own size first, between pixels
      imageLoaderLimit: 2,
      timeout: TIMEOUT_MS,
      preserveImageSizeOnResize: true,
    } as OpenSeadragon.Options)
    this.viewer.addHandler('viewport-change', () => this.follow())
    this.viewer.addHandler('resize', () => this.follow())
    view.addEventListener('pointermove', (event) => this.point(event))
    this.slide()
  }

  /** Shows one layer, or two with the slider between them; where the last ones were, if they are as large. */
  async show(left: Layer | undefined, right: Layer): Promise<void> {
    const turn = ++this.turn
    const layers = [left, right].filter((layer) => layer !== undefined)
    for (const layer of this.shown) if (!layers.includes(layer)) layer.cancel()
    this.shown = layers
    const size = this.right?.getContentSize()
    const stays = size !== undefined && size.x === right.width && size.y === right.height
    const old = [this.left, this.right].filter((image) => image !== undefined)
    const fresh = await Promise.all([left, right].map((layer) => layer && this.add(layer)))
    if (turn !== this.turn) {
      for (const image of fresh) if (image) this.viewer.world.removeItem(image)
      return
    }
    ;[this.left, this.right] = fresh
    for (const image of old) this.viewer.world.removeItem(image)
    this.handle.hidden = left === undefined
    if (!stays) this.fit(true)
    this.follow()
  }

  /** The whole picture, never larger than its pixels. */
  fit(immediately = false): void {
    const { viewport } = this.viewer
    viewport.resize(new OpenSeadragon.Point(this.node.clientWidth, this.node.clientHeight), false) // it may not have heard
    viewport.goHome(immediately)
    if (this.right && this.scale(viewport.getHomeZoom()) > 1) this.pixels(1, immediately)
  }

  /** So many screen pixels for one of the picture. */
  pixels(scale: number, immediately = false): void {
    if (!this.right) return
    const { viewport } = this.viewer
    viewport.zoomTo(this.right.imageToViewportZoom(scale / devicePixelRatio), undefined, immediately)
  }

  /** Magnifies around a pixel, which comes to the middle. */
  look(x: number, y: number, scale: number): void {
    if (!this.right) return
    this.pixels(scale, true)
    this.viewer.viewport.panTo(this.right.imageToViewportCoordinates(new OpenSeadragon.Point(x + 0.5, y + 0.5)), true)
  }

  destroy(): void {
    this.turn++
    this.viewer.destroy()
  }

  private add(layer: Layer): Promise<OpenSeadragon.TiledImage> {
    const source = tileSource(layer, this.told.failed, (change) => this.wait(change))
    return new Promise((resolve, reject) => {
      this.viewer.addTiledImage({
        tileSource: source,
        success: (event: unknown) => resolve((event as { item: OpenSeadragon.TiledImage }).item),
        error: (event: unknown) => reject(new Error((event as { message: string }).message)),
      } as unknown as OpenSeadragon.TileSourceSpecifier)
    })
  }

  /** Says that something is waited for, until as many calls with −1. */
  wait(change: 1 | -1): void {
    this.pending += change
    this.waiting.textContent = this.pending > 0 ? 'decoding …' : ''
    if (this.pending === 0) this.told.settled()
  }

  private scale(zoom: number): number {
    return this.right ? this.right.viewportToImageZoom(zoom) * devicePixelRatio : 1
  }

  /** Nearest neighbours from the picture's own size on, and the right layer up to the slider. */
  private follow(): void {
    if (!this.right) return
    const scale = this.scale(this.viewer.viewport.getZoom(true))
    this.viewer.drawer.setImageSmoothingEnabled(scale < 1)
    this.told.magnified(scale)
    const { x: width, y: height } = this.right.getContentSize()
    let from = 0
    if (this.left) {
      const at = new OpenSeadragon.Point(this.split * this.node.clientWidth, 0)
      from = Math.min(width, Math.max(0, this.right.viewerElementToImageCoordinates(at).x))
    }
    this.right.setClip(from > 0 ? new OpenSeadragon.Rect(from, 0, width - from, height) : null)
    this.right.setOpacity(from < width ? 1 : 0)
    this.viewer.forceRedraw()
  }

  private slide(): void {
    const set = (split: number): void => {
      this.split = Math.min(1, Math.max(0, split))
      this.handle.style.left = `${100 * this.split}%`
      this.handle.setAttribute('aria-valuenow', `${Math.round(100 * this.split)}`)
      this.follow()
    }
    this.handle.addEventListener('pointerdown', (event) => {
      this.handle.setPointerCapture(event.pointerId)
      event.preventDefault()
      this.handle.focus()
    })
    this.handle.addEventListener('pointermove', (event) => {
      if (!this.handle.hasPointerCapture(event.pointerId)) return
      const box = this.node.getBoundingClientRect()
      set((event.clientX - box.left) / box.width)
    })
    this.handle.addEventListener('keydown', (event) => {
      const step = { ArrowLeft: -STEP, ArrowRight: STEP, Home: -1, End: 1 }[event.key]
      if (step === undefined) return
      event.preventDefault()
      set(this.split + step)
    })
    set(this.split)
  }

  private point(event: PointerEvent): void {
    if (!this.right) return
    const box = this.node.getBoundingClientRect()
    const at = new OpenSeadragon.Point(event.clientX - box.left, event.clientY - box.top)
    const { x, y } = this.right.viewerElementToImageCoordinates(at)
    this.told.pointed(Math.floor(x), Math.floor(y))
  }
}
