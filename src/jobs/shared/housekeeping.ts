/**
 * What every server looks after, whichever comes first: turns that BullMQ was not told of because a server ended in between, bytes of
 * jobs that are gone or were never made, and ended jobs that are too old or too many. Doing any of it twice does no harm.
 */
import type { Log } from '../log.js'
import type { RetentionOptions } from '../retention.js'
import type { QueueConnection } from './connection.js'
import type { Dispatch } from './dispatch.js'
import type { JobRecords } from './records.js'
import { KEYS, type Storage } from './storage.js'

/** How often turns and rubbish are looked after, and ended jobs, milliseconds. */
const [SOON_MS, SELDOM_MS] = [2000, 600_000]
/** A turn that waits so long to be told is one whose server has ended, milliseconds. */
const UNTOLD_MS = 3000
/** Ended jobs that are looked at together. */
const AT_ONCE = 100

export interface HousekeepingParts {
  queue: Pick<QueueConnection, 'now'>
  records: JobRecords
  dispatch: Dispatch
  storage: Storage
  log: Log
}

export class Housekeeping {
  private timers: NodeJS.Timeout[] = []
  /** One after the other. */
  private work: Promise<unknown> = Promise.resolve()
  private stopped = false

  constructor(
    private readonly parts: HousekeepingParts,
    private readonly options: RetentionOptions,
  ) {}

  start(): void {
    const every = (ms: number, work: () => Promise<void>): void => {
      const turn = () => {
        this.work = this.work
          .then(() => (this.stopped ? undefined : work()))
          .catch((error) => this.parts.log.warning('housekeeping', { error: String(error) }))
      }
      turn()
      this.timers.push(setInterval(turn, ms))
    }
    every(SOON_MS, () => this.sendUnsent())
    every(SOON_MS, () => this.clearRubbish())
    every(SELDOM_MS, () => this.sweep())
  }

  async stop(): Promise<void> {
    this.stopped = true
    for (const timer of this.timers) clearInterval(timer)
    await this.work
  }

  /** Deletes the bytes of a job that is gone. @throws SiderError of the storage and the queue: it is done later then */
  async discard(id: string): Promise<void> {
    await this.parts.storage.remove(KEYS.job(id))
    await this.parts.records.discarded(id)
  }

  private async sendUnsent(): Promise<void> {
    const { queue, records, dispatch, log } = this.parts
    for (const id of await records.unsent(queue.now() - UNTOLD_MS)) {
      const { record, place } = await records.read(id)
      await dispatch.send({ id, turn: record.turn, place })
      log.info('turn sent late', { job: id })
    }
  }

  private async clearRubbish(): Promise<void> {
    const { queue, records } = this.parts
    for (const id of await records.rubbish(queue.now())) await this.discard(id)
  }

  private async sweep(): Promise<void> {
    const { keepDays, keepBytes } = this.options
    const { queue, records, log } = this.parts
    const tooOld = queue.now() - keepDays * 86_400_000
    while (!this.stopped) {
      const tooMany = (await records.endedBytes()) > keepBytes
      const [...ids] = await records.oldestEnded(tooMany ? Number.MAX_SAFE_INTEGER : tooOld, tooMany ? 1 : AT_ONCE)
      if (ids.length === 0) return
      for (const id of ids) {
        await records.remove(id)
        await this.discard(id)
        log.info('job deleted by retention', { job: id })
      }
    }
  }
}
