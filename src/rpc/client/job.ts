/** A job on a server, watched from afar: iterate over it for what happens, await its result for what it made. */
import { END_STATES } from '../../generated/job-states.js'
import type {
  Artifact,
  Job,
  JobCreateParams,
  JobLogEvent,
  JobProgressEvent,
  JobResult,
  JobStateEvent,
  Methods,
} from '../../generated/protocol.js'
import { ConnectionLost, type Notification, RemoteError } from './link.js'

export interface ReconstructOptions extends Omit<JobCreateParams, 'image'> {
  /** Aborting cancels the job. */
  signal?: AbortSignal
}

/** What a job needs of its client. */
export interface JobClient {
  call<M extends keyof Methods>(method: M, params: Methods[M]['params']): Promise<Methods[M]['result']>
  fetch(job: string, artifact: string): Promise<Uint8Array>
  /** @param reconnected called when the connection is there again, or will not be */
  listen(listener: (notification: Notification) => void, reconnected: () => void): () => void
  /** Whether the connection is lost and is not being made again. */
  readonly isGone: boolean
}

export type JobUpdate =
  | ({ type: 'state' } & JobStateEvent)
  | ({ type: 'progress' } & JobProgressEvent)
  | ({ type: 'log' } & JobLogEvent)
  | { type: 'preview'; artifact: Artifact; bytes: Uint8Array }

/** What a completed job made. */
export interface RemoteResult extends JobResult {
  /** Fetches one of the files by its name, such as 'face.glb'. */
  file(name: string): Promise<Uint8Array>
}

export class RemoteJob implements AsyncIterable<JobUpdate> {
  /** The server has accepted it. */
  readonly created: Promise<Job>
  private readonly ended: Promise<JobStateEvent>
  /** Updates not yet taken; of progress and each preview only the newest. */
  private readonly waiting = new Map<string, JobUpdate>()
  private wake: () => void = () => {}
  private over = false
  private failure: unknown
  private last: number | undefined
  private unique = 0

  constructor(
    private readonly client: JobClient,
    private readonly options: Pick<ReconstructOptions, 'signal'>,
    create: () => Promise<Job>,
  ) {
    this.created = create()
    this.ended = this.follow()
    this.ended.catch((error) => {
      this.failure = error
      this.over = true
      this.wake()
    })
  }

  async *[Symbol.asyncIterator](): AsyncIterator<JobUpdate> {
    for (;;) {
      const [first] = this.waiting
      if (first) {
        this.waiting.delete(first[0])
        yield first[1]
      } else if (this.failure !== undefined) throw this.failure
      else if (this.over) return
      else {
        await new Promise<void>((resolve) => {
          this.wake = resolve
        })
      }
    }
  }

  /** @throws RemoteError why it failed; AbortError if it was cancelled; ConnectionLost if the server stays away */
  async result(): Promise<RemoteResult> {
    const { state, job, error } = await this.ended
    if (error) {
      const { code, message, ...data } = error
      throw new RemoteError(code, message, data)
    }
    if (state !== 'completed') throw new DOMException('the job was cancelled', 'AbortError')
    const result = await this.client.call('job/result', { job })
    const file = (name: string): Promise<Uint8Array> => this.client.fetch(job, `final/${name}`)
    return { ...result, file }
  }

  async cancel(keep = false): Promise<Job> {
    return this.client.call('job/cancel', { job: (await this.created).id, keep })
  }

  async pause(): Promise<Job> {
    return this.client.call('job/pause', { job: (await this.created).id })
  }

  async resume(): Promise<Job> {
    return this.client.call('job/resume', { job: (await this.created).id })
  }

  /** Answers the question which face is meant. */
  async chooseFace(face: number): Promise<Job> {
    return this.client.call('job/input', { job: (await this.created).id, face })
  }

  /** Subscribes, again after every lost connection, until the job ends. */
  private async follow(): Promise<JobStateEvent> {
    const { signal } = this.options
    const { id } = await this.created
    let stopListening = (): void => {}
    const abort = (): void => void this.cancel().catch(() => {})
    try {
      return await new Promise<JobStateEvent>((resolve, reject) => {
        const subscribe = async (): Promise<void> => {
          try {
            await this.client.call('job/subscribe', { job: id, ...(this.last !== undefined && { after: this.last }) })
          } catch (error) {
            // A connection lost meanwhile is made again, and comes here again.
            if (!(error instanceof ConnectionLost) || this.client.isGone) reject(error)
          }
        }
        stopListening = this.client.listen(
          (notification) => {
            if (notification.params.job === id) this.take(notification, resolve)
          },
          () => void subscribe(),
        )
        if (signal?.aborted) abort()
        else signal?.addEventListener('abort', abort, { once: true })
        void subscribe()
      })
    } finally {
      signal?.removeEventListener('abort', abort)
      stopListening()
      this.over = true
      this.wake()
    }
  }

  private take(notification: Notification, ended: (event: JobStateEvent) => void): void {
    this.last = Math.max(this.last ?? 0, notification.params.seq)
    switch (notification.method) {
      case 'job/state':
        this.put(`${this.unique++}`, { type: 'state', ...notification.params })
        if (END_STATES.includes(notification.params.state)) ended(notification.params)
        break
      case 'job/progress':
        this.put('progress', { type: 'progress', ...notification.params })
        break
      case 'job/log':
        this.put(`${this.unique++}`, { type: 'log', ...notification.params })
        break
      case 'job/artifact': {
        const { artifact } = notification.params
        if (notification.bytes)
          this.put(`preview ${artifact.name}`, { type: 'preview', artifact, bytes: notification.bytes })
        break
      }
      default:
        break // what a gap leaves out is replaced by the present state, which follows it
    }
  }

  private put(key: string, update: JobUpdate): void {
    this.waiting.delete(key)
    this.waiting.set(key, update)
    this.wake()
  }
}
