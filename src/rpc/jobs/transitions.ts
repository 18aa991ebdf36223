/**
 * How a job's record changes, also at the end of a run: on disk first, then in memory, then told. What a client asks for is done
 * or refused with the disk's error; what has happened is written as soon as the disk allows.
 */
import { RpcError, toErrorInfo } from '../errors.js'
import type { ErrorInfo, JobState } from '../generated/protocol.js'
import type { Log } from '../log.js'
import type { Metrics } from '../metrics.js'
import type { Entry } from './entry.js'
import type { JobEvent } from './events.js'
import { finalArtifact, isEnd, type JobRecord } from './record.js'
import type { Outcome } from './run.js'
import type { JobStore } from './store.js'

/** After so many attempts that a crash or a full disk has ended, a job has failed. */
const MOST_ATTEMPTS = 3

/** What becomes of a record. */
export interface Change {
  /** The state that it goes into; without, only what it says of itself changes. */
  state?: JobState
  fields?: Partial<JobRecord>
  /** Events that come before that of the state. */
  tell?: (() => JobEvent)[]
}

/** Sees the record as it is when the change is made. @throws what forbids it. @returns undefined if there is nothing to do */
export type Plan = (record: JobRecord) => Change | undefined

export class Transitions {
  /** @param changed told of every job whose state is another */
  constructor(
    private readonly store: JobStore,
    private readonly log: Log,
    private readonly metrics: Metrics,
    private readonly changed: (entry: Entry) => void,
  ) {}

  /**
   * A change that a client asks for.
   * @returns whether there was something to do
   * @throws what the plan throws; SiderError DISK_FULL, OUTPUT_UNWRITABLE: nothing has changed
   */
  async ask(entry: Entry, plan: Plan): Promise<boolean> {
    const { disk } = this.store
    if (entry.waitsForDisk && disk.trouble) throw disk.trouble
    return this.alone(entry, () => this.make(entry, plan, (write) => disk.record(write)))
  }

  /** A change that has come about: it is written, whenever that can be. @returns whether there was something to do */
  async must(entry: Entry, plan: Plan): Promise<boolean> {
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

  /**
   * Into the state that the outcome of a run asks for.
   * @param seconds how long it ran
   * @param closing the server itself is stopping its workers: their end is no crash
   */
  async settle(entry: Entry, outcome: Outcome, seconds: number, closing: boolean): Promise<void> {
    if (outcome.type === 'lost') {
      this.log.warning('worker lost', { job: entry.record.id, ...outcome.why })
      this.metrics.count('workers_lost_total')
    } else if (outcome.type === 'failed' && outcome.error.name === 'INTERNAL') {
      this.log.error('fault', { job: entry.record.id, error: outcome.stderr })
      this.metrics.count('faults_total')
    }
    const plan = this.planOf(entry, outcome, closing)
    // A job that was cancelled meanwhile stays so.
    const changed = await this.must(entry, (record) => (isEnd(record.state) ? undefined : plan(record)))
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

  private planOf(entry: Entry, outcome: Outcome, closing: boolean): Plan {
    const again = ({ stopping }: JobRecord): JobState => (stopping === 'pause' ? 'paused' : 'queued')
    switch (outcome.type) {
      case 'done': {
        const { files, previews: _, ...rest } = outcome.summary
        const result = { ...rest, folder: outcome.folder, files: files.map(finalArtifact) }
        const artifacts = result.files.map(
          (artifact) => () => entry.events.emit('job/artifact', artifact.kind, { artifact }),
        )
        const tell = [...rest.warnings.map((text) => this.warn(entry, text)), ...artifacts]
        return () => ({ state: 'completed', fields: { result, progress: 1 }, tell })
      }
      case 'question':
        return () => ({ state: 'input_required', fields: { question: outcome.question } })
      case 'stopped':
        return (record) => ({ state: again(record) })
      case 'failed': {
        const { error } = outcome
        if (error.name !== 'DISK_FULL') return () => ({ state: 'failed', fields: { error } })
        const errno = error.detail?.['errno'] ?? 'ENOSPC'
        const reason = this.store.disk.report(Object.assign(new Error(error.message), { code: errno }))
        const text = `${reason.message}; the job goes on from its checkpoint when there is room`
        return this.planAgain(entry, again, text, toErrorInfo(reason))
      }
      case 'lost': {
        const { code, signal } = outcome.why
        const text = `the job's process ended unexpectedly (${signal ?? `code ${code}`}); it goes on from its checkpoint`
        const error = toErrorInfo(new RpcError('WORKER_LOST', undefined, { detail: { code, signal } }))
        return this.planAgain(entry, again, text, error, closing ? 0 : 1)
      }
    }
  }

  /** Another attempt, unless there have been too many. */
  private planAgain(
    entry: Entry,
    again: (record: JobRecord) => JobState,
    text: string,
    error: ErrorInfo,
    counts = 1,
  ): Plan {
    return (record) => {
      const crashes = record.crashes + counts
      if (crashes >= MOST_ATTEMPTS) return { state: 'failed', fields: { error, crashes } }
      return { state: again(record), fields: { crashes }, tell: [this.warn(entry, text)] }
    }
  }

  private warn(entry: Entry, message: string): () => JobEvent {
    return () => entry.events.emit('job/log', 'log', { level: 'warning', message })
  }

  /** Does something with a job while nothing else changes it. */
  alone<T>(entry: Entry, work: () => Promise<T>): Promise<T> {
    const turn = entry.changing.then(work)
    entry.changing = turn.catch(() => {})
    return turn
  }

  private async make(entry: Entry, plan: Plan, save: (write: () => Promise<void>) => Promise<void>): Promise<boolean> {
    const { record, events } = entry
    const change = plan(record)
    if (!change) return false
    const { state, tell = [] } = change
    const next = changedRecord(record, change, events.seq + tell.length + 1)
    await save(() => this.store.save(next))
    replace(record, next)
    if (state === undefined) return true
    if (isEnd(state)) {
      entry.run?.kill()
      events.dropPreviews()
      await this.store.tidy(record.id)
      this.metrics.count(`jobs_${state}_total`)
    }
    for (const emit of tell) this.keep(entry, emit())
    this.tellState(entry)
    this.changed(entry)
    return true
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
}

function changedRecord(record: JobRecord, { state, fields }: Change, seq: number): JobRecord {
  const next = { ...record, ...fields, updated: Date.now(), seq }
  if (state === undefined) return next
  next.state = state
  // After a crash or a restart it keeps its place.
  if (state === 'queued' && record.state !== 'running') next.queued = next.updated
  if (state !== 'running' && !(state === 'queued' && next.stopping === 'finish')) delete next.stopping
  if (state !== 'input_required') delete next.question
  return next
}

/** Puts another record in the place of one that others hold; progress may have gone on meanwhile. */
function replace(record: JobRecord, next: JobRecord): void {
  const progress = Math.max(record.progress, next.progress)
  for (const key of Object.keys(record) as (keyof JobRecord)[]) if (!(key in next)) delete record[key]
  Object.assign(record, next, { progress })
}
