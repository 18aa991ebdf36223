/**
 * `sider worker`: takes jobs of the queue, as many at once as it has places. BullMQ keeps the locks, renews them in this process, which
 * does nothing else (the work is in processes of its own), and hands the jobs of a worker that is gone to another.
 */
import { randomUUID } from 'node:crypto'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Job, Worker } from 'bullmq'
import { LocalRunner } from '../local-runner.js'
import type { Log } from '../log.js'
import { Metrics } from '../metrics.js'
import type { Runner } from '../runner.js'
import type { JobState } from '../states.js'
import { waitsForWorker } from '../states.js'
import { type AttemptEnd, lostPlan, SharedAttempt } from './attempt.js'
import { PREFIX, QUEUE, type QueueAddress, QueueConnection } from './connection.js'
import { backoff, type Ticket } from './dispatch.js'
import { readFigures } from './figures.js'
import { readLive } from './live-event.js'
import { openStorage } from './open-storage.js'
import { gone, JobRecords, liveChannel, type SharedRecord } from './records.js'
import { Scratch } from './scratch.js'
import { removeEnded, type Storage } from './storage.js'

export interface WorkerOptions extends QueueAddress {
  storage: string
  /** Jobs at once. */
  concurrency: number
  /** Folder of this machine for photos and results that are at work. */
  dataFolder: string
  eventsKept: number
  /** Time for checkpoints when it is stopped, milliseconds. */
  graceMs: number
  /** A worker that has not renewed its lock for so long is gone; milliseconds. It is renewed after half of it. */
  lockMs: number
  /** How often gone workers are looked for, milliseconds. */
  stalledMs: number
  /** How often a new checkpoint is looked for, milliseconds. */
  checkpointMs: number
  /** Program of the processes; tests put another in its place. */
  workerProgram?: string
  /** What does the work in their place; a benchmark's only sleeps. */
  runner?: Runner
}

/** After the time for checkpoints: to tell queue and storage, milliseconds. */
const LAST_MS = 5000

export const WORKER_DEFAULTS = {
  concurrency: 1,
  eventsKept: 500,
  graceMs: 20_000,
  lockMs: 30_000,
  stalledMs: 15_000,
  checkpointMs: 1000,
}

interface Parts {
  queue: QueueConnection
  records: JobRecords
  storage: Storage
  scratch: Scratch
  log: Log
  metrics: Metrics
}

export class QueueWorker {
  private readonly attempts = new Map<string, SharedAttempt>()
  private readonly runner: Runner
  private worker!: Worker<Ticket>
  private stopping = false

  private constructor(
    private readonly parts: Parts,
    private readonly options: WorkerOptions,
  ) {
    this.runner = options.runner ?? new LocalRunner(options.workerProgram)
  }

  /** Begins to work. @throws SiderError USAGE, QUEUE_UNAVAILABLE, STORAGE_UNAVAILABLE, DISK_FULL, OUTPUT_UNWRITABLE */
  static async start(options: WorkerOptions, log: Log, metrics = new Metrics('worker')): Promise<QueueWorker> {
    const scratch = await Scratch.open(join(options.dataFolder, 'work'))
    const storage = await openStorage(options.storage)
    const queue = await QueueConnection.open(options, log)
    const records = new JobRecords(queue, options.eventsKept)
    const worker = new QueueWorker({ queue, records, storage, scratch, log, metrics }, options)
    worker.begin()
    log.info('worker started', { queue: options.queue, storage: storage.place, concurrency: options.concurrency })
    return worker
  }

  /** Takes no more, saves checkpoints, hands its jobs back and ends. */
  async stop(): Promise<void> {
    this.stopping = true
    const closed = this.worker.close()
    for (const attempt of this.attempts.values()) attempt.handBack()
    const timer = setTimeout(() => {
      for (const attempt of this.attempts.values()) attempt.kill()
    }, this.options.graceMs)
    const late = new AbortController()
    const patience = sleep(this.options.graceMs + LAST_MS, undefined, { signal: late.signal }).catch(() => {})
    await Promise.race([closed, patience]) // without a queue there is nobody to tell
    late.abort()
    clearTimeout(timer)
    await this.parts.queue.close()
    await this.parts.scratch.close()
    this.parts.metrics.close()
    this.parts.log.info('worker stopped')
  }

  /** Metrics of this worker and of the queue, for Prometheus. @throws SiderError QUEUE_UNAVAILABLE */
  async metricsText(): Promise<string> {
    this.parts.metrics.set('worker_places', this.options.concurrency)
    this.parts.metrics.set('worker_busy', this.attempts.size)
    return this.parts.metrics.text(await readFigures(this.parts.queue))
  }

  private begin(): void {
    const { options } = this
    const { queue, log, metrics } = this.parts
    const { subscriber } = queue
    subscriber.on('message', (channel: string, text: string) => {
      const { method, body } = readLive(text)
      if (method === 'job/state') this.attempts.get(channel)?.obey((body as { state: JobState }).state)
    })
    subscriber.on('ready', () => {
      for (const attempt of this.attempts.values()) void attempt.look()
    })
    this.worker = new queue.bull.Worker<Ticket>(QUEUE, (job, token) => this.process(job, token), {
      connection: queue.another(),
      prefix: PREFIX,
      name: `${hostname()}-${process.pid}`,
      concurrency: options.concurrency,
      lockDuration: options.lockMs,
      stalledInterval: options.stalledMs,
      // The record counts: a worker that was switched off is no fault of its job.
      maxStalledCount: Number.MAX_SAFE_INTEGER,
      settings: { backoffStrategy: backoff },
    })
    this.worker.on('error', (error) => log.warning('queue', { error: error.message }))
    this.worker.on('stalled', (id) => {
      metrics.count('jobs_stalled_total')
      log.warning('a worker is gone', { ticket: id })
    })
  }

  /** One turn of a job. What it throws BullMQ tries again, or sets aside. */
  private async process(ticket: Job<Ticket>, token: string | undefined): Promise<void> {
    const { bull } = this.parts.queue
    const record = await this.take(ticket.data).catch(gone)
    if (record === 'set aside') throw new bull.UnrecoverableError(`${ticket.data.id} ended its workers again and again`)
    if (!record) return
    const { records, storage, log, metrics } = this.parts
    const { runner } = this
    const { checkpointMs } = this.options
    const folder = join(this.parts.scratch.folder, record.attempt!)
    const attempt = new SharedAttempt(record, folder, { records, storage, runner, log, metrics, checkpointMs })
    const channel = liveChannel(record.id)
    this.attempts.set(channel, attempt)
    try {
      await this.parts.queue.subscriber.subscribe(channel)
      if (this.stopping) attempt.handBack()
      await this.finish(ticket, token, await attempt.work())
    } finally {
      if (this.attempts.get(channel) === attempt) {
        this.attempts.delete(channel)
        void this.parts.queue.subscriber.unsubscribe(channel).catch(() => {})
      }
    }
  }

  private async finish(ticket: Job<Ticket>, token: string | undefined, end: AttemptEnd): Promise<void> {
    const { bull } = this.parts.queue
    const { id } = ticket.data
    if (end === 'settled') return
    if (end === 'handed back') {
      await ticket.moveToWait(token)
      throw new bull.WaitingError()
    }
    if (end === 'set aside') throw new bull.UnrecoverableError(`${id} ended its workers again and again`)
    throw new Error(end === 'lost' ? `the process of ${id} was lost` : `no room for ${id}`)
  }

  /**
   * Makes the job this worker's. One that has an attempt still is that of a worker that is gone.
   * @returns undefined if there is nothing to do
   */
  private async take({ id, turn }: Ticket): Promise<SharedRecord | 'set aside' | undefined> {
    const counts = (record: SharedRecord): boolean => record.turn === turn
    const lost = lostPlan("the job's worker is gone")
    const freed = await this.parts.records.change(id, (record) => {
      if (!counts(record) || record.attempt === undefined) return undefined
      const what = lost(record)
      return { ...what, fields: { ...what.fields, attempt: undefined } }
    })
    if (freed?.record.state === 'failed') {
      this.parts.metrics.ended('failed', freed.record.error?.name)
      await removeEnded(this.parts.storage, id).catch(() => {}) // with the job then
      return 'set aside'
    }
    const attempt = randomUUID()
    const taken = await this.parts.records.change(id, (record) => {
      if (!counts(record) || record.attempt !== undefined || !waitsForWorker(record.state)) return undefined
      return { action: 'start', fields: { attempt } }
    })
    return taken?.record
  }
}
