/**
 * The job engine: accepts jobs, runs a set number of them at once in fair order, and moves them between their states. What a
 * client was told is on disk first. `sider serve` and `sider batch` both use it.
 */
import { resolveSettings, type Settings } from '../../engine/index.js'
import { RpcError } from '../errors.js'
import type { Job, JobResult, JobState } from '../generated/protocol.js'
import type { Log } from '../log.js'
import type { Metrics } from '../metrics.js'
import { type Entry, fairOrder } from './entry.js'
import { EventLog } from './events.js'
import { isEnd, type JobRecord, type NewJob, newRecord, toJob } from './record.js'
import { JobRun } from './run.js'
import { type JobStore, sha256 } from './store.js'
import { Transitions } from './transitions.js'
import { WORKER_PROGRAM } from './worker-process.js'

export interface QueueOptions {
  /** Jobs that run at once. */
  maxRunning: number
  /** Jobs that may wait. */
  maxQueued: number
  /** Events of a job that are kept for late subscribers. */
  eventsKept: number
  /** Largest photo.maxPixels that a job may ask for. */
  maxPixels: number
  /** Whether jobs may name head model files of this machine: a batch's own, never a client's. */
  headFiles?: boolean
  workerProgram?: string
}

export class JobQueue {
  private readonly entries = new Map<string, Entry>()
  /** When each owner last had a job started. */
  private readonly served = new Map<string, number>()
  private readonly transitions: Transitions
  private turns = 0
  private closing = false

  constructor(
    private readonly store: JobStore,
    private readonly options: QueueOptions,
    private readonly log: Log,
    private readonly metrics: Metrics,
  ) {
    this.transitions = new Transitions(store, log, metrics)
  }

  /** Takes up the jobs on disk: those that were running go on from their checkpoints. */
  async start(): Promise<void> {
    for (const record of await this.store.load()) {
      const kept = await this.store.loadEvents(record.id)
      const told = kept.findLast(({ method }) => method === 'job/state')?.params as { state?: JobState } | undefined
      const events = new EventLog(record.id, kept, this.options.eventsKept, {
        seq: record.seq,
        restarted: !isEnd(record.state) || told?.state !== record.state,
      })
      const entry: Entry = { record, events, accepted: Promise.resolve(), isAccepted: true }
      this.entries.set(record.id, entry)
      if (record.state === 'running')
        await this.transitions.move(entry, record.stopping === 'pause' ? 'paused' : 'queued')
      else if (told?.state !== record.state) {
        // Killed after the record was on disk and before its events were: they are told now.
        const files = record.result?.files ?? []
        const known = new Set(kept.map(({ params }) => ('artifact' in params ? params.artifact.id : undefined)))
        for (const artifact of files.filter(({ id }) => !known.has(id))) {
          this.transitions.keep(entry, events.emit('job/artifact', artifact.kind, { artifact }))
        }
        await this.transitions.move(entry, record.state)
      }
    }
    this.pump()
  }

  /** @throws RpcError QUEUE_FULL, SETTINGS, DISK_FULL */
  async create(owner: string, wanted: NewJob): Promise<Job> {
    const { photo, idempotencyKey } = wanted
    const same = [...this.entries.values()].find(
      ({ record }) =>
        record.owner === owner && idempotencyKey !== undefined && record.idempotencyKey === idempotencyKey,
    )
    if (same) {
      await same.accepted
      return this.view(same)
    }
    if (this.closing || (this.countByState()['queued'] ?? 0) >= this.options.maxQueued) throw new RpcError('QUEUE_FULL')
    const preset = wanted.preset ?? 'balanced'
    const record = newRecord(owner, { ...wanted, preset }, this.settingsOf(preset, wanted.settings))
    const entry: Entry = {
      record,
      events: new EventLog(record.id, [], this.options.eventsKept, { seq: 0, restarted: false }),
      accepted: this.store.create(record, photo),
      isAccepted: false,
    }
    // Entered before it is on disk, so that the same key sent twice at once makes one job.
    this.entries.set(record.id, entry)
    try {
      await entry.accepted
    } catch (error) {
      this.entries.delete(record.id)
      throw error
    }
    entry.isAccepted = true
    await this.transitions.move(entry, 'queued')
    this.metrics.count('jobs_created_total')
    this.pump()
    return this.view(entry)
  }

  /** @throws RpcError NO_SUCH_JOB also for other owners' jobs */
  entry(owner: string, id: string): Entry {
    const entry = this.entries.get(id)
    if (!entry || entry.record.owner !== owner) throw new RpcError('NO_SUCH_JOB')
    return entry
  }

  view(entry: Entry): Job {
    const position = entry.record.state === 'queued' ? fairOrder(this.entries.values(), this.served).indexOf(entry) : -1
    return toJob(entry.record, entry.events.seq, position < 0 ? undefined : position)
  }

  list(owner: string, { states, limit = 100, before }: { states?: JobState[]; limit?: number; before?: string }) {
    const mine = [...this.entries.values()].filter(({ record }) => record.owner === owner).reverse()
    const start = before === undefined ? 0 : mine.indexOf(this.entry(owner, before)) + 1
    const found = mine.slice(start).filter(({ record }) => !states || states.includes(record.state))
    return { jobs: found.slice(0, limit).map((entry) => this.view(entry)), more: found.length > limit }
  }

  /** At once; with `keep` a running job completes with what it has. */
  async cancel(entry: Entry, keep: boolean): Promise<void> {
    const { record, run } = entry
    if (isEnd(record.state) || entry.settling) throw wrongState(record, 'cancel')
    if (keep && run) {
      record.stopping = 'finish'
      run.finish()
      return this.store.save(record)
    }
    run?.kill()
    await this.transitions.move(entry, 'cancelled')
  }

  async pause(entry: Entry): Promise<void> {
    const { record, run } = entry
    if (record.state === 'queued') return this.transitions.move(entry, 'paused')
    if (record.state !== 'running' || record.stopping === 'finish' || entry.settling) throw wrongState(record, 'pause')
    record.stopping = 'pause'
    run?.pause()
    await this.store.save(record)
  }

  async resume(entry: Entry): Promise<void> {
    if (entry.record.state !== 'paused') throw wrongState(entry.record, 'resume')
    await this.transitions.move(entry, 'queued')
    this.pump()
  }

  async answer(entry: Entry, face: number): Promise<void> {
    const { record } = entry
    if (record.state !== 'input_required') throw wrongState(record, 'input')
    const count = record.question!.faces.length
    if (face >= count) {
      const problems = [{ path: 'params.face', message: `is ${face}: choose one from 0 to ${count - 1}` }]
      throw new RpcError('PARAMS', `params.face ${problems[0].message}`, { problems })
    }
    record.settings = { ...record.settings, photo: { ...record.settings.photo, face } }
    await this.transitions.move(entry, 'queued')
    this.pump()
  }

  async delete(entry: Entry): Promise<void> {
    if (!isEnd(entry.record.state)) throw wrongState(entry.record, 'delete')
    this.entries.delete(entry.record.id)
    await this.store.remove(entry.record.id)
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
    return [...this.entries.values()]
      .filter(({ record }) => isEnd(record.state))
      .sort((a, b) => a.record.updated - b.record.updated)
  }

  countByState(): Record<string, number> {
    const counts: Record<string, number> = {}
    for (const { record } of this.entries.values()) counts[record.state] = (counts[record.state] ?? 0) + 1
    return counts
  }

  /** Stops the workers with checkpoints; their jobs go on when a server next starts. */
  async stop(graceMs: number): Promise<void> {
    this.closing = true
    const runs = [...this.entries.values()].flatMap(({ run }) => run ?? [])
    for (const run of runs) run.pause()
    const timer = setTimeout(() => {
      for (const run of runs) run.kill()
    }, graceMs)
    await Promise.all(runs.map((run) => run.ended))
    clearTimeout(timer)
    await this.store.close()
  }

  private settingsOf(preset: string, overrides: Record<string, unknown> = {}): Settings {
    const settings = resolveSettings({ preset, overrides })
    const { maxPixels, headFiles } = this.options
    if (settings.head.model !== 'built-in' && !headFiles) {
      throw new RpcError('SETTINGS', 'head.model names a file, and clients cannot name files of the server')
    }
    return { ...settings, photo: { ...settings.photo, maxPixels: Math.min(settings.photo.maxPixels, maxPixels) } }
  }

  private pump(): void {
    const running = [...this.entries.values()].filter(({ run }) => run).length
    if (this.closing || running >= this.options.maxRunning) return
    const next = fairOrder(this.entries.values(), this.served)[0]
    if (!next) return
    this.served.set(next.record.owner, ++this.turns)
    this.launch(next)
    this.pump()
  }

  private launch(entry: Entry): void {
    const { record, events } = entry
    const started = performance.now()
    const run = new JobRun(record, this.store, this.options.workerProgram ?? WORKER_PROGRAM, {
      progress: (progress) => {
        record.progress = Math.max(record.progress, Math.min(1, progress.fraction))
        events.emit('job/progress', 'progress', { ...progress, fraction: record.progress })
      },
      preview: (info, payload) => {
        this.metrics.count('previews_total')
        events.emitPreview(info, sha256(payload), payload)
      },
      log: (level, message) => this.transitions.keep(entry, events.emit('job/log', 'log', { level, message })),
    })
    entry.run = run
    if (record.stopping === 'finish') run.finish()
    this.log.info('job started', { job: record.id, worker: run.pid })
    const moved = this.transitions.move(entry, 'running')
    run.ended
      .then(async (outcome) => {
        await moved
        if (isEnd(record.state)) return // cancelled meanwhile
        entry.settling = true
        await this.transitions.settle(entry, outcome, (performance.now() - started) / 1000, this.closing)
      })
      .catch((error) => this.log.error('job could not be saved', { job: record.id, error: String(error) }))
      .finally(() => {
        delete entry.run
        delete entry.settling
        this.pump()
      })
  }
}

function wrongState({ state }: JobRecord, action: string): RpcError {
  return new RpcError('WRONG_STATE', `a job in the state ${state} does not allow job/${action}`, { detail: { state } })
}
