/**
 * The paper's two networks from the relief on: the relief is found first, then both networks learn the photo about its surface, and
 * the surface that is kept takes on the mean of what relief, networks and learned evidence see.
 */
import type { ShapedArray } from '../../compute/program.js'
import type { FaceEvidence } from '../../evidence/face-evidence.js'
import type { DetailView, Method, SavedState, Solver, Workshop } from '../method.js'
import { evidenceShare } from '../relief/evidence-share.js'
import { openRelief, RELIEF, type ReliefAtWork } from '../relief/index.js'
import { NeuralField } from './field.js'
import { reliefRays } from './rays.js'
import { agreed, seenSkin } from './settle.js'
import { NeuralTrainer } from './train.js'

/** Begins the names of what is the networks' in a saved state. */
const PREFIX = 'networks.'

export const NEURAL: Method = {
  lossOf: 'step',
  cost: (settings) => {
    const { coarse, detail } = RELIEF.cost(settings)
    const { steps, rays, geometry } = settings.neural
    return { coarse, detail: detail + 1 + 0.022 * steps * (rays / 4096) * (geometry.width / 128) }
  },
  usesEvidence: RELIEF.usesEvidence,
  open: async (workshop) => openNeural(workshop),
}

function openNeural(workshop: Workshop): Solver {
  const { device, coarse, settings } = workshop
  const relief = openRelief(workshop)
  let evidence: FaceEvidence | undefined
  let trainer: NeuralTrainer | undefined
  /** Of the networks, from a checkpoint, until they begin. */
  let saved: SavedState | undefined
  let settled = false

  async function begin({ scene, solver }: ReliefAtWork): Promise<NeuralTrainer> {
    const { fit } = evidence!
    const rays = reliefRays(fit, scene, await solver.view(), scene.expected, coarse.frame)
    const created = await NeuralTrainer.create(device, { fit, frame: coarse.frame, rays }, settings)
    if (saved) created.restore(saved)
    saved = undefined
    return created
  }
  const total = settings.relief.steps + settings.neural.steps
  return {
    coarse: (options) => relief.coarse(options),
    coarseErrorMm: relief.coarseErrorMm,
    async prepare(known, signal) {
      evidence = known
      await relief.prepare(known, signal)
    },
    async detail({ signal, onStep }) {
      await relief.detail({ signal, onStep: ({ step, loss }) => onStep?.({ step, loss, steps: total }) })
      signal?.throwIfAborted()
      trainer ??= await begin(relief.work())
      await trainer.run({
        signal,
        onStep: ({ step, loss }) => onStep?.({ step: settings.relief.steps + step, loss, steps: total }),
      })
    },
    async settle(signal) {
      if (!trainer) return relief.settle(signal)
      const { scene, solver } = relief.work()
      const networks = await trainer.view()
      const mine = seenSkin(scene).map((s) => settings.neural.share * s)
      const theirs = evidenceShare(evidence!, settings.evidence.normalShare)
      const { normals, share } = agreed(networks.normals, mine, theirs)
      await solver.settle(normals, share, signal)
      settled = true
    },
    get losses() {
      return [...relief.losses, ...(trainer?.state.losses ?? [])]
    },
    async view(): Promise<DetailView> {
      const own = await relief.view()
      // the surface that is kept is the relief's, and so is what it looks like: the renderer knows the networks' own
      return trainer && !settled ? { ...own, ...(await trainer.view()) } : own
    },
    async field() {
      const base = await relief.field()
      const at = trainer
      return at && !settled ? new NeuralField(base, (points) => at.measure(points)) : base
    },
    async save() {
      const { tensors, state } = await relief.save()
      const networks = saved ?? (await trainer?.save())
      if (!networks) return { tensors, state: { relief: state } }
      return {
        tensors: { ...tensors, ...renamed(networks.tensors, (name) => PREFIX + name) },
        state: { relief: state, networks: networks.state },
      }
    },
    restore({ tensors, state }) {
      const ofNetworks = (wanted: boolean): Record<string, ShapedArray> =>
        Object.fromEntries(Object.entries(tensors).filter(([name]) => name.startsWith(PREFIX) === wanted))
      relief.restore({ tensors: ofNetworks(false), state: state['relief'] as SavedState['state'] })
      const networks = state['networks'] as SavedState['state'] | undefined
      if (networks) saved = { tensors: renamed(ofNetworks(true), (name) => name.slice(PREFIX.length)), state: networks }
    },
    async dispose() {
      await trainer?.dispose()
      await relief.dispose()
    },
  }
}

const renamed = (tensors: Record<string, ShapedArray>, name: (old: string) => string): Record<string, ShapedArray> =>
  Object.fromEntries(Object.entries(tensors).map(([old, tensor]) => [name(old), tensor]))
