import { createHash } from 'node:crypto'
import { cpSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { defineConfig, type Plugin } from 'vite'
import { notices } from './notices.ts'

const at = (path: string): string => fileURLToPath(new URL(path, import.meta.url))
const DIST = at('dist')
const WEIGHTS = at('../src/roundel/weights')

/** What lies beside the code: the C core, the runtimes, the weights and their list, the licence. */
function assets(): Plugin {
  return {
    name: 'roundel-assets',
    closeBundle() {
      execFileSync('sh', [at('native/build.sh'), `${DIST}/native.wasm`], { stdio: 'inherit' })
      cpSync(at('../LICENSE'), `${DIST}/LICENSE`)
      cpSync(at('node_modules/onnxruntime-web/dist/ort-wasm-simd-threaded.wasm'), `${DIST}/ort-wasm-simd-threaded.wasm`)
      cpSync(at('node_modules/@jsquash/webp/codec/dec/webp_dec.wasm'), `${DIST}/webp_dec.wasm`)
      mkdirSync(`${DIST}/weights`, { recursive: true })
      const zoo = readFileSync(at('../src/roundel/codecs/zoo.py'), 'utf8')
      const ids = new Map(Array.from(zoo.matchAll(/Entry\((\d+), "([^"]+)"/g), ([, id, name]) => [name, Number(id)]))
      const names = readdirSync(WEIGHTS).filter((name) => name.endsWith('.safetensors'))
      const models = names.map((name) => {
        const bytes = readFileSync(`${WEIGHTS}/${name}`)
        writeFileSync(`${DIST}/weights/${name}`, bytes)
        const hash = createHash('sha256').update(bytes).digest('hex').slice(0, 16)
        const model = name.replace('.safetensors', '')
        return { name: model, id: ids.get(model), hash, bytes: bytes.length }
      })
      writeFileSync(`${DIST}/weights/models.json`, `${JSON.stringify(models, null, 1)}\n`)
    },
  }
}

/** The runtimes name their WebAssembly by URL; it is copied as it is, and must not be put into the code. */
function withoutUrls(): Plugin {
  return {
    name: 'roundel-without-urls',
    enforce: 'pre',
    transform(code, id) {
      if (!/onnxruntime-web|jsquash/.test(id)) return undefined
      return { code: code.replace(/new URL\(\s*["'][^"']*\.wasm["']\s*,\s*import\.meta\.url\s*\)/g, 'new URL(import.meta.url)'), map: null }
    },
  }
}

const WORKER = { worker: at('src/worker.ts') }
const MODULES = { index: at('src/index.ts'), element: at('src/element.ts') }
/** What both of them load at once, in one file. */
const PAGE = /src\/(page\/(file|link)|engine\/assets|errors|picture\/picture|container\/source)/

/** `vite build` makes what pages and Node import, `--mode worker` the worker: one file, which waits for no other. */
export default defineConfig(({ mode }) => ({
  base: './',
  plugins: mode === 'worker' ? [withoutUrls()] : [withoutUrls(), assets(), notices()],
  build: {
    target: 'es2022',
    outDir: DIST,
    emptyOutDir: mode !== 'worker',
    modulePreload: false,
    rolldownOptions: {
      input: (mode === 'worker' ? WORKER : MODULES) as Record<string, string>,
      external: [/^node:/],
      preserveEntrySignatures: 'strict',
      output: {
        entryFileNames: '[name].js',
        chunkFileNames: '[name].js',
        assetFileNames: '[name][extname]',
        codeSplitting: mode === 'worker' ? false : { groups: [{ name: 'page', test: PAGE }] },
      },
    },
  },
}))
