/** The jobs that run: as many at once as there are places, those whose turn it is, each until what came of it is on disk. */
import { SiderError } from '../engine/index.js'
import type { Entry } from './entry.js'
import { toErrorInfo } from './errors.js'
import type { Log } from './log.js'
import type { Metrics } from './metrics.js'
import { isIntact } from './photo.js'
import type { Outcome, Runner } from './runner.js'
import { isEnd } from './states.js'
import type { JobStore } from './store.js'
import type { Transitions } from './transitions.js'
import type { WaitingJobs } from './waiting.js'

/** What a schedule works with. */
export interface ScheduleParts {
  store: JobStore
  runner: Runner
  waiting: WaitingJobs
  transitions: Transitions
  log: Log
  metrics: Metrics
}

export class Schedule {
  private readonly launched = new Map<Entry, Promise<void>>()
  private open = false

  /** @param places of jobs that run at once */
  constructor(
    private readonly parts: ScheduleParts,
    private readonly places: number,
  ) {
    parts.store.disk.onRelief(() => this.pump())
  }

  /** Whether jobs may run. */
  get isOpen(): boolean {
    return this.open
  }

  start(): void {
    this.open = true
    this.pump()
  }

  /** Stops the workers with checkpoints; their jobs go on when a server next starts. */
  async stop(graceMs: number): Promise<void> {
    this.open = false
    const { store } = this.parts
    const attempts = [...this.launched.keys()].flatMap(({ attempt }) => attempt ?? [])
    for (const attempt of attempts) attempt.pause()
    const timer = setTimeout(() => {
      for (const attempt of attempts) attempt.kill()
    }, graceMs)
    await Promise.all(attempts.map(({ ended }) => ended))
    clearTimeout(timer)
    store.disk.close() // what it does not take now is as it was at the next start
    await Promise.all(this.launched.values())
  }

  /** Starts what may be started. */
  pump(): void {
    const { store, waiting } = this.parts
    while (this.open && !store.disk.trouble && this.launched.size < this.places) {
      const next = waiting.next()
      if (!next) return
      next.launched = true
      waiting.update(next)
      waiting.serve(next)
      this.launched.set(next, this.launch(next))
    }
  }

  /** One attempt at a job, until what came of it is on disk. */
  private async launch(entry: Entry): Promise<void> {
    const { store, transitions, waiting, log } = this.parts
    try {
      if (await transitions.ask(entry, 'start')) {
        const started = performance.now()
        const folder = store.newResultFolder()
        const outcome = await this.attempt(entry, folder).catch(fault)
        await transitions.settle(entry, { outcome, folder, seconds: (performance.now() - started) / 1000 })
      }
    } catch (error) {
      // It is on disk as it was: the job waits for the disk, or for the next start.
      log.error('job could not be saved', { job: entry.record.id, error: String(error) })
    } finally {
      delete entry.attempt
      entry.launched = false
      this.launched.delete(entry)
      waiting.update(entry)
      this.pump()
    }
  }

  /** @param folder for the result, in the job's */
  private async attempt(entry: Entry, folder: string): Promise<Outcome> {
    const { store, runner, transitions, log, metrics } = this.parts
    const { record, events } = entry
    const { id, settings, landmarks, corrections, severalFaces } = record
    if (!(await isIntact(store.photo(id), record.photo))) {
      const damaged = new SiderError('IMAGE_UNREADABLE', "the photo on the server's disk is damaged", {
        hint: 'Send the photo again as a new job.',
      })
      return { type: 'failed', error: toErrorInfo(damaged), stderr: '' }
    }
    // While the photo was looked at, somebody may have asked for something else.
    if (!this.open || !['running', 'finishing'].includes(record.state)) return { type: 'stopped' }
    const paths = {
      photo: store.photo(id),
      checkpoint: store.checkpoint(id),
      results: store.path(id, folder),
    }
    const attempt = runner.start(
      { ...paths, settings, landmarks, corrections, severalFaces },
      {
        progress: (progress) => {
          record.progress = Math.max(record.progress, Math.min(1, progress.fraction))
          events.emit('job/progress', 'progress', { ...progress, fraction: record.progress })
        },
        preview: (info, payload, sha256) => {
          metrics.count('previews_total')
          events.emitPreview(info, sha256, payload)
        },
        log: (level, message) => transitions.keep(entry, events.emit('job/log', 'log', { level, message })),
      },
    )
    entry.attempt = attempt
    if (record.state === 'finishing') attempt.finish()
    log.info('job started', { job: id, worker: attempt.worker })
    const outcome = await attempt.ended
    if (outcome.type !== 'done' || isEnd(record.state)) await store.discard(id, folder)
    // When everything is stopped, the end of a worker is no crash.
    return outcome.type === 'lost' && !this.open ? { type: 'stopped' } : outcome
  }
}

/** An attempt that this program could not even begin. */
function fault(error: unknown): Outcome {
  return { type: 'failed', error: toErrorInfo(error), stderr: (error as Error)?.stack ?? String(error) }
}
