/**
 * Tells what is heard of an attempt: progress and previews as often as queue and storage take them, of each kind the newest; what
 * people are to read, in its order.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { News } from '../plans.js'
import type { PreviewInfo, RunEvents } from '../runner.js'
import type { JobRecords, SharedRecord } from './records.js'
import { KEYS, type Storage } from './storage.js'

/** Progress is told at most so often, milliseconds. */
const PROGRESS_MS = 200

export class Teller {
  private readonly latest = new Map<string, () => Promise<void>>()
  private readonly busy = new Map<string, Promise<void>>()
  private kept: Promise<unknown> = Promise.resolve()
  private fraction: number
  private readonly ending = new AbortController()

  /** @param said is told the job's state whenever something of it was told; undefined if the attempt does not count any more */
  constructor(
    private readonly record: SharedRecord,
    private readonly records: JobRecords,
    private readonly storage: Storage,
    private readonly said: (state: string | undefined) => void,
  ) {
    this.fraction = record.progress
  }

  readonly events: RunEvents = {
    progress: (progress) => {
      this.fraction = Math.max(this.fraction, Math.min(1, progress.fraction))
      const body = { ...progress, fraction: this.fraction }
      this.offer('progress', async () => {
        await this.tell('progress', { method: 'job/progress', kind: 'progress', body })
        await sleep(PROGRESS_MS, undefined, { signal: this.ending.signal })
      })
    },
    preview: (info, payload, sha256) => this.offer(info.name, () => this.preview(info, payload, sha256)),
    log: (level, message) => this.keep({ method: 'job/log', kind: 'log', body: { level, message } }),
  }

  /** Something that late subscribers are told of too. */
  keep(news: News): void {
    if (this.ending.signal.aborted) return
    this.kept = this.kept.then(() => this.tell('', news)).catch(() => {}) // without a queue nobody hears it
  }

  /** Nothing more is told when this is done. */
  async stop(): Promise<void> {
    this.ending.abort()
    this.latest.clear()
    await Promise.all([...this.busy.values(), this.kept])
  }

  /** Does it when the one before it of the same kind is done; of those that wait the newest counts. */
  private offer(kind: string, work: () => Promise<void>): void {
    if (this.ending.signal.aborted) return
    this.latest.set(kind, work)
    if (!this.busy.has(kind)) this.busy.set(kind, this.pump(kind))
  }

  private async pump(kind: string): Promise<void> {
    for (let work = this.take(kind); work; work = this.take(kind)) await work().catch(() => {}) // the next may do better
    this.busy.delete(kind)
  }

  private take(kind: string): (() => Promise<void>) | undefined {
    const work = this.latest.get(kind)
    this.latest.delete(kind)
    return work
  }

  /** The bytes first: who is told of them finds them. */
  private async preview(info: PreviewInfo, payload: Uint8Array, sha256: string): Promise<void> {
    await this.storage.put(KEYS.preview(this.record.id, info.name), payload)
    const artifact = { role: 'preview', ...info, bytes: payload.length, sha256 }
    await this.tell(`preview ${info.name}`, { method: 'job/artifact', kind: info.kind, body: { artifact } })
  }

  private async tell(field: string, news: News): Promise<void> {
    this.said(await this.records.tell(this.record.id, this.record.attempt!, field, news))
  }
}
