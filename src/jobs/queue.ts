/**
 * The job engine: accepts jobs, runs a set number of them at once in fair order, and moves them between their states. What a
 * client was told is on disk first. `sider serve` and `sider batch` both use it.
 */
import { SiderError } from '../engine/index.js'
import type { Job, JobResult } from '../generated/protocol.js'
import type { ListQuery, QueueFigures } from './engine.js'
import { type Entry, newEntry } from './entry.js'
import { EventLog } from './events.js'
import { JobIndex, keyOf } from './job-index.js'
import type { Log } from './log.js'
import type { Metrics } from './metrics.js'
import { answered, type Change, wrongState } from './plans.js'
import { type JobRecord, type NewJob, newRecord, toJob } from './record.js'
import type { Runner } from './runner.js'
import { Schedule } from './schedule.js'
import { isEnd, type JobAction, type JobState, next, waitsForWorker } from './states.js'
import type { JobStore, StoredJob } from './store.js'
import { Transitions } from './transitions.js'
import { WaitingJobs } from './waiting.js'

export interface QueueOptions {
  /** Jobs that run at once. */
  maxRunning: number
  /** Jobs that may wait. */
  maxQueued: number
  /** Events of a job that are kept for late subscribers. */
  eventsKept: number
}

export class JobQueue {
  private readonly jobs = new JobIndex()
  /** Jobs that are being put on disk, by their idempotency keys: before that they are neither started nor seen. */
  private readonly coming = new Map<string, Promise<Entry>>()
  private readonly waiting = new WaitingJobs()
  private readonly transitions: Transitions
  private readonly schedule: Schedule

  constructor(
    private readonly store: JobStore,
    runner: Runner,
    private readonly options: QueueOptions,
    log: Log,
    private readonly metrics: Metrics,
  ) {
    this.transitions = new Transitions(store, log, metrics, (entry) => this.waiting.update(entry))
    const { waiting, transitions } = this
    this.schedule = new Schedule({ store, runner, waiting, transitions, log, metrics }, options.maxRunning)
  }

  /** Takes up the jobs on disk. */
  async load(): Promise<void> {
    for (const job of await this.store.load()) this.takeUp(job)
  }

  /** Lets jobs run: those that were running go on from their checkpoints. */
  start(): void {
    this.schedule.start()
  }

  /** @throws SiderError QUEUE_FULL, DISK_FULL, OUTPUT_UNWRITABLE */
  async create(owner: string, wanted: NewJob): Promise<Job> {
    const { idempotencyKey: key } = wanted
    const same = key === undefined ? undefined : this.jobs.byKey(owner, key)
    if (same) return this.view(same)
    const record = newRecord(owner, wanted)
    // Known before it is on disk, so that the same key sent twice at once makes one job.
    const name = keyOf(owner, key ?? record.id)
    const twin = this.coming.get(name)
    if (twin) return this.view(await twin)
    if (!this.schedule.isOpen || this.waiting.size + this.coming.size >= this.options.maxQueued)
      throw new SiderError('QUEUE_FULL')
    const accepted = this.accept(record, wanted)
    this.coming.set(name, accepted)
    const entry = await accepted.finally(() => this.coming.delete(name))
    this.metrics.count('jobs_created_total')
    this.schedule.pump()
    return this.view(entry)
  }

  /** @throws SiderError NO_SUCH_JOB also for other owners' jobs */
  entry(owner: string, id: string): Entry {
    const entry = this.jobs.get(id)
    if (entry?.record.owner !== owner) throw new SiderError('NO_SUCH_JOB')
    return entry
  }

  view(entry: Entry): Job {
    return toJob(entry.record, entry.events.seq, this.waiting.position(entry))
  }

  list(owner: string, { states, limit = 100, before }: ListQuery): { jobs: Job[]; more: boolean } {
    const jobs: Job[] = []
    const older = this.jobs.newestFirst(owner, before === undefined ? undefined : this.entry(owner, before))
    for (const entry of older) {
      if (states && !states.includes(entry.record.state)) continue
      if (jobs.length === limit) return { jobs, more: true }
      jobs.push(this.view(entry))
    }
    return { jobs, more: false }
  }

  /** At once; with `keep` a running job completes with what it has. @throws SiderError WRONG_STATE, and of the disk */
  async cancel(entry: Entry, keep: boolean): Promise<void> {
    await this.act(entry, keep ? 'keep' : 'cancel')
    if (entry.record.state === 'finishing') entry.attempt?.finish()
  }

  /** @throws SiderError WRONG_STATE, and of the disk */
  async pause(entry: Entry): Promise<void> {
    await this.act(entry, 'pause')
    if (entry.record.state === 'pausing') entry.attempt?.pause()
  }

  /** @throws SiderError WRONG_STATE, and of the disk */
  async resume(entry: Entry): Promise<void> {
    await this.act(entry, 'resume')
    this.schedule.pump()
  }

  /** @throws SiderError WRONG_STATE, FACE_NOT_LISTED, and of the disk */
  async answer(entry: Entry, face: number): Promise<void> {
    await this.act(entry, 'input', answered(face))
    this.schedule.pump()
  }

  /** @throws SiderError WRONG_STATE, NO_SUCH_JOB; OUTPUT_UNWRITABLE, DISK_FULL: the job is still there */
  async delete(entry: Entry): Promise<void> {
    if (!isEnd(entry.record.state)) throw wrongState(entry.record, 'delete')
    await this.transitions.alone(entry, async () => {
      this.entry(entry.record.owner, entry.record.id)
      this.jobs.delete(entry) // it is not seen from now on
      try {
        await this.store.disk.record(() => this.store.remove(entry.record.id))
      } catch (error) {
        this.jobs.add(entry)
        throw error
      }
    })
  }

  /** @throws SiderError WRONG_STATE */
  result({ record }: Entry): JobResult {
    if (!record.result) throw wrongState(record, 'result')
    const { folder: _, ...rest } = record.result
    return { job: record.id, ...rest }
  }

  /** Folder of a completed job's files. */
  resultFolder({ id, result }: JobRecord): string {
    return this.store.path(id, result!.folder)
  }

  /** Path of a file of a result, if there is such a file. */
  resultFile({ record }: Entry, artifact: string): string | undefined {
    const file = record.result?.files.find(({ id }) => id === artifact)
    return file && this.store.path(record.id, record.result!.folder, file.name)
  }

  /** Ended jobs, oldest first: what retention may delete. */
  ended(): Entry[] {
    return [...this.jobs.all()]
      .filter(({ record }) => isEnd(record.state))
      .sort((a, b) => a.record.updated - b.record.updated)
  }

  /** Processes of this machine that are gone are noticed at once, and a job that has ended three of them has failed. */
  figures(): QueueFigures {
    const jobs: Record<string, number> = {}
    let [active, oldest] = [0, Number.POSITIVE_INFINITY]
    for (const { record, launched } of this.jobs.all()) {
      jobs[record.state] = (jobs[record.state] ?? 0) + 1
      if (launched) active++
      else if (waitsForWorker(record.state)) oldest = Math.min(oldest, record.queued)
    }
    const oldestSeconds = Number.isFinite(oldest) ? Math.max(0, Date.now() - oldest) / 1000 : 0
    return { jobs, waiting: this.waiting.size, active, stalled: 0, deadLetter: 0, oldestSeconds }
  }

  /** Stops the workers with checkpoints; their jobs go on when a server next starts. */
  async stop(graceMs: number): Promise<void> {
    await this.schedule.stop(graceMs)
    await this.store.close()
  }

  /** Puts a new job on disk. */
  private async accept(record: JobRecord, { photo }: NewJob): Promise<Entry> {
    const events = new EventLog(record.id, [], this.options.eventsKept, { seq: 0, restarted: false })
    record.seq = 1
    const queued = events.emit('job/state', 'state', { state: record.state })
    await this.store.create(record, photo, [queued])
    const entry = newEntry(record, events)
    this.jobs.add(entry)
    this.waiting.update(entry)
    return entry
  }

  private async act(entry: Entry, action: JobAction, change?: (record: JobRecord) => Change): Promise<void> {
    if (!(await this.transitions.ask(entry, action, change))) throw wrongState(entry.record, action)
  }

  private takeUp({ record, events: kept }: StoredJob): void {
    const told = kept.findLast(({ method }) => method === 'job/state')?.params as { state?: JobState } | undefined
    const known = new Set(kept.map(({ params }) => ('artifact' in params ? params.artifact.id : undefined)))
    const untold = (record.result?.files ?? []).filter(({ id }) => !known.has(id))
    record.state = next(record.state, 'again') ?? record.state // its worker is gone
    const changed = told?.state !== record.state || untold.length > 0
    const events = new EventLog(record.id, kept, this.options.eventsKept, {
      seq: record.seq,
      restarted: !isEnd(record.state) || changed,
    })
    const entry = newEntry(record, events)
    this.jobs.add(entry)
    this.waiting.update(entry)
    if (!changed) return
    // Killed after the record was on disk and before its events were, or these are damaged: they are told now.
    for (const artifact of untold)
      this.transitions.keep(entry, events.emit('job/artifact', artifact.kind, { artifact }))
    this.transitions.tellState(entry)
  }
}
