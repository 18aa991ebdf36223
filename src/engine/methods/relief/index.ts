/** The relief over the exact coarse distance: fast, and what the presets `preview` and `balanced` use. */
import type { FaceEvidence } from '../../evidence/face-evidence.js'
import type { CoarseDistance, Method, Solver, Workshop } from '../method.js'
import { evidenceShare } from './evidence-share.js'
import { ReliefField } from './field.js'
import { type ReliefScene, reliefScene } from './scene.js'
import { ReliefSolver, type ReliefState } from './solve.js'

export const RELIEF: Method = {
  lossOf: 'step',
  cost: ({ relief, photo }) => ({ coarse: 0.15, detail: 1.5 + 0.024 * relief.steps * (photo.cropSize / 256) ** 2 }),
  usesEvidence: ({ evidence }) => evidence.normalWeight + evidence.normalShare + evidence.albedoWeight > 0,
  open: async (workshop) => openRelief(workshop),
}

/** A relief that was begun. */
export interface ReliefAtWork {
  evidence: FaceEvidence
  scene: ReliefScene
  solver: ReliefSolver
}

/** @returns with `work`, for what goes on from the relief; @throws there before `prepare` */
export function openRelief({ device, coarse, settings, threads }: Workshop): Solver & { work(): ReliefAtWork } {
  const distance = remembering(coarse)
  let work: ReliefAtWork | undefined
  const begun = (): ReliefAtWork => {
    if (!work) throw new Error('the detail stage was not prepared')
    return work
  }
  return {
    work: begun,
    coarse: async () => [],
    coarseErrorMm: 0,
    async prepare(evidence, signal) {
      const scene = await reliefScene(evidence, settings.relief, threads, signal)
      work = { evidence, scene, solver: await ReliefSolver.create(device, scene, settings) }
    },
    detail: (options) => begun().solver.run(options),
    async settle(signal) {
      const { evidence, solver } = begun()
      const taken = evidenceShare(evidence, settings.evidence.normalShare)
      if (taken) await solver.settle(taken.normals, taken.share, signal)
    },
    get losses() {
      return begun().solver.state.losses
    },
    view: () => begun().solver.view(),
    async field() {
      const { evidence, scene, solver } = begun()
      const { relief } = await solver.view()
      return new ReliefField(distance, scene.camera, relief, evidence.coarse.normals, scene.mask)
    },
    async save() {
      const { solver } = begun()
      return { tensors: await solver.weights(), state: { ...solver.state } }
    },
    restore: ({ tensors, state }) => begun().solver.restore(tensors, state as unknown as ReliefState),
    dispose: async () => work?.solver.dispose(),
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
