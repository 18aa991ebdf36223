/**
 * What works on jobs, as the queue sees it: processes of this machine (local-runner.ts), or something that stands for other
 * machines. It gets paths of this machine; a runner that works elsewhere brings photo and checkpoint there, and checkpoints and the
 * result's files back.
 */
import type { Progress, Settings } from '../engine/index.js'
import type { Artifact, ErrorInfo, Question } from '../generated/protocol.js'

/** Everything that work on a job needs. */
export interface Work {
  /** File of the photo. */
  photo: string
  settings: Settings
  landmarks?: unknown
  corrections?: unknown
  severalFaces: 'largest' | 'ask' | 'fail'
  /** Where checkpoints go, and one may be from which to go on. */
  checkpoint: string
  /** Folder for the result's files; it counts once the outcome is 'done'. */
  results: string
}

/** A preview without what the queue adds. */
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

export type Outcome =
  | { type: 'done'; summary: RunSummary }
  | { type: 'question'; question: Question }
  /** It was paused or killed, or was not begun. */
  | { type: 'stopped' }
  /** `stderr` is the last that it said there. */
  | { type: 'failed'; error: ErrorInfo; stderr: string }
  /** It ended without a last word. */
  | { type: 'lost'; why: { code: number | null; signal: string | null; stderr: string } }

/** What is heard of work that goes on. */
export interface RunEvents {
  progress(progress: Progress): void
  preview(info: PreviewInfo, payload: Uint8Array, sha256: string): void
  log(level: 'info' | 'warning', message: string): void
}

/** One attempt at a job. */
export interface Attempt {
  /** Who is at it, for the log: of a process its number. */
  readonly worker: string
  /** Resolves when nothing of it goes on any more; never rejects. */
  readonly ended: Promise<Outcome>
  /** Stop after the current step, with a checkpoint. */
  pause(): void
  /** End the optimisation after the current step, and complete. */
  finish(): void
  /** End at once; nothing more is heard of it. */
  kill(): void
}

export interface Runner {
  /** Begins to work on a job. */
  start(work: Work, events: RunEvents): Attempt
}
