/**
 * The job engine as servers see it: jobs by owner and id, wherever their records, photos and results are kept and whoever works on
 * them. `embedded.ts` keeps all of it in a folder of this machine; `shared/` in a queue and a storage that many machines use.
 */
import type { Artifact, Job, JobResult } from '../generated/protocol.js'
import type { EventListener } from './events.js'
import type { NewJob } from './record.js'
import type { JobState } from './states.js'

/** Room on this machine for what clients are sending. */
export interface UploadRoom {
  /** A new path. What is there when the server starts is deleted. */
  temporary(): string
  /** Writes something new of so many bytes. @throws SiderError DISK_FULL, OUTPUT_UNWRITABLE: nothing of it counts */
  admit<T>(bytes: number, write: () => Promise<T>): Promise<T>
}

export interface ListQuery {
  states?: JobState[] | undefined
  limit?: number | undefined
  /** Id of a job: those made before it. */
  before?: string | undefined
}

/** A preview or a file of a result, to be read in parts. */
export interface ArtifactSource {
  artifact: Artifact
  read(start: number, end: number): Promise<Uint8Array> | Uint8Array
  /** Lets go of it. */
  end?(): void
}

/** How the queue is now. */
export interface QueueFigures {
  /** Jobs that are kept, by their state. */
  jobs: Record<string, number>
  /** Those that wait for a worker, and that have one. */
  waiting: number
  active: number
  /** Those whose worker is gone, and which nobody has taken over yet. */
  stalled: number
  /** Those that were set aside. */
  deadLetter: number
  /** How long the one that has waited longest has waited; 0 if none waits. */
  oldestSeconds: number
}

export interface Subscription {
  /** As the job was when the subscription began. */
  job: Job
  stop(): void
}

/**
 * All methods answer NO_SUCH_JOB also for other owners' jobs, and WRONG_STATE for what the job's state does not allow. What was
 * answered is kept, whatever happens then.
 */
export interface JobEngine {
  readonly room: UploadRoom
  /** Lets jobs run. */
  start(): void
  /** @throws SiderError QUEUE_FULL, and what is wrong with the place where photos are kept */
  create(owner: string, wanted: NewJob): Promise<Job>
  get(owner: string, id: string): Promise<Job>
  list(owner: string, query: ListQuery): Promise<{ jobs: Job[]; more: boolean }>
  /** At once; with `keep` a running job completes with what it has. */
  cancel(owner: string, id: string, keep: boolean): Promise<Job>
  pause(owner: string, id: string): Promise<Job>
  resume(owner: string, id: string): Promise<Job>
  /** @throws SiderError FACE_NOT_LISTED */
  answer(owner: string, id: string, face: number): Promise<Job>
  delete(owner: string, id: string): Promise<void>
  result(owner: string, id: string): Promise<JobResult>
  /** @throws SiderError ARTIFACT_GONE */
  artifact(owner: string, id: string, artifact: string): Promise<ArtifactSource>
  /**
   * Tells a job's events: first those after the number `after`, or without one the present (state, progress, previews, files), then
   * what happens. What is no longer kept is told as job/gap.
   */
  subscribe(owner: string, id: string, after: number | undefined, listener: EventListener): Promise<Subscription>
  figures(): Promise<QueueFigures>
  /** Takes no more, lets its own workers save checkpoints, and ends. */
  stop(graceMs: number): Promise<void>
}
