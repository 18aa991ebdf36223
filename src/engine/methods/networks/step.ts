/**
 * One step of the detail stage as a tensor program (Eqs. 8-10):
 *   |c - c_photo| + λ1 |f(x) - SDF_GT(x)| + λ2 (‖∇f‖ - 1)²
 * over ray hits (colour, eikonal) and points near the surface (distance, eikonal), for both networks at once. Ray hits move
 * with θ by implicit differentiation.
 */
import * as tf from '@tensorflow/tfjs-core'
import type { Program, Tensors } from '../../compute/program.js'
import type { Settings } from '../../config.js'
import { adamUpdate } from '../../optimise/adam.js'
import type { SiderField } from './field.js'
import { type ImplicitHits, rows } from './geometry.js'
import { eikonal, meanAbsolute, unitRows } from './losses.js'

/** Rays that graze the surface more than this do not move it: the implicit motion grows with 1 / (n·v). */
const GRAZING = -0.15

/**
 * Inputs: x [rays + points, 3] (hits first), view [rays, 3], colour [rays, 3], weight [rays, 1], distance [points, 1],
 * rate []. Outputs: loss, sdf [rays, 1], slope [rays, 1].
 */
export function detailStep(field: SiderField, settings: Settings['networks']['detail']): Program {
  const { rays, points, sdfWeight, eikonalWeight } = settings
  const { geometry, renderer } = field
  const colourNames = [...Array(renderer.shape.layers).keys()].flatMap((l) => [`r${l}`, `c${l}`])
  const useFeature = renderer.shape.useFeature

  const body = (feeds: Tensors, variables: Tensors) => {
    const x = feeds['x'] as tf.Tensor2D
    const view = feeds['view'] as tf.Tensor2D
    const sample = geometry.sample(variables, x, useFeature ? rays : 0)

    const loss = (...t: tf.Tensor[]) => {
      const [position, sdf, normal] = t as [tf.Tensor2D, tf.Tensor2D, tf.Tensor2D]
      const feature = useFeature ? (t[3] as tf.Tensor2D) : undefined
      const weights = Object.fromEntries(colourNames.map((name, i) => [name, t[t.length - colourNames.length + i]]))
      const colour = renderer.colour(weights, position, unitRows(rows(normal, rays)), view, feature)
      const error = tf.mul(tf.abs(tf.sub(colour, feeds['colour'])), feeds['weight'])
      const photometric = tf.div(tf.sum(error), tf.add(tf.mul(tf.sum(feeds['weight']), 3), 1e-6))
      const near = tf.slice2d(sdf, [rays, 0], [points, 1])
      const distance = tf.mul(meanAbsolute(near, feeds['distance']), sdfWeight)
      return tf.addN([photometric, tf.mul(eikonal(normal), eikonalWeight), distance]) as tf.Scalar
    }
    const hits = rows(x, rays)
    const arguments_ = [hits, sample.sdf, sample.normal, ...(sample.feature ? [sample.feature] : [])]
    const { value, grads } = tf.valueAndGrads(loss)([...arguments_, ...colourNames.map((name) => variables[name])])
    const [position, sdf, normal] = grads as [tf.Tensor2D, tf.Tensor2D, tf.Tensor2D]
    const feature = useFeature ? (grads[3] as tf.Tensor2D) : undefined

    const slope = tf.sum(tf.mul(rows(sample.normal, rays), view), 1, true) as tf.Tensor2D
    const implicit: ImplicitHits = {
      position: padRows(position, points),
      motion: padRows(tf.neg(tf.div(tf.mul(view, feeds['weight']), tf.minimum(slope, GRAZING))) as tf.Tensor2D, points),
    }
    const gradients = geometry.gradients(variables, sample, { sdf, normal, feature }, implicit)
    colourNames.forEach((name, i) => {
      gradients[name] = grads[grads.length - colourNames.length + i]
    })
    return {
      outputs: { loss: value, sdf: rows(sample.sdf, rays), slope },
      updates: adamUpdate(variables, gradients, feeds['rate']),
    }
  }
  return {
    name: 'detail-step',
    inputs: {
      x: [rays + points, 3],
      view: [rays, 3],
      colour: [rays, 3],
      weight: [rays, 1],
      distance: [points, 1],
      rate: [],
    },
    body,
  }
}

const padRows = (x: tf.Tensor2D, n: number): tf.Tensor2D =>
  tf.pad2d(x, [
    [0, n],
    [0, 0],
  ])
