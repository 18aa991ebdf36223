/** One attempt at a job: a worker, from its start to its last message or its end. */
import { join } from 'node:path'
import type { Progress } from '../../engine/index.js'
import type { ErrorInfo, Question } from '../generated/protocol.js'
import type { JobRecord } from './record.js'
import type { JobStore } from './store.js'
import type { FromWorker, PreviewInfo, RunSummary } from './worker-messages.js'
import { WorkerProcess } from './worker-process.js'

export type Outcome =
  | { type: 'done'; summary: RunSummary; folder: string }
  | { type: 'question'; question: Question }
  | { type: 'stopped' }
  /** `stderr` is the last that it said there. */
  | { type: 'failed'; error: ErrorInfo; stderr: string }
  /** It ended without a last message. */
  | { type: 'lost'; why: { code: number | null; signal: string | null; stderr: string } }

export interface RunEvents {
  progress(progress: Progress): void
  preview(info: PreviewInfo, payload: Uint8Array, sha256: string): void
  log(level: 'info' | 'warning', message: string): void
}

export class JobRun {
  /** Resolves when the worker's process is gone. */
  readonly ended: Promise<Outcome>
  /** Of its result, in the job's folder. */
  readonly folder: string
  private readonly worker: WorkerProcess
  private killed = false

  constructor(record: JobRecord, store: JobStore, program: string, events: RunEvents) {
    const folder = store.newResultFolder()
    this.folder = folder
    let last: ((stderr: string) => Outcome) | undefined
    let resolve!: (outcome: Outcome) => void
    this.ended = new Promise((settle) => {
      resolve = settle
    })
    const receive = (message: FromWorker): void => {
      if (this.killed || last) return
      if (message.type === 'progress') events.progress(message.progress)
      else if (message.type === 'preview') events.preview(message.info, message.payload, message.sha256)
      else if (message.type === 'log') events.log(message.level, message.message)
      else if (message.type === 'done') last = () => ({ ...message, folder })
      else if (message.type === 'failed') last = (stderr) => ({ ...message, stderr })
      else last = () => message
    }
    this.worker = new WorkerProcess(program, {
      message: receive,
      exit: (why) => resolve(last?.(why.stderr) ?? { type: 'lost', why }),
    })
    this.worker.start({
      photo: store.photo(record.id),
      settings: record.settings,
      landmarks: record.landmarks,
      corrections: record.corrections,
      severalFaces: record.severalFaces,
      checkpoint: store.checkpoint(record.id),
      results: join(store.path(record.id), folder),
    })
  }

  get pid(): number | undefined {
    return this.worker.pid
  }

  pause(): void {
    this.worker.pause()
  }

  finish(): void {
    this.worker.finish()
  }

  /** Ends it at once; nothing more is heard of it. */
  kill(): void {
    this.killed = true
    this.worker.kill()
  }
}
