/** What the server and the process that works on one job tell each other. */
import type { Progress, Settings } from '../../engine/index.js'
import type { Artifact, ErrorInfo, Question } from '../generated/protocol.js'

/** Everything a worker needs; the paths are the server's own. */
export interface WorkerJob {
  photo: string
  settings: Settings
  landmarks?: unknown
  corrections?: unknown
  severalFaces: 'largest' | 'ask' | 'fail'
  /** Where checkpoints go, and one may be from which to go on. */
  checkpoint: string
  /** Folder for the result's files; the server takes it over when the worker says done. */
  results: string
}

export type ToWorker = { type: 'start'; job: WorkerJob } | { type: 'pause' } | { type: 'finish' }

/** A preview without what the server adds. */
export type PreviewInfo = Pick<Artifact, 'kind' | 'name' | 'mediaType' | 'step' | 'topology' | 'sdf'>

/** What a finished run has to say; its files are in the results folder. */
export interface RunSummary {
  backend: string
  seconds: Record<string, number>
  quality: Record<string, number | null>
  warnings: string[]
  files: { name: string; bytes: number; sha256: string }[]
  previews: { count: number; seconds: number }
}

export type FromWorker =
  | { type: 'progress'; progress: Progress }
  | { type: 'preview'; info: PreviewInfo; payload: Uint8Array; sha256: string }
  | { type: 'log'; level: 'info' | 'warning'; message: string }
  /** Each of these is the last. */
  | { type: 'question'; question: Question }
  | { type: 'done'; summary: RunSummary }
  | { type: 'stopped' }
  | { type: 'failed'; error: ErrorInfo }
