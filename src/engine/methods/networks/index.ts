/** The paper's way: geometry and rendering network, traced rays, implicit differentiation (Eqs. 4-10). */
import { Rng } from '../../geometry/rng.js'
import type { Method, Solver, Workshop } from '../method.js'
import { type CoarseState, coarseStart, trainCoarse } from './coarse.js'
import { type DetailState, DetailTrainer } from './detail.js'
import { SiderField } from './field.js'
import { makeRays } from './rays.js'
import { FaceRenderer } from './render.js'

/** Points about the coarse surface, at whose distances the field is held while it learns the photo. */
const NEAR_POINTS = 65536

export const NETWORKS: Method = {
  lossOf: 'epoch',
  cost: ({ networks: { geometry, coarse, detail } }) => {
    const size = (geometry.width / 512) ** 2
    return {
      coarse: 0.65 * coarse.steps * (coarse.batch / 4096) * size,
      detail: 14 * detail.epochs * size,
    }
  },
  usesEvidence: () => false,
  open: async (workshop) => openNetworks(workshop),
}

function openNetworks({ device, coarse, settings }: Workshop): Solver {
  const { networks } = settings
  const field = new SiderField(device, settings, coarse.frame)
  let coarseState = coarseStart(settings.seed)
  let coarseErrorMm = 0
  let work:
    | { trainer: DetailTrainer; look: () => ReturnType<FaceRenderer['render']>; dispose(): Promise<void> }
    | undefined
  const begun = () => {
    if (!work) throw new Error('the detail stage was not prepared')
    return work
  }
  return {
    async coarse({ signal, onStep }) {
      const { distanceError } = await trainCoarse(field, coarse, networks.coarse, coarseState, {
        signal,
        onStep: (step, steps, loss) => onStep?.({ step, steps, loss }),
      })
      coarseErrorMm = 1000 * distanceError
      return coarseState.losses
    },
    get coarseErrorMm() {
      return coarseErrorMm
    },
    async prepare(evidence) {
      const rays = makeRays(evidence, field.frame)
      const near = await coarse.sample(NEAR_POINTS, networks.coarse.sampleSigma, new Rng(settings.seed + 1))
      const trainer = await DetailTrainer.create(field, rays, near, networks.detail, settings.seed)
      const renderer = await FaceRenderer.create(field)
      work = {
        trainer,
        // on hits of its own: looking must not change what the training does next
        look: () => renderer.render(evidence.fit, { ...rays, t: rays.t.slice(), slope: rays.slope.slice() }),
        async dispose() {
          await trainer.dispose()
          await renderer.dispose()
        },
      }
    },
    detail: (options) => begun().trainer.run(options),
    settle: async () => {},
    get losses() {
      return begun().trainer.state.epochLosses
    },
    view: () => begun().look(),
    field: async () => field,
    async save() {
      if (!work) return { tensors: await field.save(), state: { ...coarseState } }
      const { tensors, state } = await work.trainer.save()
      return { tensors, state: { ...state, coarseErrorMm } }
    },
    restore({ tensors, state }) {
      if (!work) {
        field.restore(tensors)
        coarseState = state as unknown as CoarseState
        return
      }
      const { coarseErrorMm: error, ...rest } = state
      coarseErrorMm = error as number
      work.trainer.restore(tensors, rest as unknown as DetailState)
    },
    async dispose() {
      await work?.dispose()
      await field.dispose()
    },
  }
}
