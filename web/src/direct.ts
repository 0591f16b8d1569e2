/** The decoder on the thread that calls it: for Node, and for the worker that pages use. */

export { setAssetBase } from './engine/assets'
export * from './errors'
export { Picture, type PictureData } from './picture/picture'
export { type DecodeOptions, type FileInfo, Opened, type OpenOptions, type Readable } from './reading/opening'
