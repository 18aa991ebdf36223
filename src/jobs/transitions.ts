/**
 * How a job's record changes, also at the end of a run: on disk first, then in memory, then told. What a client asks for is done
 * or refused with the disk's error; what has happened is written as soon as the disk allows.
 */
import { SiderError } from '../engine/index.js'
import type { ErrorInfo } from '../generated/protocol.js'
import type { Entry } from './entry.js'
import { toErrorInfo } from './errors.js'
import type { JobEvent } from './events.js'
import type { Log } from './log.js'
import type { Metrics } from './metrics.js'
import { finalArtifact, type JobRecord } from './record.js'
import type { Outcome } from './runner.js'
import { isEnd, type JobAction, next } from './states.js'
import type { JobStore } from './store.js'

/** After so many attempts that a crash or a full disk has ended, a job has failed. */
const MOST_ATTEMPTS = 3
/** Errors of the disk: the job goes on when it can be written. */
const OF_DISK = ['DISK_FULL', 'OUTPUT_UNWRITABLE']

/** What becomes of a record besides its state. */
export interface Change {
  fields?: Partial<JobRecord>
  /** Events that come before that of the state. */
  tell?: (() => JobEvent)[]
}

/** What is to be done with a job: an action of the table of states, and what changes with it. */
type Plan = (record: JobRecord) => Change & { action: JobAction }

/** A run that has ended. */
export interface EndedRun {
  outcome: Outcome
  /** Name of the folder of its result, in the job's. */
  folder: string
  /** How long it ran. */
  seconds: number
}

export class Transitions {
  /** @param changed told of every job whose state may be another */
  constructor(
    private readonly store: JobStore,
    private readonly log: Log,
    private readonly metrics: Metrics,
    private readonly changed: (entry: Entry) => void,
  ) {}

  /**
   * An action that is asked for.
   * @param change sees the record as it is when it is made
   * @returns whether the job's state allows it
   * @throws what `change` throws; SiderError DISK_FULL, OUTPUT_UNWRITABLE: nothing has changed
   */
  async ask(entry: Entry, action: JobAction, change?: (record: JobRecord) => Change): Promise<boolean> {
    const { disk } = this.store
    if (entry.waitsForDisk && disk.trouble) throw disk.trouble
    const plan: Plan = (record) => ({ action, ...change?.(record) })
    return this.alone(entry, async () => {
      if (next(entry.record.state, action) === undefined) return false
      return this.make(entry, plan, (write) => disk.record(write))
    })
  }

  /** Into the state that the end of a run asks for; a job that was cancelled meanwhile stays so. */
  async settle(entry: Entry, { outcome, folder, seconds }: EndedRun): Promise<void> {
    if (outcome.type === 'lost') {
      this.log.warning('worker lost', { job: entry.record.id, ...outcome.why })
      this.metrics.count('workers_lost_total')
    } else if (outcome.type === 'failed' && outcome.error.name === 'INTERNAL') {
      this.log.error('fault', { job: entry.record.id, error: outcome.stderr })
      this.metrics.count('faults_total')
    }
    const changed = await this.must(entry, this.planOf(entry, outcome, folder))
    if (!changed || outcome.type !== 'done') return
    const { previews } = outcome.summary
    this.metrics.count('job_seconds_total', seconds)
    this.metrics.count('preview_seconds_total', previews.seconds)
    this.log.info('job completed', { job: entry.record.id, seconds, previews })
  }

  /** An event that late subscribers are told of too. */
  keep({ record }: Entry, event: JobEvent): void {
    void this.store.appendEvent(record.id, event)
  }

  /** Does something with a job while nothing else changes it. */
  alone<T>(entry: Entry, work: () => Promise<T>): Promise<T> {
    const turn = entry.changing.then(work)
    entry.changing = turn.catch(() => {})
    return turn
  }

  /** Tells the state that a job is in. */
  tellState(entry: Entry): void {
    const { state, question, error } = entry.record
    const told = {
      state,
      ...(state === 'input_required' && question && { question }),
      ...(state === 'failed' && error && { error }),
    }
    this.keep(entry, entry.events.emit('job/state', 'state', told))
  }

  /** What has come about: it is written, whenever that can be. @returns whether the job's state allowed it */
  private async must(entry: Entry, plan: Plan): Promise<boolean> {
    const waits = ({ message }: Error): void => {
      entry.waitsForDisk = true
      this.warn(entry, `${message}: what has become of the job is told when it can be written`)()
    }
    try {
      return await this.alone(entry, () => this.make(entry, plan, (write) => this.store.disk.insist(write, waits)))
    } finally {
      entry.waitsForDisk = false
    }
  }

  private planOf(entry: Entry, outcome: Outcome, folder: string): Plan {
    switch (outcome.type) {
      case 'done': {
        const { files, previews: _, ...rest } = outcome.summary
        const result = { ...rest, folder, files: files.map(finalArtifact) }
        const artifacts = result.files.map(
          (artifact) => () => entry.events.emit('job/artifact', artifact.kind, { artifact }),
        )
        const tell = [...rest.warnings.map((text) => this.warn(entry, text)), ...artifacts]
        return () => ({ action: 'complete', fields: { result, progress: 1 }, tell })
      }
      case 'question':
        return () => ({ action: 'ask', fields: { question: outcome.question } })
      case 'stopped':
        return () => ({ action: 'again' })
      case 'failed': {
        const { error } = outcome
        if (!OF_DISK.includes(error.name)) return () => ({ action: 'fail', fields: { error } })
        const errno = error.detail?.['errno'] ?? 'ENOSPC'
        const reason = this.store.disk.report(Object.assign(new Error(error.message), { code: errno }))
        const text = `${reason.message}; the job goes on from its checkpoint when there is room`
        return this.planAgain(entry, text, toErrorInfo(reason))
      }
      case 'lost': {
        const { code, signal } = outcome.why
        const text = `the job's process ended unexpectedly (${signal ?? `code ${code}`}); it goes on from its checkpoint`
        return this.planAgain(
          entry,
          text,
          toErrorInfo(new SiderError('WORKER_LOST', undefined, { data: { code, signal } })),
        )
      }
    }
  }

  /** Another attempt, unless there have been too many. */
  private planAgain(entry: Entry, text: string, error: ErrorInfo): Plan {
    return (record) => {
      const crashes = record.crashes + 1
      if (crashes >= MOST_ATTEMPTS) return { action: 'fail', fields: { error, crashes } }
      return { action: 'again', fields: { crashes }, tell: [this.warn(entry, text)] }
    }
  }

  private warn(entry: Entry, message: string): () => JobEvent {
    return () => entry.events.emit('job/log', 'log', { level: 'warning', message })
  }

  /** @returns whether the job's state allows it */
  private async make(entry: Entry, plan: Plan, save: (write: () => Promise<void>) => Promise<void>): Promise<boolean> {
    const { record, events } = entry
    const { action, fields, tell = [] } = plan(record)
    const state = next(record.state, action)
    if (state === undefined) return false
    if (state === record.state && !fields) return true
    const changed: JobRecord = { ...record, ...fields, state, updated: Date.now(), seq: events.seq + tell.length + 1 }
    // What goes on after a crash or a restart keeps its place.
    if (state === 'queued' && action !== 'again') changed.queued = changed.updated
    if (state !== 'input_required') delete changed.question
    await save(() => this.store.save(changed))
    replace(record, changed)
    if (isEnd(state)) {
      entry.attempt?.kill()
      events.dropPreviews()
      await this.store.tidy(record.id)
      this.metrics.count(`jobs_${state}_total`)
    }
    for (const emit of tell) this.keep(entry, emit())
    this.tellState(entry)
    this.changed(entry)
    return true
  }
}

/** Puts another record in the place of one that others hold; progress may have gone on meanwhile. */
function replace(record: JobRecord, next: JobRecord): void {
  const progress = Math.max(record.progress, next.progress)
  for (const key of Object.keys(record) as (keyof JobRecord)[]) if (!(key in next)) delete record[key]
  Object.assign(record, next, { progress })
}
