/** A real browser without a screen; ROUNDEL_CHROMIUM names one that is not found by itself. */

import { existsSync } from 'node:fs'
import puppeteer, { type Browser } from 'puppeteer-core'

const PLACES = [
  process.env.ROUNDEL_CHROMIUM, '/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
]

/** The browser's program, or undefined where there is none. */
export const CHROMIUM = PLACES.find((path) => path && existsSync(path))

export function launch(): Promise<Browser> {
  return puppeteer.launch({ executablePath: CHROMIUM, args: ['--no-sandbox', '--disable-gpu'], protocolTimeout: 300_000 })
}
