/** What a page and its worker say to each other. */

import type { Sent } from '../errors'
import type { PictureData } from '../picture/picture'
import type { DecodeOptions, FileInfo, OpenOptions, Readable } from '../reading/opening'

/** Without the signal, which stays on its side. */
type Plain<T> = Omit<T, 'signal'>

/** What can be asked of the worker, with what it answers. */
export interface Calls {
  start(base: string): void
  /** The runtime as the page compiled it, meanwhile; undefined if it could not. */
  runtime(module: WebAssembly.Module | undefined): void
  open(source: Exclude<Readable, URL>, options: Plain<OpenOptions>): OpenedFile
  decode(handle: number, options: Plain<DecodeOptions>): PictureData
  region(handle: number, x: number, y: number, level: number, width: number, height: number): PictureData
  member(handle: number, number: number): PictureData
  list(handle: number): { names?: string[]; labels?: Uint32Array; sizes: [number, number][] }
  box(handle: number, tag: number): Uint8Array | undefined
  prepare(handle: number): void
  close(handle: number): void
  stream(url: string): PictureData
}

export type Method = keyof Calls

/** A file that the worker holds open. */
export interface OpenedFile {
  handle: number
  info: FileInfo
  levelDimensions: [number, number][]
}

/** From the page. */
export type Request = { id: number; method: Method; args: unknown[] } | { id: number; abort: true }

/** From the worker: an answer, or something on the way. */
export type Answer =
  | { id: number; result: unknown; bytesRead?: number }
  | { id: number; error: Sent }
  | { id: number; info: FileInfo }
  | { id: number; preview: PictureData }
