/** What can stand on a side of the slider: the file itself, its original, another file of the same size. */

import { openListed, type OpenFile } from './decoder'
import { FileLayer, type Layer, PictureLayer } from './layers'
import { type Figures, fetchJson, type Item, type Listed } from './listed'
import { bpp, bytes, figures, kind } from './numbers'

/** A picture to look at, and what there is to say of it. */
export interface Side {
  layer: Layer
  name: string
  /** A line of facts; figures may come later. */
  facts: string
  figures?: Promise<string>
  /** Bytes of the file that were fetched so far, over how many it has. */
  fetched?: () => [number, number]
}

/** The sides of one page; what was opened stays open until `close`. */
export class Sides {
  private readonly files = new Map<number, Promise<OpenFile>>()
  private readonly layers = new Map<string, Promise<Layer>>()

  constructor(private readonly listed: Listed) {}

  /** The picture that a file was made from. Throws: Error. */
  async original(item: Item): Promise<Side> {
    const original = item.original
    if (!original) throw new Error(`${item.name}: its original is not known`)
    const layer = await this.once(original.file, () => PictureLayer.fetched(original.file))
    return { layer, name: original.name, facts: `${bytes(original.file_bytes)}, ${bpp(original.file_bytes, layer.width, layer.height)}` }
  }

  /** A file from its first passes; all of them without a number. Throws: RoundelError. */
  async file(number: number, passes?: number): Promise<Side> {
    const item = this.listed.items[number]
    const file = await this.opened(number)
    const { width, height } = file.info
    const all = item.prefix_bytes?.length ?? 1
    const shown = passes ?? all
    const layer = await this.once(`${number}/${shown}`, async () => new FileLayer(file, shown < all ? shown : undefined))
    const count = (shown < all ? item.prefix_bytes?.[shown - 1] : item.file_bytes) ?? 0
    const path = item.figures?.[shown - 1]
    return {
      layer,
      name: item.name,
      facts: `${kind(item)}, ${bytes(count)}, ${bpp(count, width, height)}`,
      figures: path === undefined ? undefined : this.measured(path),
      fetched: () => [file.bytesRead, item.file_bytes ?? 0],
    }
  }

  /** An image of a pack. Throws: RoundelError. */
  async member(number: number, member: number): Promise<Side> {
    const file = await this.opened(number)
    const layer = await this.once(`${number}/${member}`, async () => PictureLayer.of((await file.member(member)).toImageData()))
    const { name, kind: of, images } = this.listed.items[number]
    return { layer, name: memberName(this.listed.items[number], member), facts: `${of}, image ${member + 1} of ${images} in ${name}` }
  }

  close(): void {
    for (const layer of this.layers.values()) layer.then((made) => made.cancel()).catch(() => undefined)
    for (const file of this.files.values()) file.then((opened) => opened.close()).catch(() => undefined)
  }

  private opened(number: number): Promise<OpenFile> {
    let file = this.files.get(number)
    if (!file) {
      file = openListed(this.listed.items[number].file)
      this.files.set(number, file)
    }
    return file
  }

  private async once(key: string, make: () => Promise<Layer>): Promise<Layer> {
    let layer = this.layers.get(key)
    if (!layer) {
      layer = make()
      this.layers.set(key, layer)
    }
    return layer
  }

  private async measured(path: string): Promise<string> {
    try {
      return figures(await fetchJson<Figures>(path))
    } catch (error) {
      return (error as Error).message
    }
  }
}

/** An image of a pack as it is called. */
export function memberName(item: Item, member: number): string {
  return item.names?.[member] ?? `image ${member + 1}`
}
