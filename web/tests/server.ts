/** A plain static server that answers requests for ranges, and counts what it gives. */

import { createReadStream, existsSync, statSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { extname } from 'node:path'

const TYPES: Record<string, string> = {
  '.html': 'text/html', '.css': 'text/css', '.png': 'image/png', '.js': 'text/javascript', '.wasm': 'application/wasm', '.json': 'application/json',
  '.rndl': 'image/x-roundel',
}

/** One request that was answered. */
export interface Given {
  path: string
  bytes: number
}

/** What is served, and from where. */
export interface Served {
  url: string
  given: Given[]
  close(): void
}

/**
 * Serves folders under prefixes, and pages by their path.
 *
 * Args: slow: pause, in milliseconds, between chunks of .rndl files. ranges: whether parts can be asked for.
 */
export async function serve(
  folders: Record<string, string>, pages: Record<string, string> = {}, { slow = 0, ranges = true } = {},
): Promise<Served> {
  const given: Given[] = []
  const server: Server = createServer((request, response) => {
    const path = decodeURIComponent((request.url ?? '/').split('?')[0])
    const page = pages[path]
    if (page !== undefined) {
      response.writeHead(200, { 'Content-Type': 'text/html' }).end(page)
      return
    }
    const prefix = Object.keys(folders).find((name) => path.startsWith(name))
    const file = prefix && folders[prefix] + path.slice(prefix.length)
    if (!file || !existsSync(file) || !statSync(file).isFile()) {
      response.writeHead(404).end()
      return
    }
    const { size } = statSync(file)
    const range = ranges ? /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? '') : null
    const start = range ? Number(range[1]) : 0
    if (range && start >= size) {
      response.writeHead(416, { 'Content-Range': `bytes */${size}` }).end('<h1>Range Not Satisfiable</h1>')
      return
    }
    const end = range ? Math.min(range[2] ? Number(range[2]) : size - 1, size - 1) : size - 1
    given.push({ path, bytes: end - start + 1 })
    response.writeHead(range ? 206 : 200, {
      'Content-Type': TYPES[extname(file)] ?? 'application/octet-stream',
      'Content-Length': end - start + 1,
      ETag: `"${size}"`,
      ...(range && { 'Content-Range': `bytes ${start}-${end}/${size}` }),
    })
    if (!size) {
      response.end()
      return
    }
    const pause = slow && file.endsWith('.rndl') ? slow : 0
    const stream = createReadStream(file, { start, end, highWaterMark: pause ? 2048 : 65536 })
    stream.on('data', (chunk) => {
      response.write(chunk)
      if (!pause) return
      stream.pause()
      setTimeout(() => stream.resume(), pause)
    })
    stream.on('end', () => response.end())
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return { url: `http://127.0.0.1:${port}`, given, close: () => server.close() }
}
