/** A job's photo on its way to the disk: in memory, or in a file that an upload left. */
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'

export interface Photo {
  bytes: number
  /** Of the file, hex. */
  sha256: string
  /** The file's bytes, or the path of a file that may be moved away. */
  content: Uint8Array | string
}

/** Hashes on another thread: large photos hold up nobody. */
export async function photoOf(content: Uint8Array): Promise<Photo> {
  const digest = await crypto.subtle.digest('SHA-256', content as Uint8Array<ArrayBuffer>)
  return { bytes: content.length, sha256: Buffer.from(digest).toString('hex'), content }
}

/**
 * Whether a file still is the photo that was accepted.
 * @throws what the system says of a file that is there and cannot be read
 */
export async function isIntact(file: string, { bytes, sha256 }: Pick<Photo, 'bytes' | 'sha256'>): Promise<boolean> {
  try {
    if ((await stat(file)).size !== bytes) return false
    const hash = createHash('sha256')
    for await (const part of createReadStream(file)) hash.update(part as Buffer)
    return hash.digest('hex') === sha256
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false
    throw error
  }
}
