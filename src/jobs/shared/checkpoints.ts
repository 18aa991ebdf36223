/** Brings each new checkpoint of a run into the storage: one at a time, the newest. */
import { readFile, stat } from 'node:fs/promises'
import type { Log } from '../log.js'
import type { Storage } from './storage.js'

export class Checkpoints {
  private readonly timer: NodeJS.Timeout
  private seen = 0
  private saving: Promise<void> | undefined

  /** @param file that the run replaces whole @param everyMs how often it is looked at */
  constructor(
    private readonly file: string,
    private readonly key: string,
    private readonly storage: Storage,
    private readonly log: Log,
    everyMs: number,
  ) {
    this.timer = setInterval(() => {
      this.saving ??= this.save()
        .catch((error) => this.log.warning('checkpoint not kept', { key: this.key, error: String(error) }))
        .finally(() => {
          this.saving = undefined
        })
    }, everyMs)
  }

  /** Ends, with the last checkpoint in the storage. @param insist does it again until it is done */
  async stop(insist: (save: () => Promise<void>) => Promise<void>): Promise<void> {
    clearInterval(this.timer)
    await this.saving
    await insist(() => this.save())
  }

  private async save(): Promise<void> {
    const at = (await stat(this.file).catch(() => undefined))?.mtimeMs
    if (at === undefined || at === this.seen) return
    await this.storage.put(this.key, await readFile(this.file))
    this.seen = at
  }
}
