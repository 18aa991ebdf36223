/** The jobs that run: as many at once as there are places, those whose turn it is, each until what came of it is on disk. */
import { RpcError, toErrorInfo } from '../errors.js'
import type { Log } from '../log.js'
import type { Metrics } from '../metrics.js'
import type { Entry } from './entry.js'
import { isIntact } from './photo.js'
import { isEnd, type JobRecord } from './record.js'
import { JobRun, type Outcome } from './run.js'
import { SpareWorker } from './spare-worker.js'
import type { JobStore } from './store.js'
import type { Transitions } from './transitions.js'
import type { WaitingJobs } from './waiting.js'
import { WORKER_PROGRAM } from './worker-process.js'

export interface RunnerOptions {
  /** Jobs that run at once. */
  maxRunning: number
  workerProgram?: string
}

export class Runner {
  private readonly launched = new Map<Entry, Promise<void>>()
  private readonly spare: SpareWorker
  private open = false

  constructor(
    private readonly store: JobStore,
    private readonly waiting: WaitingJobs,
    private readonly transitions: Transitions,
    private readonly options: RunnerOptions,
    private readonly log: Log,
    private readonly metrics: Metrics,
  ) {
    this.spare = new SpareWorker(options.workerProgram ?? WORKER_PROGRAM)
    store.disk.onRelief(() => this.pump())
  }

  start(): void {
    this.open = true
    this.pump()
  }

  /** Stops the workers with checkpoints; their jobs go on when a server next starts. */
  async stop(graceMs: number): Promise<void> {
    this.open = false
    this.spare.end()
    const runs = [...this.launched.keys()].flatMap(({ run }) => run ?? [])
    for (const run of runs) run.pause()
    const timer = setTimeout(() => {
      for (const run of runs) run.kill()
    }, graceMs)
    await Promise.all(runs.map((run) => run.ended))
    clearTimeout(timer)
    this.store.disk.close() // what it does not take now is as it was at the next start
    await Promise.all(this.launched.values())
  }

  /** Starts what may be started. */
  pump(): void {
    while (this.open && !this.store.disk.trouble && this.launched.size < this.options.maxRunning) {
      const next = this.waiting.next()
      if (!next) return
      next.launched = true
      this.waiting.update(next)
      this.waiting.serve(next.record.owner)
      this.launched.set(next, this.launch(next))
    }
  }

  /** One attempt at a job, until what came of it is on disk. */
  private async launch(entry: Entry): Promise<void> {
    try {
      const plan = ({ state }: JobRecord) => (state === 'queued' ? { state: 'running' as const } : undefined)
      if (await this.transitions.ask(entry, plan)) {
        const started = performance.now()
        const outcome = await this.run(entry).catch(fault)
        await this.transitions.settle(entry, outcome, (performance.now() - started) / 1000, !this.open)
      }
    } catch (error) {
      // It is on disk as it was: the job waits for the disk, or for the next start.
      this.log.error('job could not be saved', { job: entry.record.id, error: String(error) })
    } finally {
      delete entry.run
      entry.launched = false
      this.launched.delete(entry)
      this.waiting.update(entry)
      this.pump()
    }
  }

  private async run(entry: Entry): Promise<Outcome> {
    const { record, events } = entry
    if (!(await isIntact(this.store.photo(record.id), record.photo))) {
      const damaged = new RpcError('IMAGE_UNREADABLE', "the photo on the server's disk is damaged", {
        hint: 'Send the photo again as a new job.',
      })
      return { type: 'failed', error: toErrorInfo(damaged), stderr: '' }
    }
    if (!this.open || record.state !== 'running') return { type: 'stopped' } // while the photo was looked at
    const run = new JobRun(record, this.store, this.spare.take(), {
      progress: (progress) => {
        record.progress = Math.max(record.progress, Math.min(1, progress.fraction))
        events.emit('job/progress', 'progress', { ...progress, fraction: record.progress })
      },
      preview: (info, payload, sha256) => {
        this.metrics.count('previews_total')
        events.emitPreview(info, sha256, payload)
      },
      log: (level, message) => this.transitions.keep(entry, events.emit('job/log', 'log', { level, message })),
    })
    entry.run = run
    this.spare.prepare()
    if (record.stopping === 'finish') run.finish()
    if (record.stopping === 'pause') run.pause()
    this.log.info('job started', { job: record.id, worker: run.pid })
    const outcome = await run.ended
    if (outcome.type !== 'done' || isEnd(record.state)) await this.store.discard(record.id, run.folder)
    return outcome
  }
}

/** A run that this program could not even begin. */
function fault(error: unknown): Outcome {
  return { type: 'failed', error: toErrorInfo(error), stderr: (error as Error)?.stack ?? String(error) }
}
