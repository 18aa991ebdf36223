/**
 * The types of one run: what goes into it, what it tells while it works, and what comes out.
 */

import type { Settings } from '../config.js'
import type { StageName } from '../errors.js'
import type { Metric } from '../head/metric.js'
import type { Inspector, SdfGrid } from '../inspect.js'
import type { Asset } from '../pipeline/build-asset.js'
import type { CoarseMaps, Face, FaceView, FieldFrame, HeadFit, Photo } from '../stages.js'

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
  /** Single landmarks in their right places: {"37": [x, y], "478:13": [x, y]}, see docs/cli.md. */
  corrections?: unknown
  /** Aborting finishes the current step, saves a checkpoint and throws CANCELLED. */
  signal?: AbortSignal
  /** Aborting ends the detail stage after the current step; the run then finishes with what has been found so far. */
  finish?: AbortSignal
  /** Whether to record a snapshot after this step; by default every `output.snapshotEvery` seconds. */
  snapshotDue?(at: { step: number; steps: number; etaSeconds: number }): boolean
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
  /** [size, size, 3] sRGB 0..1 of the crop. */
  image: Float32Array
  /** The fitted head as the photo's camera sees it. */
  coarse: CoarseMaps
  /** The detailed face as the photo's camera sees it; relief fields add their shading and albedo. */
  view: FaceView & { shading?: Float32Array; albedo?: Float32Array }
  /** The field's coordinates. */
  frame: FieldFrame
  /** The detailed field, sampled about the face. */
  sdf: SdfGrid
  /** Metric size, and where it is from. */
  metric: Metric
  /** The detailed head: meshes, textures, shape keys. */
  asset: Asset
  /** Network weights, or spline coefficients and light, by name. */
  weights: Record<string, { shape: number[]; data: Float32Array }>
  /** Training loss: per step of a relief, per epoch of a network. */
  losses: readonly number[]
  /** Views of the face while it was trained, oldest first. */
  history: { step: number; view: FaceView }[]
  quality: {
    /** Root mean square distance of landmarks, photo pixels, and over the interocular distance. */
    landmarkRmsPx: number
    landmarkRmsRelative: number
    /** How much of what faces differ in the fit counts as settled, 0..1: see docs/head-fit.md. */
    identityDetermined: number
    /** Of the rendered crop against the photo, where the photo is trusted, dB; null where it is nowhere. */
    psnr: number | null
    /** Mean |f - SDF_GT| after the coarse stage, mm; 0 where the coarse distance is exact. */
    coarseErrorMm: number
    /** Share of the face's pixels whose colours were matched; what lies outside the photo is of the face, too. */
    trustedShare: number
  }
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
