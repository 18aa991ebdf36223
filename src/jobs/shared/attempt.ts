/**
 * One attempt at a job of the queue: its photo and checkpoint come from the storage, a process of this machine does the work, what it
 * tells goes to Redis and its files to the storage. The record names the attempt; as soon as it does not, the process is ended, for
 * the job was cancelled or is somebody else's by now.
 */
import { createHash } from 'node:crypto'
import { readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { makeFolder, SiderError } from '../../engine/index.js'
import { diskError } from '../disk.js'
import { toErrorInfo } from '../errors.js'
import type { Log } from '../log.js'
import type { Metrics } from '../metrics.js'
import { OF_DISK, outcomePlan, planAgain, warning } from '../plans.js'
import type { Outcome, Attempt as Run, Runner, RunSummary } from '../runner.js'
import { isEnd, type JobState } from '../states.js'
import { Checkpoints } from './checkpoints.js'
import type { JobRecords, SharedPlan, SharedRecord } from './records.js'
import { KEYS, removeEnded, type Storage } from './storage.js'
import { Teller } from './teller.js'

/** Time between tries to reach queue or storage, milliseconds. */
const AGAIN_MS = 1000
/** How often it is made sure that the attempt still counts, milliseconds; messages say so sooner. */
const LOOK_MS = 1000
/** What comes and goes while machines and networks do. */
const TROUBLES = ['QUEUE_UNAVAILABLE', 'STORAGE_UNAVAILABLE', ...OF_DISK]

export interface AttemptParts {
  records: JobRecords
  storage: Storage
  runner: Runner
  log: Log
  metrics: Metrics
  /** How often a new checkpoint is looked for, milliseconds. */
  checkpointMs: number
}

/** What has become of an attempt: `lost` and `no room` are tried again, `set aside` never. */
export type AttemptEnd = 'settled' | 'handed back' | 'lost' | 'no room' | 'set aside'

export class SharedAttempt {
  private run: Run | undefined
  /** Nothing more is to be done for the job: it is handed back, cancelled or another's. */
  private readonly over = new AbortController()
  private readonly stopping = new AbortController()
  /** The worker waits for nothing any more: what is not written is for the next attempt to find out. */
  private readonly deserted = new AbortController()
  private readonly teller: Teller

  /** @param record as it is since this attempt was begun @param folder of its own */
  constructor(
    private readonly record: SharedRecord,
    private readonly folder: string,
    private readonly parts: AttemptParts,
  ) {
    this.teller = new Teller(record, parts.records, parts.storage, (state) => this.obey(state))
  }

  get id(): string {
    return this.record.id
  }

  /** Does the work, until what came of it is written. */
  async work(): Promise<AttemptEnd> {
    const looking = setInterval(() => void this.look(), LOOK_MS)
    try {
      const outcome = await this.attempt().catch((error) => this.fault(error))
      await this.teller.stop()
      return this.over.signal.aborted ? 'settled' : await this.settle(outcome)
    } catch (error) {
      if (!this.over.signal.aborted) throw error
      return 'settled' // somebody else has said what becomes of it
    } finally {
      clearInterval(looking)
      await this.clear().catch((error) => this.parts.log.warning('left', { job: this.id, error: String(error) }))
    }
  }

  /** The job's state is this now, as somebody has said; undefined if the attempt does not count any more. */
  obey(state: string | undefined): void {
    if (state === undefined || isEnd(state as JobState)) {
      this.over.abort()
      this.run?.kill()
    } else if (state === 'pausing') this.handBack()
    else if (state === 'finishing') this.run?.finish()
  }

  /** Looks whether the attempt still counts, and what is wanted. */
  async look(): Promise<void> {
    const { state, attempt } = await this.parts.records.look(this.id).catch(() => ({ state: '', attempt: '' }))
    if (state !== '') this.obey(attempt === this.record.attempt ? state : undefined)
  }

  /** Saves a checkpoint and gives the job back. */
  handBack(): void {
    this.stopping.abort()
    this.run?.pause()
  }

  /** Gives it back with the checkpoint that there is; if that cannot be said now, by not renewing its lock. */
  kill(): void {
    this.stopping.abort()
    this.deserted.abort()
    this.run?.kill()
  }

  private async attempt(): Promise<Outcome> {
    const { storage, runner, log, checkpointMs } = this.parts
    const { id, record } = this
    const { settings, landmarks, corrections, severalFaces } = record
    await makeFolder(this.folder, 0o700)
    const [photo, checkpoint, results] = ['photo', 'checkpoint', 'results'].map((name) => join(this.folder, name))
    const bytes = await this.insist(() => storage.get(KEYS.photo(id)))
    if (this.stopping.signal.aborted) return { type: 'stopped' }
    if (!bytes || createHash('sha256').update(bytes).digest('hex') !== record.photo.sha256) {
      const damaged = new SiderError('IMAGE_UNREADABLE', 'the photo in the storage is damaged', {
        hint: 'Send the photo again as a new job.',
      })
      return { type: 'failed', error: toErrorInfo(damaged), stderr: '' }
    }
    await writeFile(photo, bytes, { mode: 0o600 })
    const before = await this.insist(() => storage.get(KEYS.checkpoint(id)))
    if (before) await writeFile(checkpoint, before, { mode: 0o600 })
    if (this.stopping.signal.aborted) return { type: 'stopped' }
    const work = { photo, checkpoint, results, settings, landmarks, corrections, severalFaces }
    this.run = runner.start(work, this.teller.events)
    log.info('job started', { job: id, worker: this.run.worker })
    void this.look() // what was asked for while the photo came
    const checkpoints = new Checkpoints(checkpoint, KEYS.checkpoint(id), storage, log, checkpointMs)
    try {
      const outcome = await this.run.ended
      if (outcome.type === 'done') await this.keepResult(outcome.summary, results)
      return outcome
    } finally {
      // The last checkpoint is what the next attempt goes on from.
      await checkpoints.stop((save) => this.insist(save))
    }
  }

  /** Clears what nobody needs any more: here, and in the storage of a job that has ended or is gone. */
  private async clear(): Promise<void> {
    const { records, storage } = this.parts
    await rm(this.folder, { recursive: true, force: true }).catch(() => {})
    const { state } = await records.look(this.id)
    if (state === undefined) await storage.remove(KEYS.job(this.id))
    else if (isEnd(state as JobState)) await removeEnded(storage, this.id)
  }

  /** What this program could not do: its own disk is full, or it has a fault. */
  private fault(cause: unknown): Outcome {
    if (this.over.signal.aborted || this.deserted.signal.aborted) throw cause
    let error = cause
    try {
      error = diskError(cause, this.folder)
    } catch {
      // it has nothing to do with the disk
    }
    return { type: 'failed', error: toErrorInfo(error), stderr: (cause as Error)?.stack ?? String(cause) }
  }

  /** Puts the files of a result into the storage; those that are there already were made by an attempt before. */
  private async keepResult({ files }: RunSummary, folder: string): Promise<void> {
    const { storage } = this.parts
    for (const { name, bytes, sha256 } of files) {
      const key = KEYS.result(this.id, sha256)
      await this.insist(async () => {
        if ((await storage.size(key)) !== bytes) await storage.put(key, await readFile(join(folder, name)))
      })
    }
  }

  private async settle(outcome: Outcome): Promise<AttemptEnd> {
    const { records, log, metrics } = this.parts
    const { id } = this
    const drained = this.stopping.signal.aborted && outcome.type === 'lost'
    const plan = planOf(drained ? { type: 'stopped' } : outcome)
    const attempt = this.record.attempt
    const made = await this.insist(() =>
      records.change(id, (record) => {
        if (record.attempt !== attempt) return undefined
        const what = plan(record)
        return { ...what, fields: { ...what.fields, attempt: undefined } }
      }),
    )
    if (!made) return 'settled'
    const { state, error, crashes } = made.record
    log.info('job settled', { job: id, outcome: outcome.type, state, ...(error && { code: error.name, crashes }) })
    if (isEnd(state)) metrics.ended(state, error?.name)
    if (outcome.type === 'done' && state === 'completed')
      metrics.completed(outcome.summary.seconds, outcome.summary.previews)
    if (outcome.type === 'failed' && outcome.error.name === 'INTERNAL') {
      metrics.count('faults_total')
      log.error('fault', { job: id, error: outcome.stderr })
    }
    if (outcome.type === 'lost' && !drained) {
      metrics.count('workers_lost_total')
      log.warning('worker lost', { job: id, ...outcome.why })
      return state === 'failed' ? 'set aside' : 'lost'
    }
    if (outcome.type === 'failed' && state !== 'failed') return 'no room'
    return state === 'queued' || state === 'finishing' ? 'handed back' : 'settled'
  }

  /**
   * Does what must be done, as soon as queue and storage allow: meanwhile the job keeps its worker, which could do nothing else either.
   * @throws SiderError CANCELLED if the attempt is over; what is wrong with queue or storage if it is deserted
   */
  private async insist<T>(work: () => Promise<T>): Promise<T> {
    for (let told = false; ; ) {
      if (this.over.signal.aborted) throw new SiderError('CANCELLED', 'the attempt is over')
      try {
        return await work()
      } catch (error) {
        if (!(error instanceof SiderError) || !TROUBLES.includes(error.code)) throw error
        if (this.deserted.signal.aborted) throw error
        if (!told) {
          this.parts.log.warning('waits', { job: this.id, error: error.message })
          if (error.code !== 'QUEUE_UNAVAILABLE')
            this.teller.keep(warning(`${toErrorInfo(error).message}: the job waits`))
        }
        told = true
      }
      const signal = AbortSignal.any([this.over.signal, this.deserted.signal])
      await sleep(AGAIN_MS, undefined, { signal }).catch(() => {})
    }
  }
}

/** What an outcome means where a worker's own disk has nothing to do with the jobs that are kept. */
function planOf(outcome: Outcome): SharedPlan {
  if (outcome.type === 'lost') {
    const { code, signal } = outcome.why
    return lostPlan(`the job's process ended unexpectedly (${signal ?? `code ${code}`})`, { code, signal })
  }
  if (outcome.type !== 'failed' || !OF_DISK.includes(outcome.error.name)) return outcomePlan(outcome, 'results')
  const text = `${outcome.error.message} on the worker's machine; the job goes on from its checkpoint`
  return planAgain(text, outcome.error)
}

/** A worker is gone: a job that has got further since the last time is not what ended it. */
export function lostPlan(what: string, data: Record<string, unknown> = {}): SharedPlan {
  const plan = planAgain(
    `${what}; it goes on from its checkpoint`,
    toErrorInfo(new SiderError('WORKER_LOST', what, { data })),
  )
  return (record) => {
    const { progress, lostAt = -1 } = record
    const change = plan(progress > lostAt ? { ...record, crashes: 0 } : record)
    return { ...change, fields: { ...change.fields, lostAt: progress, progress } }
  }
}
