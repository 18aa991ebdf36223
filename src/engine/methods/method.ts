/**
 * A method finds the detail of a face whose head is fitted. Nothing outside this folder asks which one is at work: the setting
 * `method` names it, and `METHODS` (index.ts) has it.
 */
import type { Device, ShapedArray } from '../compute/program.js'
import type { Settings } from '../config.js'
import type { FaceEvidence } from '../evidence/face-evidence.js'
import type { Rng } from '../geometry/rng.js'
import type { FaceView, FieldFrame, ImplicitField } from '../stages.js'
import type { Threads } from '../threads/index.js'

/** The fitted face's exact signed distance (coarse/target.ts). Points and distances are in field coordinates. */
export interface CoarseDistance {
  readonly frame: FieldFrame
  /** Distances [n] of points [n, 3], and their gradients [n, 3]; new arrays at every call. */
  measure(points: Float32Array): Promise<{ sdf: Float32Array; gradient: Float32Array }>
}

/** The same with training points. */
export interface CoarseSamples extends CoarseDistance {
  /** `n` points about the face with their distances. @param sigma spread, metres */
  sample(n: number, sigma: number, rng: Rng): Promise<NearPoints>
}

/** Points near the coarse surface. */
export interface NearPoints {
  /** [n, 3] field coordinates */
  points: Float32Array
  /** [n] exact distance, field units */
  distance: Float32Array
}

/** What a method works with. */
export interface Workshop {
  device: Device
  coarse: CoarseSamples
  settings: Settings
  threads: Threads
}

/** What a training tells after a step. */
export interface TrainingStep {
  step: number
  /** Steps if it is not stopped early. */
  steps: number
  loss: number
}

export interface TrainingOptions {
  /** Aborting ends the training after the current step, with the signal's reason. */
  signal?: AbortSignal | undefined
  onStep?(progress: TrainingStep): Promise<void> | void
}

/** All that going on exactly here needs: arrays by name (with a slash: the optimiser's), and scalars that survive JSON. */
export interface SavedState {
  tensors: Record<string, ShapedArray>
  state: Record<string, unknown>
}

/** The detail of one face. Relief fields add shading and albedo. */
export type DetailView = FaceView & { shading?: Float32Array; albedo?: Float32Array }

/** A method at work on one face; its calls come in this order, and `save` and `restore` are of the stage that was begun last. */
export interface Solver {
  /** Takes on the fitted head's distance. Resolves with the losses of its steps; empty where nothing is learned. */
  coarse(options: TrainingOptions): Promise<readonly number[]>
  /** Mean |f - SDF_GT| after the coarse stage, mm; 0 where the distance is exact. */
  readonly coarseErrorMm: number
  /** Begins the detail stage. */
  prepare(evidence: FaceEvidence, signal?: AbortSignal): Promise<void>
  /** Learns the photo. @throws SiderError DIVERGED */
  detail(options: TrainingOptions): Promise<void>
  /** Takes in what evidence sees besides, once, after the last step; checkpoints are made before it. */
  settle(signal?: AbortSignal): Promise<void>
  /** Losses of the detail stage so far. */
  readonly losses: readonly number[]
  /** The face as the photo's camera sees it now. */
  view(): Promise<DetailView>
  /** The field as it is now; relief fields do not change afterwards. */
  field(): Promise<ImplicitField>
  save(): Promise<SavedState>
  restore(saved: SavedState): void
  dispose(): Promise<void>
}

export interface Method {
  /** What one of its losses is of. */
  readonly lossOf: 'step' | 'epoch'
  /** Rough times of its stages on two cores, seconds: the progress bar divides the run by them. */
  cost(settings: Settings): { coarse: number; detail: number }
  /** Whether it takes normals or albedo of learned evidence into account. */
  usesEvidence(settings: Pick<Settings, 'evidence'>): boolean
  open(workshop: Workshop): Promise<Solver>
}
