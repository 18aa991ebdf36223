/** How a job goes from state to state, also at the end of a run: on disk first, then told. */
import { RpcError, toErrorInfo } from '../errors.js'
import type { JobState } from '../generated/protocol.js'
import type { Log } from '../log.js'
import type { Metrics } from '../metrics.js'
import type { Entry } from './entry.js'
import type { JobEvent } from './events.js'
import { finalArtifact, isEnd } from './record.js'
import type { Outcome } from './run.js'
import type { JobStore } from './store.js'

/** After so many unexpected ends of its worker a job has failed. */
const MOST_CRASHES = 3

type Lost = Extract<Outcome, { type: 'lost' }>

export class Transitions {
  constructor(
    private readonly store: JobStore,
    private readonly log: Log,
    private readonly metrics: Metrics,
  ) {}

  /**
   * Into the state that the outcome of a run asks for.
   * @param seconds how long it ran
   * @param closing the server itself is stopping its workers: their end is no crash
   */
  async settle(entry: Entry, outcome: Outcome, seconds: number, closing: boolean): Promise<void> {
    const { record, events } = entry
    switch (outcome.type) {
      case 'done': {
        const { files, previews, ...rest } = outcome.summary
        record.result = { ...rest, folder: outcome.folder, files: files.map(finalArtifact) }
        record.progress = 1
        this.metrics.count('job_seconds_total', seconds)
        this.metrics.count('preview_seconds_total', previews.seconds)
        this.log.info('job completed', { job: record.id, seconds, previews })
        await this.store.save({ ...record, state: 'completed', seq: events.seq }) // the result is safe before it is told
        for (const message of rest.warnings)
          this.keep(entry, events.emit('job/log', 'log', { level: 'warning', message }))
        for (const artifact of record.result.files) {
          this.keep(entry, events.emit('job/artifact', artifact.kind, { artifact }))
        }
        return this.move(entry, 'completed')
      }
      case 'question':
        record.question = outcome.question
        return this.move(entry, 'input_required')
      case 'stopped':
        return this.move(entry, record.stopping === 'pause' ? 'paused' : 'queued')
      case 'failed':
        record.error = outcome.error
        return this.move(entry, 'failed')
      case 'lost':
        return this.lost(entry, outcome.why, closing)
    }
  }

  /** The worker ended unexpectedly. */
  private async lost(entry: Entry, why: Lost['why'], closing: boolean): Promise<void> {
    const { record, events } = entry
    this.log.warning('worker lost', { job: record.id, ...why })
    this.metrics.count('workers_lost_total')
    if (!closing) record.crashes++
    if (record.crashes < MOST_CRASHES) {
      const message = `the job's process ended unexpectedly (${why.signal ?? `code ${why.code}`}); it goes on from its checkpoint`
      this.keep(entry, events.emit('job/log', 'log', { level: 'warning', message }))
      return this.move(entry, record.stopping === 'pause' ? 'paused' : 'queued')
    }
    record.error = toErrorInfo(
      new RpcError('WORKER_LOST', undefined, { detail: { code: why.code, signal: why.signal } }),
    )
    return this.move(entry, 'failed')
  }

  /** Into another state: on disk first, then told. */
  async move(entry: Entry, state: JobState): Promise<void> {
    const { record, events } = entry
    const { question, error, state: before } = record
    record.state = state
    record.updated = Date.now()
    // After a crash or a restart it keeps its place.
    if (state === 'queued' && before !== 'running') record.queued = record.updated
    if (state !== 'running' && !(state === 'queued' && record.stopping === 'finish')) delete record.stopping
    if (state !== 'input_required') delete record.question
    record.seq = events.seq + 1
    await this.store.save(record)
    if (isEnd(state)) {
      events.dropPreviews()
      await this.store.tidy(record.id)
      this.metrics.count(`jobs_${state}_total`)
    }
    const told = {
      state,
      ...(state === 'input_required' && question && { question }),
      ...(state === 'failed' && error && { error }),
    }
    this.keep(entry, events.emit('job/state', 'state', told))
  }

  /** Keeps an event on disk; what fails here costs late subscribers an event, nothing else. */
  keep({ record }: Entry, event: JobEvent): void {
    this.store.appendEvent(record.id, event).catch((error) => {
      this.log.warning('event not kept', { job: record.id, error: String(error) })
    })
  }
}
