/**
 * The types of one run of the engine: what goes into `reconstruct`, what it tells while it works, and what comes out.
 */
import type { Settings } from './config.js'
import type { StageName } from './errors.js'
import type { Inspector } from './inspect.js'
import type { Face, HeadFit, Photo } from './stages.js'

/** How far a run is. */
export interface Progress {
  stage: StageName
  /** Share of the whole run that is done, 0..1; only rises. */
  fraction: number
  /** Iteration of the stage's optimiser, from 0, and how many there are at most. */
  iteration?: number
  iterations?: number
  /** The latest (smoothed) loss of the stage's optimiser. */
  loss?: number
  /** Expected seconds to the end of the run. */
  etaSeconds?: number
  /** What is being done, or something the user should know. */
  message?: string
}

export interface CheckpointOptions {
  /** Where the checkpoint is kept; written atomically, each over the last. */
  file: string
  everySeconds: number
}

export interface ReconstructOptions {
  /** Path of the photo, or the bytes of its file. */
  photo: string | Uint8Array
  settings: Settings
  /** The face's landmarks as read from the user's JSON; detection is skipped. */
  landmarks?: unknown
  /** Aborting finishes the current step, saves a checkpoint and throws CANCELLED. */
  signal?: AbortSignal
  /** Checkpoint file to go on from. */
  resumeFrom?: string
  onProgress?(progress: Progress): void
  /** Receives the named intermediates. */
  inspector?: Inspector
  checkpoint?: CheckpointOptions
}

/** A finished run. */
export interface Reconstruction {
  settings: Settings
  photo: Photo
  face: Face
  fit: HeadFit
  /** The compute backend that ran it. */
  backend: string
  /** Wall-clock seconds of each stage. */
  seconds: Partial<Record<StageName, number>>
  warnings: string[]
}
