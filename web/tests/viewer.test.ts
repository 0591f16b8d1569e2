/** An exported page of `roundel view` in a real browser: the pixels that Python decodes, and nothing from elsewhere. */

import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { Browser, Page } from 'puppeteer-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Layer } from '../viewer/src/layers'
import type { PictureView } from '../viewer/src/picture'
import { CHROMIUM, launch } from './chromium'
import { serve, type Served } from './server'

declare global {
  interface Window {
    roundelView: PictureView
  }
}

interface Expected {
  size: [number, number]
  original: string
  passes: string[]
  members: string[]
  slide: { size: [number, number]; pixels: string }
}

const at = (path: string): string => fileURLToPath(new URL(path, import.meta.url))
const FOLDER = at('../build/viewed')
const PYTHON = process.env.ROUNDEL_PYTHON ?? at('../../.venv/bin/python')
/** Frames are drawn when the browser comes to it. */
const SOON = { timeout: 10_000, interval: 300 }
const BUILT = existsSync(at('../../src/roundel/viewer/static/viewer.js'))

describe.skipIf(!CHROMIUM || !BUILT)('the exported page', { timeout: 240_000 }, () => {
  let expected: Expected
  let served: Served
  let browser: Browser
  let page: Page
  const asked: string[] = []

  beforeAll(async () => {
    execFileSync(PYTHON, [at('viewed.py'), FOLDER], { stdio: ['ignore', 'ignore', 'inherit'] })
    expected = JSON.parse(readFileSync(`${FOLDER}/expected.json`, 'utf8')) as Expected
    const index = readFileSync(`${FOLDER}/page/index.html`, 'utf8')
    served = await serve({ '/some/place/': `${FOLDER}/page/` }, { '/some/place/': index })
    browser = await launch()
    page = await browser.newPage()
    await page.setViewport({ width: 900, height: 700 })
    page.on('request', (request) => asked.push(request.url()))
  }, 180_000)

  afterAll(async () => {
    await browser?.close()
    served?.close()
  })

  /** Goes to a place of the page, and waits until nothing is decoded any more. */
  async function go(place: string): Promise<void> {
    await page.goto(`${served.url}/some/place/${place}`)
    await page.reload() // another place of the same page loads nothing by itself
    await settled()
  }

  async function settled(): Promise<void> {
    await page.waitForFunction(
      () => {
        const waiting = document.querySelector('.waiting')
        const frames = [...document.querySelectorAll('.frame')]
        return waiting ? !waiting.textContent && document.querySelector('.facts')?.children.length : frames.length && frames.every((f) => f.firstChild)
      },
      { timeout: 120_000, polling: 200 },
    )
    // Drawn; what that asks for is waited for, too.
    await page.evaluate(() => new Promise((resolve) => setTimeout(resolve, 500)))
    await page.waitForFunction(() => !document.querySelector('.waiting')?.textContent, { timeout: 120_000, polling: 200 })
  }

  /** What is on the screen where a pixel of the picture is magnified. */
  async function seen(x: number, y: number): Promise<number[]> {
    return page.evaluate(async (x, y) => {
      window.roundelView.stage.look(x, y, 16)
      await new Promise((resolve) => setTimeout(resolve, 300))
      const canvas = document.querySelector<HTMLCanvasElement>('.view canvas') as HTMLCanvasElement
      const [left, top] = [Math.floor(canvas.width / 2), Math.floor(canvas.height / 2)]
      return [...(canvas.getContext('2d') as CanvasRenderingContext2D).getImageData(left, top, 1, 1).data.slice(0, 3)]
    }, x, y)
  }

  /** All pixels of the right layer, hexadecimal RGB. */
  async function shown(): Promise<string> {
    return page.evaluate(async () => {
      const { right } = window.roundelView as unknown as { right: { layer: Layer } }
      const { data } = await right.layer.tile(0, 0, 0)
      let text = ''
      for (let i = 0; i < data.length; i++) if (i % 4 < 3) text += data[i].toString(16).padStart(2, '0')
      return text
    })
  }

  function pixel(hex: string, x: number, y: number, width = expected.size[0]): number[] {
    const from = 6 * (y * width + x)
    return [0, 2, 4].map((k) => Number.parseInt(hex.slice(from + k, from + k + 2), 16))
  }

  async function choose(label: string, value: string): Promise<void> {
    await page.evaluate((label, value) => {
      const field = [...document.querySelectorAll('label')].find((found) => found.textContent?.startsWith(label))
      const input = field?.querySelector('select, input') as HTMLInputElement
      input.value = value
      input.dispatchEvent(new Event('change'))
      input.dispatchEvent(new Event('input'))
    }, label, value)
    await settled()
  }

  const PLACES = [[0, 0], [50, 37], [100, 74], [3, 70]]

  test('shows the decoded picture right of the slider and the original left of it', async () => {
    await go('#/0')
    expect(await shown()).toBe(expected.passes.at(-1))
    const last = expected.passes.at(-1) as string
    await page.focus('.handle')
    await page.keyboard.press('Home')
    for (const [x, y] of PLACES) await expect.poll(() => seen(x, y), SOON).toEqual(pixel(last, x, y))
    await page.keyboard.press('End')
    for (const [x, y] of PLACES) await expect.poll(() => seen(x, y), SOON).toEqual(pixel(expected.original, x, y))
    const facts = await page.$eval('.facts', (node) => node.textContent)
    const { psnr_db } = JSON.parse(readFileSync(`${FOLDER}/page/figures/0-${expected.passes.length}.json`, 'utf8'))
    expect(facts).toContain(`PSNR ${psnr_db.toFixed(2)} dB`)
  })

  test('shows what each pass decodes to', async () => {
    await go('#/0')
    for (const [before, hex] of expected.passes.entries()) {
      await choose('passes', `${before + 1}`)
      expect(await shown(), `${before + 1} passes`).toBe(hex)
    }
  })

  test('shows how far the two are apart', async () => {
    await go('#/0')
    await choose('as', '4')
    const last = expected.passes.at(-1) as string
    for (const [x, y] of PLACES) {
      const [a, b] = [pixel(last, x, y), pixel(expected.original, x, y)]
      await expect.poll(() => seen(x, y), SOON).toEqual(a.map((value, c) => Math.min(255, 4 * Math.abs(value - b[c]))))
    }
  })

  test('shows a sheet, with what is wrong with a file in its place', async () => {
    await go('')
    const frames = await page.$$eval('.frame', (nodes) => nodes.map((node) => node.firstElementChild?.tagName))
    expect(frames).toEqual(['CANVAS', 'CANVAS', 'P', 'CANVAS'])
    await go('#/2')
    expect(await page.$eval('.picture > .trouble', (node) => node.textContent)).toMatch(/damaged/)
  })

  test('shows the images of a pack', async () => {
    await go('#/1')
    expect(await page.$$eval('.card b', (nodes) => nodes.map((node) => node.textContent))).toEqual(['x.png', 'y.png'])
    await go('#/1/1')
    expect(await shown()).toBe(expected.members[1])
  })

  test('shows a file of many tiles in parts, at the size at which it is seen', async () => {
    const { size, pixels } = expected.slide
    await page.setViewport({ width: 190, height: 420 })
    await go('#/3')
    expect(await page.$eval('.scale', (node) => node.textContent)).toBe('31 %') // 190 / 606
    const levels = await page.evaluate(() => {
      const { right } = window.roundelView as unknown as { right: { layer: { kept: Map<string, unknown> } } }
      return [...right.layer.kept.keys()].map((tile) => Number(tile.split('/')[0]))
    })
    expect(Math.min(...levels)).toBe(1) // nothing is decoded at its own size
    for (const [x, y] of [[555, 401], [560, 430]])
      await expect.poll(() => seen(x, y), { timeout: 60_000, interval: 500 }).toEqual(pixel(pixels, x, y, size[0]))
    await page.setViewport({ width: 900, height: 700 })
  })

  test('fetches nothing from elsewhere', () => {
    expect(asked.filter((url) => !url.startsWith(`${served.url}/some/place/`) && !/^(data|blob):/.test(url))).toEqual([])
    expect(asked.some((url) => url.endsWith('.safetensors'))).toBe(true)
  })
})
