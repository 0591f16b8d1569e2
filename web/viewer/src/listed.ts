/** What is shown, as `roundel view` lists it in view.json. Paths are relative to the page. */

export interface Original {
  name: string
  file: string
  file_bytes: number
}

/** A .rndl file. Where it cannot be read there is `error`, and nothing else but its name. */
export interface Item {
  name: string
  file: string
  error?: string
  kind?: 'lossy' | 'lossless' | 'tokens'
  file_bytes?: number
  width_px?: number
  height_px?: number
  quality?: number
  /** Bytes from the beginning that hold so many passes, from one to all. */
  prefix_bytes?: number[]
  /** Of a pack. */
  images?: number
  sizes_px?: [number, number][]
  names?: string[] | null
  original?: Original
  /** Where the figures of each pass are. */
  figures?: string[]
}

export interface Listed {
  title: string
  items: Item[]
}

/** How far a pass is from the original. */
export interface Figures {
  error?: string
  psnr_db?: number | null
  ms_ssim?: number
  ssimulacra2?: number | null
  identical?: boolean
}

/** Throws: Error, the file is not here. */
export async function fetchJson<T>(path: string): Promise<T> {
  const answer = await fetch(path)
  if (!answer.ok) throw new Error(`${path}: the server answers ${answer.status} ${answer.statusText}`)
  return (await answer.json()) as T
}
