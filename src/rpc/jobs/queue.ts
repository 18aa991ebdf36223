/**
 * The job engine: accepts jobs, runs a set number of them at once in fair order, and moves them between their states. What a
 * client was told is on disk first. `sider serve` and `sider batch` both use it.
 */
import { resolveSettings, type Settings } from '../../engine/index.js'
import { RpcError } from '../errors.js'
import type { Job, JobResult, JobState } from '../generated/protocol.js'
import type { Log } from '../log.js'
import type { Metrics } from '../metrics.js'
import { type Entry, newEntry } from './entry.js'
import { EventLog } from './events.js'
import { JobIndex } from './job-index.js'
import { isEnd, type JobRecord, type NewJob, newRecord, toJob } from './record.js'
import { Runner, type RunnerOptions } from './runner.js'
import type { JobStore, StoredJob } from './store.js'
import { Transitions } from './transitions.js'
import { WaitingJobs } from './waiting.js'

export interface QueueOptions extends RunnerOptions {
  /** Jobs that may wait. */
  maxQueued: number
  /** Events of a job that are kept for late subscribers. */
  eventsKept: number
  /** Largest photo.maxPixels that a job may ask for. */
  maxPixels: number
  /** Whether jobs may name head model files of this machine: a batch's own, never a client's. */
  headFiles?: boolean
}

export class JobQueue {
  private readonly jobs = new JobIndex()
  private readonly waiting = new WaitingJobs()
  private readonly transitions: Transitions
  private readonly runner: Runner
  /** Jobs that are being put on disk, to wait then. */
  private coming = 0
  private open = false

  constructor(
    private readonly store: JobStore,
    private readonly options: QueueOptions,
    log: Log,
    private readonly metrics: Metrics,
  ) {
    this.transitions = new Transitions(store, log, metrics, (entry) => this.waiting.update(entry))
    this.runner = new Runner(store, this.waiting, this.transitions, options, log, metrics)
  }

  /** Takes up the jobs on disk. */
  async load(): Promise<void> {
    for (const job of await this.store.load()) this.takeUp(job)
  }

  /** Lets jobs run: those that were running go on from their checkpoints. */
  start(): void {
    this.open = true
    this.runner.start()
  }

  /** @throws RpcError QUEUE_FULL, SETTINGS; SiderError DISK_FULL, OUTPUT_UNWRITABLE */
  async create(owner: string, wanted: NewJob): Promise<Job> {
    const same = this.jobs.byKey(owner, wanted.idempotencyKey)
    if (same) {
      await same.accepted
      return this.view(same)
    }
    if (!this.open || this.waiting.size + this.coming >= this.options.maxQueued) throw new RpcError('QUEUE_FULL')
    const preset = wanted.preset ?? 'balanced'
    const record = newRecord(owner, { ...wanted, preset }, this.settingsOf(preset, wanted.settings))
    const events = new EventLog(record.id, [], this.options.eventsKept, { seq: 0, restarted: false })
    record.seq = 1
    const queued = events.emit('job/state', 'state', { state: 'queued' })
    const entry = newEntry(record, events, this.store.create(record, wanted.photo, [queued]))
    // Entered before it is on disk, so that the same key sent twice at once makes one job.
    this.jobs.add(entry)
    this.coming++
    try {
      await entry.accepted
    } catch (error) {
      this.jobs.delete(entry)
      throw error
    } finally {
      this.coming--
    }
    entry.isAccepted = true
    this.waiting.update(entry)
    this.metrics.count('jobs_created_total')
    this.runner.pump()
    return this.view(entry)
  }

  /** @throws RpcError NO_SUCH_JOB also for other owners' jobs */
  entry(owner: string, id: string): Entry {
    const entry = this.jobs.get(id)
    if (!entry?.isAccepted || entry.record.owner !== owner) throw new RpcError('NO_SUCH_JOB')
    return entry
  }

  view(entry: Entry): Job {
    return toJob(entry.record, entry.events.seq, this.waiting.position(entry))
  }

  list(owner: string, { states, limit = 100, before }: { states?: JobState[]; limit?: number; before?: string }) {
    const found: Entry[] = []
    const older = this.jobs.newestFirst(owner, before === undefined ? undefined : this.entry(owner, before))
    for (const entry of older) {
      if (!entry.isAccepted || (states && !states.includes(entry.record.state))) continue
      if (found.length === limit) return { jobs: found.map((one) => this.view(one)), more: true }
      found.push(entry)
    }
    return { jobs: found.map((one) => this.view(one)), more: false }
  }

  /** At once; with `keep` a running job completes with what it has. */
  async cancel(entry: Entry, keep: boolean): Promise<void> {
    await this.transitions.ask(entry, (record) => {
      if (isEnd(record.state)) throw wrongState(record, 'cancel')
      return keep && record.state === 'running' ? { fields: { stopping: 'finish' } } : { state: 'cancelled' }
    })
    if (entry.record.stopping === 'finish') entry.run?.finish()
  }

  async pause(entry: Entry): Promise<void> {
    await this.transitions.ask(entry, (record) => {
      if (record.state === 'queued') return { state: 'paused' }
      if (record.state !== 'running' || record.stopping === 'finish') throw wrongState(record, 'pause')
      return { fields: { stopping: 'pause' } }
    })
    if (entry.record.stopping === 'pause') entry.run?.pause()
  }

  async resume(entry: Entry): Promise<void> {
    await this.transitions.ask(entry, (record) => {
      if (record.state !== 'paused') throw wrongState(record, 'resume')
      return { state: 'queued' }
    })
    this.runner.pump()
  }

  async answer(entry: Entry, face: number): Promise<void> {
    await this.transitions.ask(entry, (record) => {
      if (record.state !== 'input_required') throw wrongState(record, 'input')
      const count = record.question!.faces.length
      if (face >= count) {
        const problems = [{ path: 'params.face', message: `is ${face}: choose one from 0 to ${count - 1}` }]
        throw new RpcError('PARAMS', `params.face ${problems[0].message}`, { problems })
      }
      const { settings } = record
      return { state: 'queued', fields: { settings: { ...settings, photo: { ...settings.photo, face } } } }
    })
    this.runner.pump()
  }

  /** @throws RpcError WRONG_STATE, NO_SUCH_JOB; SiderError OUTPUT_UNWRITABLE: the job is still there */
  async delete(entry: Entry): Promise<void> {
    if (!isEnd(entry.record.state)) throw wrongState(entry.record, 'delete')
    await this.transitions.alone(entry, async () => {
      this.entry(entry.record.owner, entry.record.id)
      entry.isAccepted = false // it is not seen from now on
      try {
        await this.store.disk.record(() => this.store.remove(entry.record.id))
        this.jobs.delete(entry)
      } catch (error) {
        entry.isAccepted = true
        throw error
      }
    })
  }

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

  countByState(): Record<string, number> {
    const counts: Record<string, number> = {}
    for (const { record } of this.jobs.all()) counts[record.state] = (counts[record.state] ?? 0) + 1
    return counts
  }

  /** Stops the workers with checkpoints; their jobs go on when a server next starts. */
  async stop(graceMs: number): Promise<void> {
    this.open = false
    await this.runner.stop(graceMs)
    await this.store.close()
  }

  /** A client's settings, within the server's limits. @throws SiderError USAGE; RpcError SETTINGS */
  settingsOf(preset: string, overrides: Record<string, unknown> = {}): Settings {
    const settings = resolveSettings({ preset, overrides })
    const { maxPixels, headFiles } = this.options
    if (settings.head.model !== 'built-in' && !headFiles) {
      throw new RpcError('SETTINGS', 'head.model is not the built-in head, and clients cannot name files of the server')
    }
    return { ...settings, photo: { ...settings.photo, maxPixels: Math.min(settings.photo.maxPixels, maxPixels) } }
  }

  private takeUp({ record, events: kept }: StoredJob): void {
    const told = kept.findLast(({ method }) => method === 'job/state')?.params as { state?: JobState } | undefined
    const known = new Set(kept.map(({ params }) => ('artifact' in params ? params.artifact.id : undefined)))
    const untold = (record.result?.files ?? []).filter(({ id }) => !known.has(id))
    // On disk as running, it is none the less one that waits for a worker.
    if (record.state === 'running') record.state = record.stopping === 'pause' ? 'paused' : 'queued'
    if (record.state === 'paused') delete record.stopping
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

function wrongState({ state }: JobRecord, action: string): RpcError {
  return new RpcError('WRONG_STATE', `a job in the state ${state} does not allow job/${action}`, { detail: { state } })
}
