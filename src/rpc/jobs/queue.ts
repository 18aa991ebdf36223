/**
 * The job engine: accepts jobs, runs a set number of them at once in fair order, and moves them between their states. What a
 * client was told is on disk first. `sider serve` and `sider batch` both use it.
 */
import { randomUUID } from 'node:crypto'
import { resolveSettings, type Settings } from '../../engine/index.js'
import { RpcError, toErrorInfo } from '../errors.js'
import type { Job, JobResult, JobState } from '../generated/protocol.js'
import type { Log } from '../log.js'
import type { Metrics } from '../metrics.js'
import { EventLog, type JobEvent } from './events.js'
import { finalArtifact, isEnd, type JobRecord, toJob } from './record.js'
import { JobRun } from './run.js'
import { type JobStore, sha256 } from './store.js'
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
  workerProgram?: string
}

export interface NewJob {
  photo: Uint8Array
  name?: string
  preset?: string
  settings?: Record<string, unknown>
  landmarks?: unknown
  severalFaces?: JobRecord['severalFaces']
  idempotencyKey?: string
}

/** A job in memory. */
export interface Entry {
  record: JobRecord
  events: EventLog
  /** Resolves when the job is on disk: before that it is neither started nor answered with. */
  accepted: Promise<void>
  isAccepted: boolean
  run?: JobRun
  /** The run has ended and its outcome is being put on disk. */
  settling?: boolean
}

/** After so many unexpected ends of its worker a job has failed. */
const MOST_CRASHES = 3

export class JobQueue {
  private readonly entries = new Map<string, Entry>()
  /** When each owner last had a job started: the one who has waited longest is next. */
  private readonly served = new Map<string, number>()
  private turns = 0
  private closing = false

  constructor(
    private readonly store: JobStore,
    private readonly options: QueueOptions,
    private readonly log: Log,
    private readonly metrics: Metrics,
  ) {}

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
      if (record.state === 'running') await this.move(entry, record.stopping === 'pause' ? 'paused' : 'queued')
      else if (told?.state !== record.state) {
        // Killed after the record was on disk and before its events were: they are told now.
        const files = record.result?.files ?? []
        const known = new Set(kept.map(({ params }) => ('artifact' in params ? params.artifact.id : undefined)))
        for (const artifact of files.filter(({ id }) => !known.has(id))) {
          this.keep(entry, events.emit('job/artifact', artifact.kind, { artifact }))
        }
        await this.move(entry, record.state)
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
    const now = Date.now()
    const { name, preset = 'balanced', landmarks, severalFaces = 'largest' } = wanted
    const record: JobRecord = {
      id: randomUUID(),
      owner,
      ...(name !== undefined && { name }),
      state: 'queued',
      created: now,
      updated: now,
      queued: now,
      seq: 0,
      preset,
      settings: this.settingsOf(preset, wanted.settings),
      ...(landmarks !== undefined && { landmarks }),
      severalFaces,
      ...(idempotencyKey !== undefined && { idempotencyKey }),
      photo: { sha256: sha256(photo), bytes: photo.length },
      progress: 0,
      crashes: 0,
    }
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
    await this.move(entry, 'queued')
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
    const position = entry.record.state === 'queued' ? this.waiting().indexOf(entry) : -1
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
    await this.move(entry, 'cancelled')
  }

  async pause(entry: Entry): Promise<void> {
    const { record, run } = entry
    if (record.state === 'queued') return this.move(entry, 'paused')
    if (record.state !== 'running' || record.stopping === 'finish' || entry.settling) throw wrongState(record, 'pause')
    record.stopping = 'pause'
    run?.pause()
    await this.store.save(record)
  }

  async resume(entry: Entry): Promise<void> {
    if (entry.record.state !== 'paused') throw wrongState(entry.record, 'resume')
    await this.move(entry, 'queued')
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
    await this.move(entry, 'queued')
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
    const { maxPixels } = this.options
    if (settings.head.model !== 'built-in') {
      throw new RpcError('SETTINGS', 'head.model names a file, and clients cannot name files of the server')
    }
    return { ...settings, photo: { ...settings.photo, maxPixels: Math.min(settings.photo.maxPixels, maxPixels) } }
  }

  /** Jobs that wait for a place: owners in turn, each one's oldest first. */
  private waiting(): Entry[] {
    const byOwner = new Map<string, Entry[]>()
    for (const entry of this.entries.values()) {
      if (entry.record.state !== 'queued' || !entry.isAccepted || entry.run) continue
      const { owner } = entry.record
      byOwner.set(owner, [...(byOwner.get(owner) ?? []), entry])
    }
    const owners = [...byOwner.keys()].sort((a, b) => (this.served.get(a) ?? 0) - (this.served.get(b) ?? 0))
    for (const list of byOwner.values()) list.sort((a, b) => a.record.queued - b.record.queued)
    const order: Entry[] = []
    for (let round = 0; order.length < [...byOwner.values()].flat().length; round++) {
      for (const owner of owners) order.push(...byOwner.get(owner)!.slice(round, round + 1))
    }
    return order
  }

  private pump(): void {
    const running = [...this.entries.values()].filter(({ run }) => run).length
    if (this.closing || running >= this.options.maxRunning) return
    const next = this.waiting()[0]
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
      log: (level, message) => this.keep(entry, events.emit('job/log', 'log', { level, message })),
    })
    entry.run = run
    if (record.stopping === 'finish') run.finish()
    this.log.info('job started', { job: record.id, worker: run.pid })
    const moved = this.move(entry, 'running')
    run.ended
      .then(async (outcome) => {
        await moved
        if (isEnd(record.state)) return // cancelled meanwhile
        entry.settling = true
        await this.settle(entry, outcome, (performance.now() - started) / 1000)
      })
      .catch((error) => this.log.error('job could not be saved', { job: record.id, error: String(error) }))
      .finally(() => {
        delete entry.run
        delete entry.settling
        this.pump()
      })
  }

  private async settle(entry: Entry, outcome: Awaited<JobRun['ended']>, seconds: number): Promise<void> {
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
        return this.lost(entry, outcome)
    }
  }

  /** The worker ended unexpectedly. */
  private async lost(entry: Entry, { why }: { why: { code: number | null; signal: string | null; stderr: string } }) {
    const { record, events } = entry
    this.log.warning('worker lost', { job: record.id, ...why })
    this.metrics.count('workers_lost_total')
    if (!this.closing) record.crashes++
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
  private async move(entry: Entry, state: JobState): Promise<void> {
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
  private keep({ record }: Entry, event: JobEvent): void {
    this.store.appendEvent(record.id, event).catch((error) => {
      this.log.warning('event not kept', { job: record.id, error: String(error) })
    })
  }
}

function wrongState({ state }: JobRecord, action: string): RpcError {
  return new RpcError('WRONG_STATE', `a job in the state ${state} does not allow job/${action}`, { detail: { state } })
}
