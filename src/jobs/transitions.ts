/**
 * How a job's record changes, also at the end of a run: on disk first, then in memory, then told. What a client asks for is done
 * or refused with the disk's error; what has happened is written as soon as the disk allows.
 */
import type { Entry } from './entry.js'
import { toErrorInfo } from './errors.js'
import type { JobEvent } from './events.js'
import type { Log } from './log.js'
import type { Metrics } from './metrics.js'
import {
  type Change,
  changed,
  type News,
  OF_DISK,
  outcomePlan,
  type Plan,
  planAgain,
  stateNews,
  warning,
} from './plans.js'
import type { JobRecord } from './record.js'
import type { Outcome } from './runner.js'
import { isEnd, type JobAction, next } from './states.js'
import type { JobStore } from './store.js'

/** A run that has ended. */
export interface EndedRun {
  outcome: Outcome
  /** Name of the folder of its result, in the job's. */
  folder: string
  /** How long it ran. */
  seconds: number
}

export class Transitions {
  /** @param told told of every job whose state may be another */
  constructor(
    private readonly store: JobStore,
    private readonly log: Log,
    private readonly metrics: Metrics,
    private readonly told: (entry: Entry) => void,
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
    const done = await this.must(entry, this.planOf(outcome, folder))
    if (!done || outcome.type !== 'done') return
    const { previews } = outcome.summary
    this.metrics.completed(outcome.summary.seconds, previews)
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
    this.keep(entry, emit(entry, stateNews(entry.record)))
  }

  /** What has come about: it is written, whenever that can be. @returns whether the job's state allowed it */
  private async must(entry: Entry, plan: Plan): Promise<boolean> {
    const waits = ({ message }: Error): void => {
      entry.waitsForDisk = true
      emit(entry, warning(`${message}: what has become of the job is told when it can be written`))
    }
    try {
      return await this.alone(entry, () => this.make(entry, plan, (write) => this.store.disk.insist(write, waits)))
    } finally {
      entry.waitsForDisk = false
    }
  }

  private planOf(outcome: Outcome, folder: string): Plan {
    if (outcome.type !== 'failed' || !OF_DISK.includes(outcome.error.name)) return outcomePlan(outcome, folder)
    const { message, detail } = outcome.error
    const errno = detail?.['errno'] ?? 'ENOSPC'
    const reason = this.store.disk.report(Object.assign(new Error(message), { code: errno }))
    return planAgain(`${reason.message}; the job goes on from its checkpoint when there is room`, toErrorInfo(reason))
  }

  /** @returns whether the job's state allows it */
  private async make(entry: Entry, plan: Plan, save: (write: () => Promise<void>) => Promise<void>): Promise<boolean> {
    const { record, events } = entry
    const { tell = [], ...change } = plan(record)
    const made = changed(record, change, Date.now())
    if (made === undefined || made === record) return made !== undefined
    const { state } = made
    made.seq = events.seq + tell.length + 1
    await save(() => this.store.save(made))
    replace(record, made)
    if (isEnd(state)) {
      entry.attempt?.kill()
      events.dropPreviews()
      await this.store.tidy(record.id)
      this.metrics.ended(state, made.error?.name)
    }
    for (const news of tell) this.keep(entry, emit(entry, news))
    this.tellState(entry)
    this.told(entry)
    return true
  }
}

const emit = ({ events }: Entry, { method, kind, body }: News): JobEvent => events.emit(method, kind, body)

/** Puts another record in the place of one that others hold; progress may have gone on meanwhile. */
function replace(record: JobRecord, next: JobRecord): void {
  const progress = Math.max(record.progress, next.progress)
  for (const key of Object.keys(record) as (keyof JobRecord)[]) if (!(key in next)) delete record[key]
  Object.assign(record, next, { progress })
}
