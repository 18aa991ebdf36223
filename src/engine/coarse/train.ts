/** The coarse stage (Eqs. 4-7): f_θ learns the signed distance of the fitted face. */
import * as tf from '@tensorflow/tfjs-core'
import type { Settings } from '../config.js'
import { adamUpdate, correctedRate } from '../field/adam.js'
import type { SiderField } from '../field/field.js'
import { eikonal, meanAbsolute } from '../field/losses.js'
import type { Rng } from '../geometry/rng.js'
import type { Inspector } from '../inspect.js'
import type { CoarseTarget } from './target.js'

/** Points drawn at a time; batches walk through them, then a new pool is drawn. */
const POOL = 65536

export interface CoarseOptions {
  rng: Rng
  signal?: AbortSignal | undefined
  inspector?: Inspector | undefined
  onStep?(step: number, steps: number, loss: number): void
}

export interface CoarseResult {
  /** Mean |f - SDF_GT| of the last steps, metres. */
  distanceError: number
  /** Mean (‖∇f‖ - 1)² of the last steps. */
  eikonalError: number
  /** [steps] the training loss, field units. */
  losses: Float32Array
}

/** Trains the geometry network of `field` on `target`. */
export async function trainCoarse(
  field: SiderField,
  target: CoarseTarget,
  settings: Settings['coarse'],
  options: CoarseOptions,
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
  const losses = new Float32Array(steps)
  let distanceError = 0
  const poolSize = Math.max(POOL, batch)
  let pool = target.sample(poolSize, sampleSigma, options.rng)
  let at = 0
  for (let i = 0; i < steps; i++) {
    options.signal?.throwIfAborted()
    if (at + batch > pool.distance.length) {
      pool = target.sample(poolSize, sampleSigma, options.rng)
      at = 0
    }
    // The rate falls to a tenth over the last half: it settles the distances without slowing the start.
    const decay = 10 ** -Math.max(0, (2 * i) / steps - 1)
    const result = await step.run({
      x: pool.points.subarray(3 * at, 3 * (at + batch)),
      distance: pool.distance.subarray(at, at + batch),
      rate: Float32Array.of(correctedRate(learningRate * decay, i + 1)),
    })
    at += batch
    losses[i] = result['loss'][0]
    distanceError += i === 0 ? result['distance'][0] : 0.1 * (result['distance'][0] - distanceError)
    options.onStep?.(i + 1, steps, losses[i])
  }
  await step.dispose()
  const last = losses.subarray(Math.max(0, steps - 20))
  const loss = last.reduce((a, b) => a + b, 0) / Math.max(1, last.length)
  return {
    distanceError: distanceError * field.frame.scale,
    eikonalError: Math.max(0, loss - distanceError) / Math.max(eikonalWeight, 1e-9),
    losses,
  }
}
