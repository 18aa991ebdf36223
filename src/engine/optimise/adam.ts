/** Adam (Kingma & Ba 2015) as tensor operations, to be part of a compiled step. */
import * as tf from '@tensorflow/tfjs-core'
import type { Initial, Tensors } from '../compute/program.js'

const BETA1 = 0.9
const BETA2 = 0.999
const EPSILON = 1e-8

const first = (name: string): string => `${name}/m`
const second = (name: string): string => `${name}/v`

/** Whether a variable of that name is one of Adam's moments rather than a weight. */
export const isMoment = (name: string): boolean => /\/[mv]$/.test(name)

/** Weights plus zeroed first and second moments. */
export function withMoments(weights: Initial): Initial {
  const result: Initial = { ...weights }
  for (const [name, { shape, data }] of Object.entries(weights)) {
    for (const moment of [first(name), second(name)]) result[moment] = { shape, data: new Float32Array(data.length) }
  }
  return result
}

/** The learning rate with Adam's bias correction for step t = 1, 2, ... */
export const correctedRate = (learningRate: number, t: number): number =>
  (learningRate * Math.sqrt(1 - BETA2 ** t)) / (1 - BETA1 ** t)

/**
 * New weights and moments. `rate` is a scalar tensor from `correctedRate`.
 * @param epsilon gradients well below it hardly move anything: Adam would make full steps of rounding errors
 */
export function adamUpdate(variables: Tensors, gradients: Tensors, rate: tf.Tensor, epsilon = EPSILON): Tensors {
  const updates: Tensors = {}
  for (const [name, g] of Object.entries(gradients)) {
    const m = tf.add(tf.mul(variables[first(name)]!, BETA1), tf.mul(g, 1 - BETA1))
    const v = tf.add(tf.mul(variables[second(name)]!, BETA2), tf.mul(tf.square(g), 1 - BETA2))
    const step = tf.div(m, tf.add(tf.sqrt(v), epsilon))
    updates[first(name)] = m
    updates[second(name)] = v
    updates[name] = tf.sub(variables[name]!, tf.mul(step, rate))
  }
  return updates
}
