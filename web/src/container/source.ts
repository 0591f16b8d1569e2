/** Bytes that need not be in memory: of an array, a Blob, or a URL of which only ranges are fetched. */

import { NetworkError } from '../errors'

/** What a file is read from. */
export interface Source {
  /** Bytes in all. */
  readonly size: number
  /** Bytes that were read so far. */
  readonly bytesRead: number
  /** The bytes from `start` to `end`, fewer where the source ends before. */
  read(start: number, end: number, signal?: AbortSignal): Promise<Uint8Array>
}

/** Bytes in memory. */
export class BytesSource implements Source {
  bytesRead = 0
  constructor(private readonly bytes: Uint8Array) {}

  get size(): number {
    return this.bytes.length
  }

  async read(start: number, end: number): Promise<Uint8Array> {
    const found = this.bytes.subarray(start, end)
    this.bytesRead += found.length
    return found
  }
}

/** A Blob or File, read piece by piece. */
export class BlobSource implements Source {
  bytesRead = 0
  constructor(private readonly blob: Blob) {}

  get size(): number {
    return this.blob.size
  }

  async read(start: number, end: number): Promise<Uint8Array> {
    const found = new Uint8Array(await this.blob.slice(start, end).arrayBuffer())
    this.bytesRead += found.length
    return found
  }
}

/** The first request asks for so many bytes: small files are here whole with it. */
const FIRST_BYTES = 1 << 16
/** Servers have no range to give of an empty file. */
const NO_RANGE = 416

/** A URL whose server answers requests for ranges; one that does not is read whole, once. */
export class HttpSource implements Source {
  bytesRead = 0
  private constructor(
    private readonly url: string,
    readonly size: number,
    private readonly first: Uint8Array,
    /** Of the answers: the file must not change between them. */
    private readonly version: string | null,
  ) {
    this.bytesRead = first.length
  }

  /** Throws: NetworkError. */
  static async open(url: string, signal?: AbortSignal): Promise<HttpSource> {
    const response = await request(url, { Range: `bytes=0-${FIRST_BYTES - 1}` }, signal)
    const first = response.status === NO_RANGE ? new Uint8Array() : await body(response, url)
    const said = /\/(\d+)$/.exec(response.headers.get('Content-Range') ?? '')
    const size = response.status === 206 && said ? Number(said[1]) : first.length
    return new HttpSource(url, size, first, response.headers.get('ETag') ?? response.headers.get('Last-Modified'))
  }

  async read(start: number, end: number, signal?: AbortSignal): Promise<Uint8Array> {
    const last = Math.min(end, this.size)
    if (last <= this.first.length) return this.first.subarray(start, last)
    const response = await request(this.url, { Range: `bytes=${start}-${last - 1}` }, signal)
    const version = response.headers.get('ETag') ?? response.headers.get('Last-Modified')
    const found = await body(response, this.url)
    if (response.status !== 206 || found.length !== last - start)
      throw new NetworkError(`${this.url}: asked for bytes ${start} to ${last}, got ${found.length} (status ${response.status})`)
    if (version !== this.version) throw new NetworkError(`${this.url}: the file was changed while it was read; open it again`)
    this.bytesRead += found.length
    return found
  }
}

/** Throws: NetworkError, the server cannot be reached or has no such file. */
export async function request(url: string, headers: Record<string, string>, signal?: AbortSignal): Promise<Response> {
  let response: Response
  try {
    response = await fetch(url, { headers, signal })
  } catch (error) {
    signal?.throwIfAborted()
    throw new NetworkError(`${url}: cannot be fetched (${(error as Error).message})`)
  }
  if (!response.ok && response.status !== NO_RANGE)
    throw new NetworkError(`${url}: the server answers ${response.status} ${response.statusText}`)
  return response
}

/** All bytes of an answer. Throws: NetworkError, the connection broke. */
export async function body(response: Response, url: string): Promise<Uint8Array> {
  try {
    return new Uint8Array(await response.arrayBuffer())
  } catch (error) {
    if ((error as Error).name === 'AbortError') throw error
    throw new NetworkError(`${url}: the connection broke (${(error as Error).message})`)
  }
}
