/** The job engine of one machine: jobs in a data folder, worked on by processes of this program. */
import { open, stat } from 'node:fs/promises'
import { SiderError } from '../engine/index.js'
import type { Artifact, Job, JobResult } from '../generated/protocol.js'
import type { ArtifactSource, JobEngine, ListQuery, QueueFigures, Subscription, UploadRoom } from './engine.js'
import type { Entry } from './entry.js'
import type { EventListener } from './events.js'
import { LocalRunner } from './local-runner.js'
import type { Log } from './log.js'
import type { Metrics } from './metrics.js'
import { JobQueue, type QueueOptions } from './queue.js'
import type { NewJob } from './record.js'
import { type RetentionOptions, sweep } from './retention.js'
import { JobStore } from './store.js'

const SWEEP_MS = 600_000

export interface EmbeddedOptions extends QueueOptions, RetentionOptions {
  /** Folder of jobs and results. */
  dataFolder: string
  /** Program of the workers; tests put another in its place. */
  workerProgram?: string
}

export class EmbeddedEngine implements JobEngine {
  private sweeping: NodeJS.Timeout | undefined

  private constructor(
    private readonly queue: JobQueue,
    readonly room: UploadRoom,
    private readonly sweepNow: () => void,
    /** Calls back when the data folder cannot be written, or at once if it cannot. */
    readonly onTrouble: (listener: (reason: SiderError) => void) => void,
  ) {}

  /**
   * Takes up the jobs of a data folder.
   * @throws SiderError OUTPUT_UNWRITABLE if another server uses the folder, or it cannot be written; DISK_FULL
   */
  static async open(options: EmbeddedOptions, log: Log, metrics: Metrics): Promise<EmbeddedEngine> {
    const store = await JobStore.open(options.dataFolder, log)
    const queue = new JobQueue(store, new LocalRunner(options.workerProgram), options, log, metrics)
    try {
      await queue.load()
    } catch (error) {
      await store.close()
      throw error
    }
    const room = {
      temporary: () => store.temporary(),
      admit: <T>(bytes: number, write: () => Promise<T>) => store.disk.admit(bytes, write),
    }
    const sweepNow = () =>
      void sweep(queue, options, log).catch((error) => log.error('sweep', { error: String(error) }))
    return new EmbeddedEngine(queue, room, sweepNow, (listener) => store.disk.onTrouble(listener))
  }

  start(): void {
    this.queue.start()
    this.sweepNow()
    this.sweeping = setInterval(this.sweepNow, SWEEP_MS)
  }

  create(owner: string, wanted: NewJob): Promise<Job> {
    return this.queue.create(owner, wanted)
  }

  async get(owner: string, id: string): Promise<Job> {
    return this.queue.view(this.queue.entry(owner, id))
  }

  async list(owner: string, query: ListQuery): Promise<{ jobs: Job[]; more: boolean }> {
    return this.queue.list(owner, query)
  }

  cancel(owner: string, id: string, keep: boolean): Promise<Job> {
    return this.after(owner, id, (entry) => this.queue.cancel(entry, keep))
  }

  pause(owner: string, id: string): Promise<Job> {
    return this.after(owner, id, (entry) => this.queue.pause(entry))
  }

  resume(owner: string, id: string): Promise<Job> {
    return this.after(owner, id, (entry) => this.queue.resume(entry))
  }

  answer(owner: string, id: string, face: number): Promise<Job> {
    return this.after(owner, id, (entry) => this.queue.answer(entry, face))
  }

  async delete(owner: string, id: string): Promise<void> {
    await this.queue.delete(this.queue.entry(owner, id))
  }

  async result(owner: string, id: string): Promise<JobResult> {
    return this.queue.result(this.queue.entry(owner, id))
  }

  async artifact(owner: string, id: string, wanted: string): Promise<ArtifactSource> {
    const entry = this.queue.entry(owner, id)
    const preview = entry.events.preview(wanted)
    if (preview) {
      const { artifact } = preview.params as { artifact: Artifact }
      return { artifact, read: (start, end) => preview.payload!.subarray(start, end) }
    }
    const path = this.queue.resultFile(entry, wanted)
    const artifact = entry.record.result?.files.find((file) => file.id === wanted)
    if (path === undefined || !artifact || (await stat(path).catch(() => undefined))?.size !== artifact.bytes) {
      throw new SiderError('ARTIFACT_GONE')
    }
    const handle = await open(path)
    return {
      artifact,
      async read(start, end) {
        const part = Buffer.alloc(end - start)
        await handle.read(part, 0, part.length, start)
        return part
      },
      end: () => void handle.close(),
    }
  }

  async subscribe(
    owner: string,
    id: string,
    after: number | undefined,
    listener: EventListener,
  ): Promise<Subscription> {
    const entry = this.queue.entry(owner, id)
    const job = this.queue.view(entry)
    const { events } = entry
    const missed = after === undefined ? { events: events.present() } : events.since(after)
    if ('gap' in missed && missed.gap) {
      const params = { job: id, seq: events.seq, time: Date.now(), ...missed.gap }
      listener({ method: 'job/gap', kind: 'state', params })
    }
    for (const event of missed.events) listener(event)
    return { job, stop: events.listen(listener) }
  }

  async figures(): Promise<QueueFigures> {
    return this.queue.figures()
  }

  async stop(graceMs: number): Promise<void> {
    clearInterval(this.sweeping)
    await this.queue.stop(graceMs)
  }

  private async after(owner: string, id: string, work: (entry: Entry) => Promise<void>): Promise<Job> {
    const entry = this.queue.entry(owner, id)
    await work(entry)
    return this.queue.view(entry)
  }
}
