/** One reconstruction as the user sees it: the photo, the job that works on it, what it shows meanwhile, and what it made. */
import type { RemoteJob, RemoteResult } from '../../../src/rpc/client/index.js'
import {
  type Artifact,
  ConnectionLost,
  END_STATES,
  type Job,
  type JobState,
  type Question,
  RemoteError,
  type Stage,
} from '../../../src/rpc/client/index.js'
import { Changes } from './dom.js'
import { LandmarkEdit } from './landmark-edit.js'
import type { ServerLink } from './server-link.js'

export interface Photo {
  name: string
  /** Absent after a reload of the page. */
  file?: Blob
  /** Data URL of a small version. */
  thumbnail: string
  width: number
  height: number
}

export type TaskState = 'empty' | 'ready' | 'sending' | JobState

export interface Preview {
  artifact: Artifact
  bytes: Uint8Array
}

const KEY = 'sider.job'

export class Task {
  readonly changes = new Changes()
  /** A preview has come. */
  readonly previewed = new Changes()
  state: TaskState = 'empty'
  photo: Photo | undefined
  job: string | undefined
  /** The job's preset. */
  preset: string | undefined
  /** Whether the user opened it from the list of earlier ones. */
  reopened = false
  progress: { stage: Stage; fraction: number; etaSeconds?: number; iteration?: number; iterations?: number } | undefined
  readonly losses: { step: number; loss: number }[] = []
  question: Question | undefined
  /** What went wrong, and what to do. */
  error: { message: string; hint: string } | undefined
  readonly logs: string[] = []
  readonly previews = new Map<string, Preview>()
  result: RemoteResult | undefined
  /** The photo's landmarks, once they have been looked at. */
  landmarks: LandmarkEdit | undefined
  /** Whether something was asked for that the job's state does not show yet. */
  stopping = false
  private watched: RemoteJob | undefined
  private readonly waiting = new Set<string>()

  constructor(readonly link: ServerLink) {}

  setPhoto(photo: Photo): void {
    if (this.busy) return
    this.clear()
    this.photo = photo
    this.landmarks = undefined
    this.set('ready')
  }

  /** Whether a job is under way. */
  get busy(): boolean {
    const { state } = this
    return state !== 'empty' && state !== 'ready' && (state === 'sending' || !END_STATES.includes(state))
  }

  async start(preset: string, settings: Record<string, unknown>): Promise<void> {
    const { photo, link } = this
    if (!photo?.file || !link.client || this.busy) return
    this.clear()
    this.set('sending')
    this.preset = preset
    const corrected = this.landmarks?.params
    const options = {
      preset,
      name: photo.name,
      severalFaces: 'ask' as const,
      ...corrected,
      settings: { ...settings, ...corrected?.settings },
    }
    await this.follow(link.client.reconstruct(photo.file, options))
  }

  /** The landmarks of the photo, to be looked at and corrected; they are kept with the photo. */
  editLandmarks(): LandmarkEdit | undefined {
    if (!this.photo?.file || !this.link.client) return undefined
    if (!this.landmarks) {
      this.landmarks = new LandmarkEdit(this.link, this.photo.file)
      this.landmarks.changes.listen(() => this.changes.tell())
    }
    return this.landmarks
  }

  /** Goes on with what this page was at before it was loaded again. */
  async reattach(): Promise<void> {
    const kept = localStorage.getItem(`${KEY} ${this.link.url}`)
    const { client } = this.link
    const taken = (): boolean => this.busy || this.result !== undefined || this.state === 'ready'
    if (kept === null || !client || taken()) return
    const { job, photo } = JSON.parse(kept) as { job: string; photo: Photo }
    try {
      const { state, preset } = await client.call('job/get', { job })
      if (taken()) return // the user was faster
      Object.assign(this, { photo, state, preset })
      await this.follow(client.watch(job))
    } catch (error) {
      if (error instanceof RemoteError) this.forget() // deleted meanwhile, or another token's
    }
  }

  /** Shows an earlier job: what it made, or how it goes on. @param photo as well as it is known */
  async open({ id, state, preset }: Job, photo: Photo): Promise<void> {
    const { client } = this.link
    if (!client || this.busy) return
    this.clear()
    this.set('empty')
    Object.assign(this, { photo, state, preset, reopened: true, landmarks: undefined })
    await this.follow(client.watch(id))
  }

  async pause(): Promise<void> {
    this.stopping = true
    this.changes.tell()
    await this.attempt((watched) => watched.pause())
  }

  async resume(): Promise<void> {
    await this.attempt((watched) => watched.resume())
  }

  /** @param keep ends the optimisation and completes with what there is */
  async cancel(keep: boolean): Promise<void> {
    this.stopping = true
    this.changes.tell()
    await this.attempt((watched) => watched.cancel(keep))
  }

  async chooseFace(face: number): Promise<void> {
    await this.attempt((watched) => watched.chooseFace(face))
  }

  /** Back to the empty state; the job's files stay on the server. */
  reset(): void {
    this.forget()
    this.clear()
    this.photo = this.landmarks = undefined
    this.set('empty')
  }

  private async attempt(act: (watched: RemoteJob) => Promise<unknown>): Promise<void> {
    const { watched } = this
    if (!watched) return
    try {
      await act(watched)
    } catch (error) {
      if (this.watched !== watched) return
      this.stopping = false
      this.fail(error)
      this.changes.tell()
    }
  }

  private async follow(watched: RemoteJob): Promise<void> {
    this.watched = watched
    try {
      this.job = (await watched.created).id
      const { file: _, ...photo } = this.photo!
      localStorage.setItem(`${KEY} ${this.link.url}`, JSON.stringify({ job: this.job, photo }))
      for await (const update of watched) {
        if (this.watched !== watched) return
        switch (update.type) {
          case 'state':
            this.question = update.question
            this.stopping = false
            if (update.state !== 'completed') this.set(update.state)
            break
          case 'progress':
            this.progress = update
            if (update.loss !== undefined && update.iteration !== undefined) {
              const last = this.losses.at(-1)
              if (last && last.step >= update.iteration) this.losses.length = 0 // it went on from a checkpoint
              this.losses.push({ step: update.iteration, loss: update.loss })
            }
            this.soon('changes')
            break
          case 'log':
            this.logs.push(update.message)
            break
          case 'preview':
            this.previews.set(update.artifact.name, update)
            this.soon('previewed')
            break
        }
      }
      const result = await watched.result()
      if (this.watched !== watched) return
      this.result = result
      this.set('completed')
    } catch (error) {
      if (this.watched !== watched) return
      if (error instanceof DOMException && error.name === 'AbortError') this.set('cancelled')
      else {
        this.fail(error)
        this.set('failed')
      }
    }
  }

  /** Tells of progress and previews at most ten times a second, however fast they come. */
  private soon(what: 'changes' | 'previewed'): void {
    if (this.waiting.has(what)) return
    this.waiting.add(what)
    setTimeout(() => {
      this.waiting.delete(what)
      if (what === 'changes') this.changes.tell()
      else this.show()
    }, 100)
  }

  /** A preview that cannot be shown costs a line of the log, not the job. */
  private show(): void {
    try {
      this.previewed.tell()
    } catch (error) {
      const line = `A preview cannot be shown: ${(error as Error).message}`
      if (!this.logs.includes(line)) this.logs.push(line)
    }
  }

  /**
   * Says that a result cannot be shown: `what` names it and what failed. Fetching one takes a while: of one that is no longer looked at
   * nothing is said, least of all in the place of what befell the next job.
   */
  cannot(result: RemoteResult, what: string, error: unknown): void {
    if (this.result !== result) return
    this.error = { message: `${what}: ${(error as Error).message}`, hint: 'Reload the page to try again.' }
    this.changes.tell()
  }

  private fail(error: unknown): void {
    if (error instanceof RemoteError) this.error = { message: error.message, hint: error.data.hints?.page ?? '' }
    else if (error instanceof ConnectionLost) {
      this.error = {
        message: 'The connection was lost.',
        hint: 'Is the server running? The job goes on when it is back.',
      }
    } else this.error = { message: String((error as Error).message ?? error), hint: '' }
  }

  private clear(): void {
    this.watched = undefined
    this.job = this.preset = this.progress = this.question = this.error = this.result = undefined
    this.losses.length = 0
    this.logs.length = 0
    this.previews.clear()
    this.stopping = this.reopened = false
  }

  private forget(): void {
    localStorage.removeItem(`${KEY} ${this.link.url}`)
  }

  private set(state: TaskState): void {
    this.state = state
    this.changes.tell()
  }
}
