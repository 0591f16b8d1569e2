/** A file, open: in the page's worker, or on this thread where there is none. */

import { Picture } from '../picture/picture'
import type { DecodeOptions, FileInfo, Opened, OpenOptions, Readable } from '../reading/opening'
import { ask, hasWorker, type Told } from './link'
import type { OpenedFile } from './messages'

/** A .rndl file, open. Level 0 is the picture, each further level half as large along both axes, down to 256 pixels. */
export interface OpenFile {
  readonly info: FileInfo
  /** Width and height in pixels; of a pack, the largest of its images. */
  readonly size: [number, number]
  readonly levelCount: number
  /** Width and height of each level. */
  readonly levelDimensions: [number, number][]
  /** Bytes that were read so far. */
  readonly bytesRead: number
  /** The picture, or what is asked for of it. */
  decode(options?: DecodeOptions): Promise<Picture>
  /** A region: its corner in pixels of level 0, its size in pixels of the level. Only its tiles are read. */
  readRegion(
    x: number, y: number, level: number, width: number, height: number, options?: { signal?: AbortSignal },
  ): Promise<Picture>
  /** An image of a pack. */
  member(number: number, options?: { signal?: AbortSignal }): Promise<Picture>
  /** Sizes of a pack's images; names and labels where it has them. */
  list(options?: { signal?: AbortSignal }): Promise<{ names?: string[]; labels?: Uint32Array; sizes: [number, number][] }>
  /** The data of a box, verified; undefined where there is none. */
  box(tag: number): Promise<Uint8Array | undefined>
  /** Loads the model, so that the first picture need not wait for it. */
  prepare(): Promise<void>
  /** Forgets what is kept of the file. */
  close(): void
}

/** Reads header and index. Throws: RoundelError. */
export async function openFile(source: Readable, options: OpenOptions = {}): Promise<OpenFile> {
  const { signal, ...rest } = options
  const from = typeof source === 'string' || source instanceof URL ? absolute(source) : source
  if (hasWorker()) {
    let bytesRead = 0
    const told = { bytesRead: (bytes: number) => (bytesRead = bytes) }
    const opened = await ask('open', [from, rest], signal, told)
    return new Remote(opened, bytesRead)
  }
  const { Opened: Class } = await import('../direct')
  return new Local(await Class.open(from, options))
}

/** A file that the worker holds. */
class Remote implements OpenFile {
  readonly info: FileInfo
  readonly levelDimensions: [number, number][]

  constructor(
    private readonly opened: OpenedFile,
    public bytesRead: number,
  ) {
    this.info = opened.info
    this.levelDimensions = opened.levelDimensions
  }

  get size(): [number, number] {
    return [this.info.width, this.info.height]
  }

  get levelCount(): number {
    return this.levelDimensions.length
  }

  private get told(): Told {
    return { bytesRead: (bytes) => (this.bytesRead = bytes) }
  }

  async decode({ signal, ...options }: DecodeOptions = {}): Promise<Picture> {
    return new Picture(await ask('decode', [this.opened.handle, options], signal, this.told))
  }

  async readRegion(
    x: number, y: number, level: number, width: number, height: number, options: { signal?: AbortSignal } = {},
  ): Promise<Picture> {
    const args: [number, number, number, number, number, number] = [this.opened.handle, x, y, level, width, height]
    return new Picture(await ask('region', args, options.signal, this.told))
  }

  async member(number: number, options: { signal?: AbortSignal } = {}): Promise<Picture> {
    return new Picture(await ask('member', [this.opened.handle, number], options.signal, this.told))
  }

  list(options: { signal?: AbortSignal } = {}): ReturnType<OpenFile['list']> {
    return ask('list', [this.opened.handle], options.signal, this.told)
  }

  box(tag: number): Promise<Uint8Array | undefined> {
    return ask('box', [this.opened.handle, tag], undefined, this.told)
  }

  prepare(): Promise<void> {
    return ask('prepare', [this.opened.handle])
  }

  close(): void {
    void ask('close', [this.opened.handle])
  }
}

/** A file on this thread. */
class Local implements OpenFile {
  readonly info: FileInfo

  constructor(private readonly opened: Opened) {
    this.info = opened.info
  }

  get size(): [number, number] {
    return [this.info.width, this.info.height]
  }

  get levelDimensions(): [number, number][] {
    return this.opened.levelDimensions
  }

  get levelCount(): number {
    return this.levelDimensions.length
  }

  get bytesRead(): number {
    return this.opened.bytesRead
  }

  async decode(options: DecodeOptions = {}): Promise<Picture> {
    return new Picture(await this.opened.decode(options))
  }

  async readRegion(
    x: number, y: number, level: number, width: number, height: number, options: { signal?: AbortSignal } = {},
  ): Promise<Picture> {
    return new Picture(await this.opened.readRegion(x, y, level, width, height, options))
  }

  async member(number: number, options: { signal?: AbortSignal } = {}): Promise<Picture> {
    return new Picture(await this.opened.member(number, options))
  }

  list(options: { signal?: AbortSignal } = {}): ReturnType<OpenFile['list']> {
    return this.opened.list(options.signal)
  }

  box(tag: number): Promise<Uint8Array | undefined> {
    return this.opened.box(tag)
  }

  prepare(): Promise<void> {
    return this.opened.prepare()
  }

  close(): void {
    this.opened.close()
  }
}

/** A URL as the worker can fetch it. */
export function absolute(url: string | URL): string {
  return typeof document === 'undefined' ? String(url) : new URL(url, document.baseURI).href
}
