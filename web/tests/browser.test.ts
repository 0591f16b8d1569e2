/** The built decoder in a real browser: its samples, its errors, what it fetches, and the element. */

import { readFileSync, statSync } from 'node:fs'
import type { Browser, Page } from 'puppeteer-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { CASES, DIST, type Expected, expectedCases, FOLDER } from './cases'
import { CHROMIUM, launch } from './chromium'
import { serve, type Served } from './server'

/** What the page runs: a case's samples as a hash, alpha last; or the error's name. */
const RUNNER = `
import { decode, open } from '/dist/index.js'
const hex = (bytes) => Array.from(new Uint8Array(bytes), (b) => b.toString(16).padStart(2, '0')).join('')
window.run = async ({ file, member, region, reduce, passes }) => {
  try {
    const bytes = new Uint8Array(await (await fetch('/files/' + file)).arrayBuffer())
    let picture
    if (member === undefined) picture = await decode(bytes, { region, reduce, passes, partial: passes !== undefined })
    else {
      const pack = await open(bytes)
      picture = await pack.member(member)
      pack.close()
    }
    const { samples, alpha, channels, width, height } = picture
    const all = channels + (alpha ? 1 : 0)
    const out = new samples.constructor(width * height * all)
    for (let i = 0; i < width * height; i++) {
      for (let c = 0; c < channels; c++) out[i * all + c] = samples[i * channels + c]
      if (alpha) out[i * all + channels] = alpha[i]
    }
    return { sha256: hex(await crypto.subtle.digest('SHA-256', out)) }
  } catch (error) {
    return { error: error.name, message: error.message }
  }
}
`

const PAGE = `<!doctype html><title>roundel</title><script type="module">${RUNNER}</script>
<script type="module" src="/dist/element.js"></script><body></body>`

type Damaged = Expected & { error?: string; message?: string }
type Found = { sha256?: string; error?: string; message?: string }

describe.skipIf(!CHROMIUM)('in Chromium', () => {
  let browser: Browser
  let served: Served
  let page: Page
  const problems: string[] = []

  beforeAll(async () => {
    served = await serve({ '/dist/': DIST.pathname, '/files/': FOLDER }, { '/': PAGE })
    browser = await launch()
    page = await opened()
  })

  afterAll(async () => {
    await browser?.close()
    served?.close()
  })

  async function opened(): Promise<Page> {
    const fresh = await browser.newPage()
    fresh.on('pageerror', (error) => problems.push(String(error)))
    fresh.on('request', (request) => {
      if (!request.url().startsWith(served.url)) problems.push(`fetches ${request.url()}`)
    })
    await fresh.goto(`${served.url}/`)
    await fresh.waitForFunction('window.run && customElements.get("roundel-img")')
    return fresh
  }

  function run(asked: Partial<Expected>): Promise<Found> {
    return page.evaluate((a) => (window as unknown as { run(a: unknown): Promise<Found> }).run(a), asked)
  }

  test('samples are those of Python', { timeout: 600_000 }, async () => {
    const wrong: unknown[] = []
    for (const wanted of expectedCases()) {
      const found = await run(wanted)
      if (found.sha256 !== wanted.sha256) wrong.push({ wanted, found })
    }
    expect(wrong).toEqual([])
  })

  test('200 damaged files: the error of Python, or its picture', { timeout: 600_000 }, async () => {
    const wrong: unknown[] = []
    for (const wanted of JSON.parse(readFileSync(new URL('damaged.json', CASES), 'utf8')) as Damaged[]) {
      const found = await run(wanted)
      if (found.error !== wanted.error || found.sha256 !== wanted.sha256) wrong.push({ wanted, found })
    }
    expect(wrong).toEqual([])
  })

  test('of a URL only the ranges that a region needs are fetched', async () => {
    const before = served.given.length
    const small = await page.evaluate(`(async () => {
      const { open } = await import('/dist/index.js')
      const file = await open('/files/slide.rndl')
      const corner = await file.readRegion(1024, 512, 0, 100, 80)
      const coarse = await file.readRegion(0, 0, file.levelCount - 1, ...file.levelDimensions.at(-1))
      const read = file.bytesRead
      file.close()
      return { width: corner.width, coarse: coarse.width, read, whole: file.info.totalBytes }
    })()`)
    const whole = statSync(new URL('slide.rndl', CASES)).size
    const fetched = served.given.slice(before).filter(({ path }) => path.endsWith('slide.rndl'))
    const bytes = fetched.reduce((sum, one) => sum + one.bytes, 0)
    expect(small).toMatchObject({ width: 100, coarse: 192, whole })
    expect((small as { read: number }).read).toBeLessThanOrEqual(bytes)
    expect(bytes).toBeLessThan(whole / 2)
  })

  test('work stops when its signal says so, and the next goes on', async () => {
    const said = await page.evaluate(`(async () => {
      const { decode } = await import('/dist/index.js')
      const bytes = await (await fetch('/files/slide.rndl')).arrayBuffer()
      const controller = new AbortController()
      const running = decode(bytes, { signal: controller.signal }).then(() => 'done', (error) => error.name)
      setTimeout(() => controller.abort(), 30)
      return [await running, (await decode(bytes, { reduce: 3 })).passes]
    })()`)
    expect(said).toEqual(['AbortError', expect.any(Number)])
  })

  test('weights are kept by the browser: a second page fetches none', async () => {
    const fetched = (): number => served.given.filter(({ path }) => path.endsWith('.safetensors')).length
    await run({ file: 'photo-wavelet-q50.rndl' })
    const before = fetched()
    const other = await opened()
    await other.evaluate('window.run({ file: "photo-wavelet-q50.rndl" })')
    await other.close()
    expect(fetched()).toBe(before)
  })

  test('a picture that is no roundel file, or not there, is one error', async () => {
    const said = await page.evaluate(`(async () => {
      const { decode, open } = await import('/dist/index.js')
      const name = (error) => error.name + ': ' + error.message
      return [
        await decode(new TextEncoder().encode('hello, world')).catch(name),
        await decode(await fetch('/nothing.rndl')).catch(name),
        await open('/nothing.rndl').catch(name),
      ]
    })()`)
    expect(said).toEqual([
      expect.stringMatching(/^FormatError: not a roundel file/),
      expect.stringMatching(/^NetworkError: .*404/),
      expect.stringMatching(/^NetworkError: .*404/),
    ])
  })

  describe('<roundel-img>', () => {
    /** Adds an element, waits for its end, and says what it came to. */
    const show = (attributes: string, base = ''): Promise<unknown> =>
      page.evaluate(`new Promise((resolve) => {
        const holder = document.createElement('div')
        holder.innerHTML = '<roundel-img ${attributes}></roundel-img>'
        const image = holder.firstChild
        const events = []
        const end = (event) => {
          const box = image.getBoundingClientRect()
          const { naturalWidth, naturalHeight, complete } = image
          resolve({
            events: [...events, event.type], naturalWidth, naturalHeight, complete, message: event.message,
            width: box.width, height: box.height, label: image.getAttribute('aria-label'), role: image.getAttribute('role'),
            text: image.shadowRoot.querySelector('span').checkVisibility() && image.shadowRoot.querySelector('span').textContent,
          })
        }
        image.addEventListener('preview', (event) => events.push(event.type))
        image.addEventListener('load', end)
        image.addEventListener('error', end)
        document.body.append(holder)
      })${base}`)

    test('shows a picture at its own size, with a preview first', async () => {
      expect(await show('src="/files/photo-wavelet-q92.rndl" alt="an astronaut"')).toEqual({
        events: ['preview', 'load'], naturalWidth: 150, naturalHeight: 101, complete: true, message: undefined,
        width: 150, height: 101, label: 'an astronaut', role: 'img', text: false,
      })
    })

    test('shows the colours that the file means', async () => {
      await show('src="/files/linear.rndl" id="linear"')
      const shown = await page.evaluate(`(() => {
        const canvas = document.querySelector('#linear').shadowRoot.querySelector('canvas')
        return Array.from(canvas.getContext('2d').getImageData(5, 5, 1, 1).data)
      })()`)
      const [red, green, blue, alpha] = shown as number[]
      for (const value of [red, green, blue]) expect(Math.abs(value - 188)).toBeLessThanOrEqual(1)
      expect(alpha).toBe(255)
    })

    test('keeps the ratio where one side is given', async () => {
      expect(await show('src="/files/photo-wavelet-q50.rndl" width="300"')).toMatchObject({ width: 300, height: 202 })
      expect(await show('src="/files/photo-wavelet-q50.rndl" height="202"')).toMatchObject({ width: 300, height: 202 })
      expect(await show('src="/files/photo-wavelet-q50.rndl" width="50" height="60"')).toMatchObject({ width: 50, height: 60 })
    })

    test('says what is wrong, and shows its text instead', async () => {
      expect(await show('src="/files/expected.json" alt="a chart"')).toMatchObject({
        events: ['error'], naturalWidth: 0, complete: true, text: 'a chart', message: expect.stringMatching(/not a roundel file/),
      })
      expect(await show('src="/nothing.rndl" alt="gone"')).toMatchObject({ events: ['error'], text: 'gone' })
    })

    test('paints while bytes arrive, and stops when it is taken away', { timeout: 240_000 }, async () => {
      const slow = await serve({ '/dist/': DIST.pathname, '/files/': FOLDER }, { '/': PAGE }, { slow: 20 })
      const other = await browser.newPage()
      try {
        await other.goto(`${slow.url}/`)
        await other.waitForFunction('window.run')
        await other.evaluate('window.run({ file: "photo-wavelet-q50.rndl" })') // the model is there
        const said = await other.evaluate(`new Promise((resolve) => {
          const image = document.createElement('roundel-img')
          const widths = []
          image.addEventListener('preview', () => widths.push(image.shadowRoot.querySelector('canvas').width))
          image.addEventListener('load', () => resolve([...widths, image.shadowRoot.querySelector('canvas').width]))
          image.src = '/files/slow.rndl'
          document.body.append(image)
        })`)
        const widths = said as number[]
        expect(widths.length).toBeGreaterThan(1)
        expect(widths).toEqual([...widths].sort((a, b) => a - b))
        await other.evaluate(`(async () => {
          const image = document.createElement('roundel-img')
          image.src = '/files/slow.rndl?again'
          document.body.append(image)
          await new Promise((resolve) => setTimeout(resolve, 50))
          image.remove()
        })()`)
      } finally {
        await other.close()
        slow.close()
      }
    })
  })

  test('nothing went wrong on the way, and nothing was fetched from elsewhere', () => {
    expect(problems).toEqual([])
  })
})
