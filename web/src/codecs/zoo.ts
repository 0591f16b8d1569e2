/** The model that wrote a file, by its number and the hash of its weights; loaded once. */

import type { Header } from '../container/format'
import { startRuntime } from '../engine/graph'
import { weightsFile } from '../engine/store'
import { Weights } from '../engine/weights'
import { ModelError } from '../errors'
import type { Model } from './protocol'
import { PyramidModel } from './pyramid/codec'
import { TokenModel } from './tokens/codec'
import { WaveletModel } from './wavelet/codec'

const ARCHITECTURES: Record<string, (weights: Weights) => Promise<Model>> = {
  'pyramid/1': (weights) => PyramidModel.load(weights),
  'wavelet/4': (weights) => WaveletModel.load(weights),
  'tokens/1': (weights) => TokenModel.load(weights),
}

const loaded = new Map<string, Promise<Model>>()

/** Throws: ModelError, the weights are not here, damaged, or compute otherwise in this browser. */
export async function modelOf(header: Header): Promise<Model> {
  const { weightsHash: hash, modelId: id } = header
  const key = `${hash} ${id}`
  let model = loaded.get(key)
  if (!model) {
    model = load(hash, id)
    loaded.set(key, model)
    model.catch(() => loaded.delete(key))
  }
  const found = await model
  if (found.kind !== header.kind || found.passes !== header.passes)
    throw new ModelError(`the file is ${header.kind} of ${header.passes} passes, its weights are ${found.kind} of ${found.passes}`)
  return found
}

async function load(hash: string, id: number): Promise<Model> {
  const [{ name, bytes }] = await Promise.all([weightsFile(hash, id), startRuntime()])
  const weights = Weights.read(bytes, name, hash)
  const reader = ARCHITECTURES[weights.architecture]
  if (!reader)
    throw new ModelError(`${name}: of the architecture ${weights.architecture}; a newer version of roundel may know it`)
  return reader(weights)
}
