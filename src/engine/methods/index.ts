/**
 * The detail stage behind one interface, whichever kind of field it improves: run, look, snapshot, save, restore.
 */
import type { Device, ShapedArray } from '../compute/program.js'
import type { Settings } from '../config.js'
import type { PaintedSkin } from '../evidence/trust.js'
import { Rng } from '../geometry/rng.js'
import type { CoarseMaps, FaceView, HeadFit, ImplicitField } from '../stages.js'
import type { Threads } from '../threads/index.js'
import type { DetailRunOptions } from './method.js'
import { type DetailState, DetailTrainer, type NearPoints } from './networks/detail.js'
import type { SiderField } from './networks/field.js'
import { makeRays } from './networks/rays.js'
import { FaceRenderer } from './networks/render.js'
import { type CoarseDistance, ReliefField } from './relief/field.js'
import { type Expected, reliefScene } from './relief/scene.js'
import { ReliefSolver, type ReliefState } from './relief/solve.js'

export { type FaceContours, labelledSkin, type PaintedSkin, paintedSkin, trustedSkin } from '../evidence/trust.js'
export type { DetailStep } from './method.js'
export { viewCoarse } from './networks/rays.js'

/** Points about the coarse surface, at whose distances a network's field is held. */
const NEAR_POINTS = 65536

/** What every kind of detail stage can do. */
export interface Detailer {
  readonly losses: readonly number[]
  /** @throws SiderError DIVERGED */
  run(options: DetailRunOptions): Promise<void>
  /** Takes in what evidence sees besides, once, after the last step; checkpoints are made before it. */
  settle(signal: AbortSignal | undefined): Promise<void>
  /** The face as the photo's camera sees it now. Relief fields add shading and albedo. */
  view(): Promise<FaceView & { shading?: Float32Array; albedo?: Float32Array }>
  /** The field as it is now; it does not change afterwards for relief fields. */
  field(): Promise<ImplicitField>
  /** What a checkpoint needs to go on exactly here; names with a slash are of the optimiser, the others of the field. */
  save(): Promise<{ tensors: Record<string, ShapedArray>; state: Record<string, unknown> }>
  restore(tensors: Record<string, ShapedArray>, state: Record<string, unknown>): void
  dispose(): Promise<void>
}

export interface DetailInput {
  fit: HeadFit
  view: CoarseMaps
  /** [size, size, 3] sRGB 0..1 */
  image: Float32Array
  /** [size, size] photometric weight */
  trusted: Float32Array
  painted: PaintedSkin
  /** What learned evidence expects; the relief uses it as a prior. */
  expected?: Expected | undefined
}

/** The paper's way: geometry and rendering network, traced rays, implicit differentiation. */
export async function networkDetailer(
  field: SiderField,
  coarse: { sample(n: number, sigma: number, rng: Rng): Promise<NearPoints> },
  { fit, view, image, trusted }: DetailInput,
  settings: Settings,
): Promise<Detailer> {
  const rays = makeRays(fit, field.frame, view, image, trusted)
  const near = await coarse.sample(NEAR_POINTS, settings.coarse.sampleSigma, new Rng(settings.seed + 1))
  const trainer = await DetailTrainer.create(field, rays, near, settings.detail, settings.seed)
  const renderer = await FaceRenderer.create(field)
  return {
    get losses() {
      return trainer.state.epochLosses
    },
    run: (options) => trainer.run(options),
    settle: async () => {},
    // On hits of its own: looking must not change what the training does next.
    view: () => renderer.render(fit, { ...rays, t: rays.t.slice(), slope: rays.slope.slice() }),
    field: async () => field,
    save: async () => {
      const { tensors, state } = await trainer.save()
      return { tensors, state: { ...state } }
    },
    restore: (tensors, state) => trainer.restore(tensors, state as unknown as DetailState),
    dispose: async () => {
      await trainer.dispose()
      await renderer.dispose()
    },
  }
}

/** The relief over the exact coarse distance. */
export async function reliefDetailer(
  device: Device,
  coarse: CoarseDistance,
  input: DetailInput,
  settings: Settings,
  threads: Threads,
  signal?: AbortSignal,
): Promise<Detailer> {
  const scene = await reliefScene(input, settings.relief, threads, signal)
  const remembered = remembering(coarse)
  const solver = await ReliefSolver.create(device, scene, settings)
  return {
    get losses() {
      return solver.state.losses
    },
    run: (options) => solver.run(options),
    settle: async (signal) => {
      const { normalShare } = settings.evidence
      if (!scene.expected || normalShare === 0) return
      const { normals, confidence } = scene.expected
      await solver.settle(
        normals,
        confidence.map((c) => normalShare * c),
        signal,
      )
    },
    view: () => solver.view(),
    field: async () => {
      const { relief } = await solver.view()
      return new ReliefField(remembered, scene.camera, relief, input.view.normals, scene.mask)
    },
    save: async () => ({ tensors: await solver.weights(), state: { ...solver.state } }),
    restore: (tensors, state) => solver.restore(tensors, state as unknown as ReliefState),
    dispose: () => solver.dispose(),
  }
}

/** The same distance; of points that are asked for again (as the same array, like those of previews) it is worked out once. */
function remembering(coarse: CoarseDistance): CoarseDistance {
  const known = new WeakMap<Float32Array, ReturnType<CoarseDistance['measure']>>()
  return {
    frame: coarse.frame,
    async measure(points) {
      const asked = known.get(points) ?? coarse.measure(points)
      known.set(points, asked)
      const { sdf, gradient } = await asked
      return { sdf: sdf.slice(), gradient: gradient.slice() }
    },
  }
}
