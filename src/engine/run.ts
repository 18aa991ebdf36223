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

/** The faces of a photo, without reconstructing any. */
export interface FacesFound {
  photo: Photo
  /** In the order in which `photo.face` counts them. */
  faces: Face[]
}

/** One compute backend on this machine. */
export interface BackendDescription {
  /** As in the setting `backend`. */
  name: string
  available: boolean
  /** Why it is or is not available, in a sentence. */
  reason: string
  /** What it would run on, e.g. the GPU's name. */
  device?: string
}

export interface BackendReport {
  backends: BackendDescription[]
  /** What `backend: 'auto'` takes here, and why. */
  chosen: string
  why: string
}

/** What the command line asks of the engine's public API (index.ts). */
export interface Engine {
  reconstruct(options: ReconstructOptions): Promise<Reconstruction>
  /** Writes all output files into a folder that exists. */
  writeOutputs(reconstruction: Reconstruction, folder: string): Promise<void>
  findFaces(photo: string | Uint8Array, settings: Settings): Promise<FacesFound>
  describeBackends(): Promise<BackendReport>
}
