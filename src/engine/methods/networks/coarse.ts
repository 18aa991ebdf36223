/** The coarse stage (Eqs. 4-7): f_θ learns the signed distance of the fitted face. */
import * as tf from '@tensorflow/tfjs-core'
import type { Settings } from '../../config.js'
import { Rng } from '../../geometry/rng.js'
import { adamUpdate, correctedRate } from '../../optimise/adam.js'
import { descend } from '../../optimise/descend.js'
import type { CoarseSamples } from '../method.js'
import type { SiderField } from './field.js'
import { eikonal, meanAbsolute } from './losses.js'

/** Points drawn at a time; batches walk through them, then a new pool is drawn. */
const POOL = 65536

/** Where the training stands; with the field's variables, all that going on needs. Survives JSON. */
export interface CoarseState {
  rateFactor: number
  /** Mean |f - SDF_GT| of the last steps, field units. */
  distanceError: number
  /** The training loss of each step done, field units. */
  losses: number[]
  /** The generator before it drew the present pool of points, and how many points of the pool are used up. */
  poolRng: number[]
  used: number
}

export const coarseStart = (seed: number): CoarseState => ({
  rateFactor: 1,
  distanceError: 0,
  losses: [],
  poolRng: new Rng(seed).getState(),
  used: 0,
})

export interface CoarseOptions {
  signal?: AbortSignal | undefined
  onStep?(step: number, steps: number, loss: number): Promise<void> | void
}

export interface CoarseResult {
  /** Mean |f - SDF_GT| of the last steps, metres. */
  distanceError: number
  /** Mean (‖∇f‖ - 1)² of the last steps. */
  eikonalError: number
}

/**
 * Trains the geometry network of `field` on `target` from `state`, which it keeps up to date: after an abort the field's
 * variables and `state` are what a checkpoint needs.
 * @throws SiderError DIVERGED when the loss is not a number twice; the last good state is then in place
 */
export async function trainCoarse(
  field: SiderField,
  target: Pick<CoarseSamples, 'sample'>,
  settings: Settings['networks']['coarse'],
  state: CoarseState,
  options: CoarseOptions = {},
): Promise<CoarseResult> {
  const { batch, steps, eikonalWeight, learningRate, sampleSigma } = settings
  const step = await field.device.compile(
    {
      name: 'coarse-step',
      inputs: { x: [batch, 3], distance: [batch, 1], rate: [] },
      body: (feeds, variables) => {
        const sample = field.geometry.sample(variables, feeds['x'] as tf.Tensor2D)
        const { value, grads } = tf.valueAndGrads((sdf: tf.Tensor, normal: tf.Tensor) => {
          const loss = tf.add(meanAbsolute(sdf, feeds['distance']), tf.mul(eikonal(normal), eikonalWeight))
          return loss as tf.Scalar
        })([sample.sdf, sample.normal])
        const [sdf, normal] = grads as [tf.Tensor2D, tf.Tensor2D]
        const gradients = field.geometry.gradients(variables, sample, { sdf, normal })
        return {
          outputs: { loss: value, distance: meanAbsolute(sample.sdf, feeds['distance']) },
          updates: adamUpdate(variables, gradients, feeds['rate']),
        }
      },
    },
    field.variables,
  )
  try {
    const poolSize = Math.max(POOL, batch)
    let rng = Rng.fromState(state.poolRng)
    let pool = await target.sample(poolSize, sampleSigma, rng)
    let distance = 0
    await descend({
      stage: 'coarse',
      rateSetting: 'networks.coarse.learningRate',
      lower: 1e-4,
      keepEvery: 100,
      state,
      stretches: () => state.losses.length,
      finished: () => state.losses.length >= steps,
      stretch: async () => {
        options.signal?.throwIfAborted()
        if (state.used + batch > poolSize) {
          state.poolRng = rng.getState()
          rng = Rng.fromState(state.poolRng)
          pool = await target.sample(poolSize, sampleSigma, rng)
          state.used = 0
        }
        const i = state.losses.length
        // The rate falls to a tenth over the last half: it settles the distances without slowing the start.
        const rate = state.rateFactor * learningRate * 10 ** -Math.max(0, (2 * i) / steps - 1)
        const result = await step.run({
          x: pool.points.subarray(3 * state.used, 3 * (state.used + batch)),
          distance: pool.distance.subarray(state.used, state.used + batch),
          rate: Float32Array.of(correctedRate(rate, i + 1)),
        })
        state.used += batch
        distance = result['distance'][0]
        return result['loss'][0]
      },
      accept: async (loss) => {
        const i = state.losses.push(loss)
        state.distanceError += i === 1 ? distance : 0.1 * (distance - state.distanceError)
        await options.onStep?.(i, steps, loss)
      },
      snapshot: async () => ({ weights: await field.variables.read(), state: structuredClone(state) }),
      goTo: async ({ weights, state: before }) => {
        field.variables.write(weights)
        Object.assign(state, structuredClone(before))
        rng = Rng.fromState(state.poolRng)
        pool = await target.sample(poolSize, sampleSigma, rng)
      },
    })
  } finally {
    await step.dispose()
  }
  const { losses, distanceError } = state
  const last = losses.slice(-20)
  const loss = last.reduce((a, b) => a + b, 0) / Math.max(1, last.length)
  return {
    distanceError: distanceError * field.frame.scale,
    eikonalError: Math.max(0, loss - distanceError) / Math.max(eikonalWeight, 1e-9),
  }
}
