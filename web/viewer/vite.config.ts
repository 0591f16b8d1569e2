import { cpSync, existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { defineConfig, type Plugin } from 'vite'
import { notices } from '../notices.ts'

const at = (path: string): string => fileURLToPath(new URL(path, import.meta.url))
const STATIC = at('../../src/roundel/viewer/static')
const DECODER = at('../dist')

/** The decoder lies beside the page as it was built. Its weights do not: `roundel view` adds those that its files name. */
function decoder(): Plugin {
  return {
    name: 'roundel-decoder',
    closeBundle() {
      if (!existsSync(`${DECODER}/index.js`)) throw new Error('build the decoder first: npm run build')
      cpSync(DECODER, `${STATIC}/decoder`, { recursive: true, filter: (path) => !path.startsWith(`${DECODER}/weights`) })
    },
  }
}

export default defineConfig({
  root: at('.'),
  base: './',
  plugins: [decoder(), notices()],
  build: {
    target: 'es2022',
    outDir: STATIC,
    emptyOutDir: true,
    modulePreload: false,
    chunkSizeWarningLimit: 600, // OpenSeadragon
    rollupOptions: { output: { entryFileNames: 'viewer.js', assetFileNames: 'viewer[extname]' } },
  },
})
