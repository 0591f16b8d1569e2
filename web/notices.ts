import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { Plugin } from 'vite'

const OWN = readFileSync(fileURLToPath(new URL('../LICENSE', import.meta.url)), 'utf8')

/** The runtime's packages name the MIT licence and its holder, and leave the text out. */
const RUNTIME = `${OWN.replace(/^Copyright.*$/m, 'Copyright (c) Microsoft Corporation. All rights reserved.')}
What its WebAssembly is linked with: https://github.com/microsoft/onnxruntime, ThirdPartyNotices.txt of this version.`
const ABSENT = new Map([['onnxruntime-web', RUNTIME], ['onnxruntime-common', RUNTIME]])

/** The licences of the packages whose code is in a build, and with it their WebAssembly: THIRD-PARTY.txt. */
export function notices(): Plugin {
  return {
    name: 'roundel-notices',
    generateBundle(_, bundle) {
      const folders = new Set<string>()
      for (const chunk of Object.values(bundle))
        for (const id of chunk.type === 'chunk' ? chunk.moduleIds : [])
          for (const [folder] of id.matchAll(/^.*\/node_modules\/(?:@[^/]+\/)?[^/]+(?=\/)/g)) folders.add(folder)
      const parts = Array.from(folders).sort().map(noticeOf)
      const source = ['Roundel includes these packages, under their own licences.\n', ...parts].join(`\n${'-'.repeat(80)}\n\n`)
      this.emitFile({ type: 'asset', fileName: 'THIRD-PARTY.txt', source })
    },
  }
}

function noticeOf(folder: string): string {
  const { name, version, license } = JSON.parse(readFileSync(`${folder}/package.json`, 'utf8')) as Record<string, string>
  const files = (readdirSync(folder, { recursive: true }) as string[]).filter((path) => /(^|\/)(licen[cs]e|notice)[^/]*$/i.test(path))
  const texts = files.sort().map((path) => readFileSync(`${folder}/${path}`, 'utf8'))
  if (!texts.length) texts.push(ABSENT.get(name) ?? '')
  if (!texts[0]) throw new Error(`${name} has no licence text in its package: add it to web/notices.ts`)
  return `${name} ${version} (${license})\n\n${texts.map((text) => text.trim()).join('\n\n')}\n`
}
