/**
 * The job engine of many machines, as one of its servers: records and events in Redis, bytes in a storage, work by BullMQ's workers
 * (worker.ts). Servers keep nothing, so any of them answers for any job. What is written where, and in which order: docs/scaling.md.
 */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { SiderError } from '../../engine/index.js'
import type { Artifact, Job, JobResult } from '../../generated/protocol.js'
import type { ArtifactSource, JobEngine, ListQuery, QueueFigures, Subscription } from '../engine.js'
import type { EventListener } from '../events.js'
import type { Log } from '../log.js'
import { Metrics } from '../metrics.js'
import { answered, type Change, wrongState } from '../plans.js'
import { type NewJob, newRecord } from '../record.js'
import type { RetentionOptions } from '../retention.js'
import { isEnd, type JobAction } from '../states.js'
import { type QueueAddress, QueueConnection } from './connection.js'
import { Dispatch } from './dispatch.js'
import { Feed, loadPreview } from './feed.js'
import { readFigures } from './figures.js'
import { Housekeeping } from './housekeeping.js'
import { openStorage } from './open-storage.js'
import { gone, JobRecords, type Known, type SharedRecord } from './records.js'
import { Scratch } from './scratch.js'
import { KEYS, removeEnded, type Storage } from './storage.js'

/** Time for a photo to become a job, milliseconds; after it the bytes are rubbish. */
const COMING_MS = 3_600_000

export interface SharedOptions extends QueueAddress, RetentionOptions {
  storage: string
  /** Folder of this machine for uploads that are under way. */
  dataFolder: string
  maxQueued: number
  eventsKept: number
}

interface Parts {
  queue: QueueConnection
  storage: Storage
  records: JobRecords
  dispatch: Dispatch
  feed: Feed
  housekeeping: Housekeeping
  room: Scratch
}

export class SharedEngine implements JobEngine {
  readonly room: Scratch

  private constructor(
    private readonly parts: Parts,
    private readonly maxQueued: number,
    private readonly log: Log,
    private readonly metrics: Metrics,
  ) {
    this.room = parts.room
  }

  /** @throws SiderError USAGE, QUEUE_UNAVAILABLE, STORAGE_UNAVAILABLE, DISK_FULL, OUTPUT_UNWRITABLE */
  static async open(options: SharedOptions, log: Log, metrics = new Metrics()): Promise<SharedEngine> {
    const room = await Scratch.open(join(options.dataFolder, 'uploads'))
    const storage = await openStorage(options.storage)
    const queue = await QueueConnection.open(options, log)
    const records = new JobRecords(queue, options.eventsKept)
    const dispatch = new Dispatch(queue, records)
    const feed = new Feed(queue, records, storage, log)
    const housekeeping = new Housekeeping({ queue, records, dispatch, storage, log }, options)
    const parts = { queue, storage, records, dispatch, feed, housekeeping, room }
    return new SharedEngine(parts, options.maxQueued, log, metrics)
  }

  start(): void {
    this.parts.housekeeping.start()
  }

  async create(owner: string, wanted: NewJob): Promise<Job> {
    const { queue, storage, records } = this.parts
    const { idempotencyKey: key, photo } = wanted
    const same = key === undefined ? undefined : await records.byKey(owner, key)
    if (same !== undefined) return this.get(owner, same)
    // Before its photo is sent on; what counts is the look when it is made.
    if ((await records.waiting()) >= this.maxQueued) throw new SiderError('QUEUE_FULL')
    const now = queue.now()
    const record: SharedRecord = { ...newRecord(owner, wanted), created: now, updated: now, queued: now, turn: 1 }
    const { id } = record
    await records.discardFrom(id, now + COMING_MS)
    const bytes = typeof photo.content === 'string' ? await readFile(photo.content) : photo.content
    await storage.put(KEYS.photo(id), bytes)
    const made = await records.create(record, this.maxQueued).catch(async (error) => {
      // Whether it was made is not known where the answer was lost: the bytes stay until that is certain.
      if (error instanceof SiderError && error.code === 'QUEUE_FULL') await this.forget(id)
      throw error
    })
    if (typeof made === 'string') {
      await this.forget(id)
      return this.get(owner, made)
    }
    this.metrics.count('jobs_created_total')
    await this.send(made)
    return this.get(owner, id)
  }

  async get(owner: string, id: string): Promise<Job> {
    const { records } = this.parts
    return records.view(await records.read(id, owner))
  }

  async list(owner: string, { states, limit = 100, before }: ListQuery): Promise<{ jobs: Job[]; more: boolean }> {
    const { records } = this.parts
    const jobs: Job[] = []
    for await (const id of records.newestFirst(owner, before, states)) {
      const known = await records.read(id, owner).catch(gone)
      if (!known) continue
      if (jobs.length === limit) return { jobs, more: true }
      jobs.push(await records.view(known))
    }
    return { jobs, more: false }
  }

  async cancel(owner: string, id: string, keep: boolean): Promise<Job> {
    return this.act(owner, id, keep ? 'keep' : 'cancel')
  }

  async pause(owner: string, id: string): Promise<Job> {
    return this.act(owner, id, 'pause')
  }

  async resume(owner: string, id: string): Promise<Job> {
    return this.act(owner, id, 'resume')
  }

  async answer(owner: string, id: string, face: number): Promise<Job> {
    return this.act(owner, id, 'input', (record) => (record.state === 'input_required' ? answered(face)(record) : {}))
  }

  async delete(owner: string, id: string): Promise<void> {
    const { record } = await this.parts.records.read(id, owner)
    if (!isEnd(record.state)) throw wrongState(record, 'delete')
    if (!(await this.parts.records.remove(id))) throw new SiderError('NO_SUCH_JOB')
    await this.forget(id)
  }

  async result(owner: string, id: string): Promise<JobResult> {
    const { record } = await this.parts.records.read(id, owner)
    if (!record.result) throw wrongState(record, 'result')
    const { folder: _, ...rest } = record.result
    return { job: id, ...rest }
  }

  async artifact(owner: string, id: string, wanted: string): Promise<ArtifactSource> {
    const { records, storage } = this.parts
    const known = await records.read(id, owner)
    const artifact = known.record.result?.files.find((file) => file.id === wanted)
    if (!artifact) return this.preview(known, wanted)
    const key = KEYS.result(id, artifact.sha256)
    if ((await storage.size(key)) !== artifact.bytes) throw new SiderError('ARTIFACT_GONE')
    return { artifact, read: (start, end) => storage.read(key, start, end) }
  }

  async subscribe(
    owner: string,
    id: string,
    after: number | undefined,
    listener: EventListener,
  ): Promise<Subscription> {
    const job = await this.get(owner, id)
    return { job, stop: await this.parts.feed.subscribe(id, after, listener) }
  }

  figures(): Promise<QueueFigures> {
    return readFigures(this.parts.queue)
  }

  async stop(): Promise<void> {
    const { queue, dispatch, feed, housekeeping, room } = this.parts
    await housekeeping.stop()
    feed.close()
    await dispatch.close().catch(() => {})
    await queue.close()
    await room.close()
  }

  private async act(
    owner: string,
    id: string,
    action: JobAction,
    more?: (record: SharedRecord) => Change,
  ): Promise<Job> {
    const { records, dispatch, storage } = this.parts
    await records.read(id, owner)
    const made = await records.change(id, (record) => ({ action, ...more?.(record) }), wrongState)
    const { record, queued } = made!
    if (queued) await this.send(queued)
    if (['cancelled', 'paused'].includes(record.state)) await dispatch.withdraw({ id, turn: record.turn })
    if (isEnd(record.state)) {
      this.metrics.ended(record.state)
      await removeEnded(storage, id).catch((error) => this.log.warning('left', { job: id, error: String(error) }))
    }
    return this.get(owner, id)
  }

  /** Tells BullMQ; what cannot be told now is told by the housekeeping of whichever server comes first. */
  private async send(queued: Parameters<Dispatch['send']>[0]): Promise<void> {
    await this.parts.dispatch
      .send(queued)
      .catch((error) => this.log.warning('not sent yet', { job: queued.id, error: String(error) }))
  }

  private async preview({ record }: Known, wanted: string): Promise<ArtifactSource> {
    const { records, storage } = this.parts
    const { events } = await records.events(record.id)
    const artifacts = events.flatMap(({ params }) => ('artifact' in params ? (params.artifact as Artifact) : []))
    const artifact = artifacts.find((one) => one.id === wanted && one.role === 'preview')
    const payload = artifact && (await loadPreview(storage, record.id, artifact))
    if (!payload) throw new SiderError('ARTIFACT_GONE')
    return { artifact, read: (start, end) => payload.subarray(start, end) }
  }

  /** Deletes the bytes of a job that is none, or later if that cannot be done now. */
  private async forget(id: string): Promise<void> {
    const { queue, records, housekeeping } = this.parts
    await records.discardFrom(id, queue.now())
    await housekeeping.discard(id).catch((error) => this.log.warning('left', { job: id, error: String(error) }))
  }
}
