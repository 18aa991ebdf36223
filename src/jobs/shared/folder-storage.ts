/** A folder that all machines share as the storage, on a network file system say. */
import { open, readFile, rm, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { makeFolder, SiderError, writeFileAtomic } from '../../engine/index.js'
import { diskError } from '../disk.js'
import type { Storage } from './storage.js'

export class FolderStorage implements Storage {
  readonly place: string
  private readonly folder: string

  constructor(folder: URL) {
    this.folder = fileURLToPath(folder)
    this.place = `the folder ${this.folder}`
  }

  async put(key: string, bytes: Uint8Array): Promise<void> {
    await this.written(async () => {
      await makeFolder(dirname(this.path(key)), 0o700)
      await writeFileAtomic(this.path(key), bytes)
    })
  }

  async get(key: string): Promise<Uint8Array | undefined> {
    return this.found(() => readFile(this.path(key)))
  }

  async read(key: string, start: number, end: number): Promise<Uint8Array> {
    const part = await this.found(async () => {
      const handle = await open(this.path(key))
      try {
        const bytes = Buffer.alloc(end - start)
        const { bytesRead } = await handle.read(bytes, 0, bytes.length, start)
        return bytes.subarray(0, bytesRead)
      } finally {
        await handle.close()
      }
    })
    if (part?.length !== end - start) throw new SiderError('ARTIFACT_GONE')
    return part
  }

  async size(key: string): Promise<number | undefined> {
    return (await this.found(() => stat(this.path(key))))?.size
  }

  async remove(key: string): Promise<void> {
    await this.written(() => rm(this.path(key), { recursive: true, force: true }))
  }

  private path(key: string): string {
    return join(this.folder, ...key.split('/'))
  }

  private async written(work: () => Promise<void>): Promise<void> {
    try {
      await work()
    } catch (error) {
      throw diskError(error, this.folder)
    }
  }

  /** undefined if it is not there. */
  private async found<T>(work: () => Promise<T>): Promise<T | undefined> {
    try {
      return await work()
    } catch (cause) {
      const { code, message } = cause as NodeJS.ErrnoException
      if (code === 'ENOENT') return undefined
      throw new SiderError('STORAGE_UNAVAILABLE', `${this.place} cannot be read: ${message}`, {
        data: { path: this.folder, errno: code },
        cause,
      })
    }
  }
}
