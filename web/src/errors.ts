/** Everything that the decoder raises on purpose: one line that says what was found, what was expected, what to do. */

/** Base of all errors that a file can cause. */
export class RoundelError extends Error {
  override name = 'RoundelError'
}

/** The bytes are not a roundel file, or break the format's rules. */
export class FormatError extends RoundelError {
  override name = 'FormatError'
}

/** The bytes end before the file does. */
export class TruncatedError extends FormatError {
  override name = 'TruncatedError'
}

/** A section's checksum does not match its bytes, or what was decoded does not match the file's. */
export class ChecksumError extends FormatError {
  override name = 'ChecksumError'
}

/** A valid file that this version cannot handle: a later format, an unknown critical box, too many pixels. */
export class UnsupportedError extends RoundelError {
  override name = 'UnsupportedError'
}

/** The weights that wrote the file are not here, are damaged, or compute otherwise in this browser. */
export class ModelError extends RoundelError {
  override name = 'ModelError'
}

/** Bytes could not be fetched. */
export class NetworkError extends RoundelError {
  override name = 'NetworkError'
}

const CLASSES = { RoundelError, FormatError, TruncatedError, ChecksumError, UnsupportedError, ModelError, NetworkError }

/** An error as it travels from a worker to its page. */
export interface Sent {
  name: string
  message: string
}

/** What is sent of an error. */
export function sent(error: unknown): Sent {
  return error instanceof Error || error instanceof DOMException
    ? { name: error.name, message: error.message }
    : { name: 'Error', message: String(error) }
}

/** The error that was sent. */
export function received({ name, message }: Sent): Error {
  if (name === 'AbortError') return new DOMException(message, name) as unknown as Error
  const Class = (CLASSES as Record<string, typeof RoundelError>)[name]
  if (Class) return new Class(message)
  const error = new Error(message)
  error.name = name
  return error
}
