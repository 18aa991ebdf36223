/** What a local runner and the process that works on one job tell each other. */
import type { Progress } from '../engine/index.js'
import type { ErrorInfo, Question } from '../generated/protocol.js'
import type { PreviewInfo, RunSummary, Work } from './runner.js'

export type ToWorker = { type: 'start'; job: Work } | { type: 'pause' } | { type: 'finish' }

export type FromWorker =
  | { type: 'progress'; progress: Progress }
  | { type: 'preview'; info: PreviewInfo; payload: Uint8Array; sha256: string }
  | { type: 'log'; level: 'info' | 'warning'; message: string }
  /** Each of these is the last. */
  | { type: 'question'; question: Question }
  | { type: 'done'; summary: RunSummary }
  | { type: 'stopped' }
  | { type: 'failed'; error: ErrorInfo }
