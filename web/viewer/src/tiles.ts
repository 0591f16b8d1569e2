/** A layer as OpenSeadragon takes it: tiles that are made here, not fetched. */

import OpenSeadragon from 'openseadragon'
import type { Layer } from './layers'

/** What OpenSeadragon hands over for a tile. */
interface Job {
  postData: { level: number; column: number; row: number }
  finish(data: CanvasRenderingContext2D, request: null, type: 'context2d'): void
  fail(message: string, request: null): void
}

/** Args: failed: told about each tile that cannot be made. busy: told when tiles are waited for, and when not. */
export function tileSource(
  layer: Layer,
  failed: (error: Error) => void,
  busy: (change: 1 | -1) => void,
): OpenSeadragon.TileSource {
  const last = layer.levels - 1
  const source = new OpenSeadragon.TileSource({
    width: layer.width,
    height: layer.height,
    tileSize: layer.tilePx,
    tileOverlap: 0,
    minLevel: 0,
    maxLevel: last,
  } as OpenSeadragon.TileSourceOptions)
  return Object.assign(source, {
    getTileUrl: (level: number, column: number, row: number) => `${layer.id}/${last - level}/${column}/${row}`, // names it in the cache
    getTilePostData: (level: number, column: number, row: number) => ({ level: last - level, column, row }),
    hasTransparency: () => true,
    downloadTileStart(job: Job): void {
      const { level, column, row } = job.postData
      busy(1)
      layer
        .tile(level, column, row)
        .then(
          (pixels) => job.finish(drawn(pixels), null, 'context2d'),
          (error: Error) => {
            job.fail(error.message, null)
            if (error.name !== 'AbortError') failed(error)
          },
        )
        .finally(() => busy(-1))
    },
    downloadTileAbort(): void {},
  })
}

function drawn(pixels: ImageData): CanvasRenderingContext2D {
  const canvas = document.createElement('canvas')
  canvas.width = pixels.width
  canvas.height = pixels.height
  const context = canvas.getContext('2d') as CanvasRenderingContext2D
  context.putImageData(pixels, 0, 0)
  return context
}
