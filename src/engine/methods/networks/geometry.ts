/**
 * The geometry network f_θ(φ(x)) → (sdf, γ) of SIDER: softplus(β) layers with a skip connection, geometric
 * initialisation (Atzmon & Lipman, SAL; IDR), value, normal ∇f and feature γ from one shared forward pass, and the exact
 * gradient of any loss on the three, second derivatives included.
 *
 * Why the derivative is written out here instead of being left to automatic differentiation: reverse mode applied to
 * reverse mode evaluates the network twice more and stores twice the tensors. By hand, a layer costs six matrix
 * products for everything, and the implicit term of the intersection (IDR, Eq. 8-10 of SIDER) costs none: ∂sdf/∂u of
 * every layer is already there from the normal. test/engine/methods/field.test.ts compares with finite differences and with tf.grads.
 *
 * Layers work on β-scaled activations H = β h, u = β z, for which softplus has no parameter:
 *   softplus(u) = relu(u) - log(max(s, 1 - s)),  s = sigmoid(u)
 * so that s, which the derivatives need, is all that is evaluated.
 */
import * as tf from '@tensorflow/tfjs-core'
import type { Initial, Tensors } from '../../compute/program.js'
import type { Rng } from '../../geometry/rng.js'
import type { Encoded, Encoding } from './encoding.js'

export interface GeometryShape {
  /** Linear layers, the output layer included. */
  layers: number
  width: number
  /** The layer (counted from 1) that sees the encoded input once more; 0 for none. */
  skip: number
  /** Length of γ; 0 for none. */
  feature: number
  /** Sharpness of softplus. */
  beta: number
}

/** Weights by name: w0 b0 w1 b1 ..., wSkip, wSdf bSdf, wFeature bFeature. Matrices are [in, out]. */
export type Weights = Tensors

/** What the backward pass needs of the forward pass. */
interface Tape {
  phi: Encoded
  /** sigmoid(u_l) and 1 - sigmoid(u_l), [n, width] */
  s: tf.Tensor2D[]
  q: tf.Tensor2D[]
  /** softplus(u_l) */
  h: tf.Tensor2D[]
  /** ∂sdf/∂H_l ([1, width] for the last: the same for every point) and ∂sdf/∂u_l */
  gH: tf.Tensor2D[]
  gU: tf.Tensor2D[]
  gPhi: tf.Tensor2D
}

export interface FieldSample {
  /** [n, 1] */
  sdf: tf.Tensor2D
  /** ∇f, not normalised, [n, 3] */
  normal: tf.Tensor2D
  /** γ of the first `featureRows` points, [featureRows, feature]; absent when the network or the caller has none. */
  feature: tf.Tensor2D | undefined
  tape: Tape
}

export interface FieldGradient {
  sdf: tf.Tensor2D
  normal: tf.Tensor2D
  feature?: tf.Tensor2D | undefined
}

/** The implicit differentiation of ray hits: x̂(θ) = c + t0 v - v f_θ(x0) / (∇f(x0)·v). */
export interface ImplicitHits {
  /** ∂loss/∂x̂ along all other ways than θ (the renderer's own use of x), [n, 3]; zero rows for points that are no hits. */
  position: tf.Tensor2D
  /** -v / (∇f(x0)·v), [n, 3], held constant; zero rows where it does not apply. */
  motion: tf.Tensor2D
}

const matmulT = (a: tf.Tensor2D, b: tf.Tensor2D): tf.Tensor2D => tf.matMul(a, b, false, true)
const outer = (a: tf.Tensor2D, b: tf.Tensor2D): tf.Tensor2D => tf.matMul(a, b, true, false)
const columnSum = (x: tf.Tensor2D): tf.Tensor1D => tf.sum(x, 0)

export class GeometryNetwork {
  private readonly hidden: number

  constructor(
    readonly shape: GeometryShape,
    readonly encoding: Encoding,
  ) {
    this.hidden = shape.layers - 1
  }

  /** Index of the hidden layer that has the skip connection, or -1. */
  private get skipAt(): number {
    return this.shape.skip > 1 && this.shape.skip <= this.hidden ? this.shape.skip - 1 : -1
  }

  /** Geometric initialisation: f starts as the signed distance of a sphere of `radius`. */
  initialise(radius: number, rng: Rng): Initial {
    const { width, feature } = this.shape
    const inputs = this.encoding.size
    const result: Initial = {}
    const matrix = (name: string, rows: number, columns: number, fill: (row: number) => number): void => {
      const data = new Float32Array(rows * columns)
      for (let i = 0; i < data.length; i++) data[i] = fill(Math.floor(i / columns))
      result[name] = { shape: [rows, columns], data }
    }
    const zeros = (name: string, n: number): void => {
      result[name] = { shape: [n], data: new Float32Array(n) }
    }
    const spread = Math.sqrt(2 / width)
    // The bands start switched off, so that the sphere is exact; they grow as the loss asks for them.
    const coordinatesOnly = (row: number): number => (row < 3 ? rng.normal() * spread : 0)
    for (let l = 0; l < this.hidden; l++) {
      matrix(`w${l}`, l === 0 ? inputs : width, width, l === 0 ? coordinatesOnly : () => rng.normal() * spread)
      zeros(`b${l}`, width)
    }
    if (this.skipAt >= 0) matrix('wSkip', inputs, width, () => 0)
    matrix('wSdf', width, 1, () => Math.sqrt(Math.PI / width) + 1e-4 * rng.normal())
    result['bSdf'] = { shape: [1], data: Float32Array.of(-radius) }
    if (feature > 0) {
      matrix('wFeature', width, feature, () => rng.normal() * spread)
      zeros('bFeature', feature)
    }
    return result
  }

  /** Value alone, for tracing: one product a layer and nothing that only derivatives need. `x` [n, 3] → [n, 1]. */
  sdf(w: Weights, x: tf.Tensor2D): tf.Tensor2D {
    const phi = this.encoding.encode(x)
    let h = phi.value
    for (let l = 0; l < this.hidden; l++) h = tf.softplus(this.preActivation(w, phi, h, l))
    return this.outputSdf(w, h)
  }

  /** Value, normal and feature of points x [n, 3] from one forward pass and one pass back. */
  sample(w: Weights, x: tf.Tensor2D, featureRows = 0): FieldSample {
    const phi = this.encoding.encode(x)
    const { s, q, h } = this.activations(w, phi)
    const last = this.hidden - 1
    const gH: tf.Tensor2D[] = new Array(this.hidden)
    const gU: tf.Tensor2D[] = new Array(this.hidden)
    gH[last] = tf.reshape(tf.mul(w['wSdf']!, 1 / this.shape.beta), [1, this.shape.width])
    for (let l = last; l >= 0; l--) {
      gU[l] = tf.mul(s[l]!, gH[l]!)
      if (l > 0) gH[l - 1] = matmulT(gU[l]!, w[`w${l}`] as tf.Tensor2D)
    }
    let gPhi = matmulT(gU[0]!, this.scaled(w, 'w0'))
    if (this.skipAt >= 0) gPhi = tf.add(gPhi, matmulT(gU[this.skipAt]!, this.scaled(w, 'wSkip')))
    const feature =
      featureRows > 0 && this.shape.feature > 0 ? this.outputFeature(w, rows(h[last]!, featureRows)) : undefined
    return {
      sdf: this.outputSdf(w, h[last]!),
      normal: this.encoding.pullBack(phi, gPhi),
      feature,
      tape: { phi, s, q, h, gH, gU, gPhi },
    }
  }

  /**
   * Gradients of a loss with respect to every weight, given its gradients with respect to value, normal and feature of
   * the points of `sample`. With `hits`, points move with θ as ray intersections do, and the loss's dependence on their
   * position (through φ(x) of the renderer, the normal and the feature) is included.
   */
  gradients(w: Weights, { tape, feature }: FieldSample, bar: FieldGradient, hits?: ImplicitHits): Weights {
    const { phi, s, q, h, gH, gU, gPhi } = tape
    const { beta, width } = this.shape
    const last = this.hidden - 1
    const result: Weights = {}
    const accumulate = (name: string, g: tf.Tensor): void => {
      result[name] = result[name] ? tf.add(g, result[name]!) : g
    }

    // Through the normal: its computation ran from the last layer to the first, so its derivative runs forward.
    const barPhi = this.encoding.pushForward(phi, bar.normal)
    const barS: tf.Tensor2D[] = new Array(this.hidden)
    let barG = barPhi
    for (let l = 0; l <= last; l++) {
      const name = `w${l}`
      const matrix = l === 0 ? this.scaled(w, name) : (w[name] as tf.Tensor2D)
      let barU = tf.matMul(barG, matrix)
      accumulate(name, l === 0 ? tf.mul(outer(barPhi, gU[0]!), beta) : outer(barG, gU[l]!))
      if (l === this.skipAt) {
        barU = tf.add(barU, tf.matMul(barPhi, this.scaled(w, 'wSkip')))
        accumulate('wSkip', tf.mul(outer(barPhi, gU[l]!), beta))
      }
      barS[l] = tf.mul(barU, gH[l]!)
      barG = tf.mul(barU, s[l]!)
    }
    accumulate('wSdf', tf.reshape(tf.mul(columnSum(barG), 1 / beta), [width, 1]))

    // Through value and feature, last layer to first.
    let barH = tf.mul(matmulT(bar.sdf, w['wSdf'] as tf.Tensor2D), 1 / beta) as tf.Tensor2D
    if (feature && bar.feature) {
      const fromFeature = tf.mul(matmulT(bar.feature, w['wFeature'] as tf.Tensor2D), 1 / beta) as tf.Tensor2D
      const missing = barH.shape[0] - fromFeature.shape[0]
      barH = tf.add(
        barH,
        missing > 0
          ? tf.pad2d(fromFeature, [
              [0, missing],
              [0, 0],
            ])
          : fromFeature,
      )
      accumulate('wFeature', tf.mul(outer(rows(h[last]!, fromFeature.shape[0]), bar.feature), 1 / beta))
      accumulate('bFeature', columnSum(bar.feature))
    }
    const barU: tf.Tensor2D[] = new Array(this.hidden)
    for (let l = last; l >= 0; l--) {
      barU[l] = tf.mul(s[l]!, tf.add(tf.mul(barS[l]!, q[l]!), barH))
      if (l > 0) barH = matmulT(barU[l]!, w[`w${l}`] as tf.Tensor2D)
    }

    // Through the position of the hits: ∂loss/∂x̂ · ∂x̂/∂f is one more gradient on the value, whose way through the
    // layers is gU.
    let barSdf = bar.sdf
    if (hits) {
      let barPhiX = matmulT(barU[0]!, this.scaled(w, 'w0'))
      if (this.skipAt >= 0) barPhiX = tf.add(barPhiX, matmulT(barU[this.skipAt]!, this.scaled(w, 'wSkip')))
      const fromField = tf.add(this.encoding.pullBack(phi, barPhiX), this.encoding.curvature(phi, gPhi, bar.normal))
      const barX = tf.add(hits.position, fromField)
      const moved = tf.sum(tf.mul(barX, hits.motion), 1, true) as tf.Tensor2D
      barSdf = tf.add(barSdf, moved)
      for (let l = 0; l <= last; l++) barU[l] = tf.add(barU[l]!, tf.mul(gU[l]!, moved))
    }

    accumulate('wSdf', tf.mul(outer(h[last]!, barSdf), 1 / beta))
    accumulate('bSdf', columnSum(barSdf))
    for (let l = 0; l <= last; l++) {
      accumulate(`w${l}`, l === 0 ? tf.mul(outer(phi.value, barU[0]!), beta) : outer(h[l - 1]!, barU[l]!))
      if (l === this.skipAt) accumulate('wSkip', tf.mul(outer(phi.value, barU[l]!), beta))
      accumulate(`b${l}`, tf.mul(columnSum(barU[l]!), beta))
    }
    return result
  }

  private activations(w: Weights, phi: Encoded): { s: tf.Tensor2D[]; q: tf.Tensor2D[]; h: tf.Tensor2D[] } {
    const s: tf.Tensor2D[] = []
    const q: tf.Tensor2D[] = []
    const h: tf.Tensor2D[] = []
    for (let l = 0; l < this.hidden; l++) {
      const u = this.preActivation(w, phi, l === 0 ? phi.value : h[l - 1], l)
      s[l] = tf.sigmoid(u)
      q[l] = tf.sub(1, s[l]!)
      h[l] = tf.sub(tf.relu(u), tf.log(tf.maximum(s[l]!, q[l]!)))
    }
    return { s, q, h }
  }

  /** u_l = β z_l from the layer's input: φ for the first layer, H_{l-1} = β h_{l-1} for the others. */
  private preActivation(w: Weights, phi: Encoded, input: tf.Tensor2D, l: number): tf.Tensor2D {
    const matrix = l === 0 ? this.scaled(w, 'w0') : (w[`w${l}`] as tf.Tensor2D)
    const u = tf.add(tf.matMul(input, matrix), this.scaled(w, `b${l}`)) as tf.Tensor2D
    return l === this.skipAt ? tf.add(tf.matMul(phi.value, this.scaled(w, 'wSkip')), u) : u
  }

  private outputSdf(w: Weights, h: tf.Tensor2D): tf.Tensor2D {
    return tf.add(tf.matMul(h, tf.mul(w['wSdf']!, 1 / this.shape.beta) as tf.Tensor2D), w['bSdf']!)
  }

  private outputFeature(w: Weights, h: tf.Tensor2D): tf.Tensor2D {
    return tf.add(tf.matMul(h, tf.mul(w['wFeature']!, 1 / this.shape.beta) as tf.Tensor2D), w['bFeature']!)
  }

  private scaled(w: Weights, name: string): tf.Tensor2D {
    return tf.mul(w[name]!, this.shape.beta)
  }
}

/** The first n rows of a matrix. */
export function rows(x: tf.Tensor2D, n: number): tf.Tensor2D {
  return n === x.shape[0] ? x : tf.slice2d(x, [0, 0], [n, x.shape[1]])
}
