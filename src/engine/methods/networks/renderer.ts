/** The rendering network g_ω(φ(x), n, φ(v), γ) → RGB: a ReLU MLP with sigmoid output; either input can be ablated. */
import * as tf from '@tensorflow/tfjs-core'
import type { Initial } from '../../compute/program.js'
import type { Rng } from '../../geometry/rng.js'
import type { Encoding } from './encoding.js'
import type { Weights } from './geometry.js'

export interface RendererShape {
  /** Linear layers, the output layer included. */
  layers: number
  width: number
  /** Length of γ; ignored without `useFeature`. */
  feature: number
  useFeature: boolean
  useNormal: boolean
}

export class RenderNetwork {
  readonly inputs: number

  constructor(
    readonly shape: RendererShape,
    readonly position: Encoding,
    readonly view: Encoding,
  ) {
    this.inputs = position.size + view.size + (shape.useNormal ? 3 : 0) + (shape.useFeature ? shape.feature : 0)
  }

  /** He initialisation; names r0, c0, r1, c1, ... (weights and biases). */
  initialise(rng: Rng): Initial {
    const { layers, width } = this.shape
    const result: Initial = {}
    for (let l = 0; l < layers; l++) {
      const rowsIn = l === 0 ? this.inputs : width
      const columns = l === layers - 1 ? 3 : width
      const spread = Math.sqrt((l === layers - 1 ? 1 : 2) / rowsIn)
      const data = new Float32Array(rowsIn * columns)
      for (let i = 0; i < data.length; i++) data[i] = rng.normal() * spread
      result[`r${l}`] = { shape: [rowsIn, columns], data }
      result[`c${l}`] = { shape: [columns], data: new Float32Array(columns) }
    }
    return result
  }

  /** Colour in 0..1, [rays, 3]. x, n (unit length) and v are [rays, 3]; γ [rays, feature]. */
  colour(w: Weights, x: tf.Tensor2D, n: tf.Tensor2D, v: tf.Tensor2D, feature: tf.Tensor2D | undefined): tf.Tensor2D {
    const parts = [this.position.encode(x).value, this.view.encode(v).value]
    if (this.shape.useNormal) parts.push(n)
    if (this.shape.useFeature && feature) parts.push(feature)
    let h = tf.concat2d(parts, 1)
    for (let l = 0; l < this.shape.layers; l++) {
      h = tf.add(tf.matMul(h, w[`r${l}`] as tf.Tensor2D), w[`c${l}`]!)
      h = l === this.shape.layers - 1 ? tf.sigmoid(h) : tf.relu(h)
    }
    return h
  }
}
