/** A folder of this process on its machine, for what is on its way; those that killed processes left are deleted. */
import { randomUUID } from 'node:crypto'
import { readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { isAlive, makeFolder } from '../../engine/index.js'
import { diskError } from '../disk.js'
import type { UploadRoom } from '../engine.js'

export class Scratch implements UploadRoom {
  private constructor(readonly folder: string) {}

  /** @param base folder of all processes' own. @throws SiderError OUTPUT_UNWRITABLE, DISK_FULL */
  static async open(base: string): Promise<Scratch> {
    const scratch = new Scratch(join(base, String(process.pid)))
    try {
      await makeFolder(base, 0o700)
      for (const name of await readdir(base)) {
        const pid = Number(name)
        const left = Number.isInteger(pid) && (pid === process.pid || !isAlive(pid))
        if (left) await rm(join(base, name), { recursive: true, force: true })
      }
      await makeFolder(scratch.folder, 0o700)
    } catch (error) {
      throw diskError(error, base)
    }
    return scratch
  }

  temporary(): string {
    return join(this.folder, randomUUID())
  }

  async admit<T>(_bytes: number, write: () => Promise<T>): Promise<T> {
    try {
      return await write()
    } catch (error) {
      throw diskError(error, this.folder)
    }
  }

  async close(): Promise<void> {
    await rm(this.folder, { recursive: true, force: true }).catch(() => {})
  }
}
