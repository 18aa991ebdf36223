/**
 * Both networks of SIDER about a surface that is known already. The field is f(x) = f_0(x) + a r_θ(φ(x)): f_0 is the distance to the
 * relief's surface, r_θ the geometry network, which begins at 0. The rendering network g_ω(φ(x), n, φ(v), γ) begins with nothing. It
 * sees positions through few bands: what changes within millimetres it can explain by normals alone, and so it becomes shape.
 *
 * Along a ray f_0 is linear near the surface, f_0(c + t v) = (t - t_0) n_0·v: the relief does not change along a ray, and distances
 * are flat over the tenths of a millimetre in question.
 */
import * as tf from '@tensorflow/tfjs-core'
import type { Initial, Program, Tensors } from '../../compute/program.js'
import type { Settings } from '../../config.js'
import { Rng } from '../../geometry/rng.js'
import { adamUpdate } from '../../optimise/adam.js'
import { Encoding } from '../networks/encoding.js'
import { GeometryNetwork } from '../networks/geometry.js'
import { eikonal, unitRows } from '../networks/losses.js'
import { RenderNetwork } from '../networks/renderer.js'

/** a: field units for one unit of r, so that one learning rate suits both networks. */
export const AMPLITUDE = 0.1
/** The implicit motion of rays that graze the surface more than this is held: it grows with 1 / (n·v). */
const GRAZING = -0.15
/** Octaves of the encoding of view directions: on one photo they differ little. */
const VIEW_BANDS = 1
/** Spread of the first biases: without, all units would bend at the field's centre. */
const BIAS = 0.1
/** Differences of normals well below this count as squares, well above by their size. */
const ROBUST = 0.1

export class NeuralModel {
  readonly geometry: GeometryNetwork
  readonly renderer: RenderNetwork
  private readonly colourNames: string[]

  constructor(private readonly settings: Pick<Settings, 'neural' | 'seed'>) {
    const { geometry, renderer } = settings.neural
    this.geometry = new GeometryNetwork({ ...geometry, skip: 0 }, new Encoding(geometry.bands, Math.PI))
    this.renderer = new RenderNetwork(
      { ...renderer, feature: geometry.feature },
      new Encoding(renderer.bands, Math.PI),
      new Encoding(VIEW_BANDS, 1),
    )
    this.colourNames = [...Array(renderer.layers).keys()].flatMap((l) => [`r${l}`, `c${l}`])
  }

  /** Weights of both; r is 0 everywhere, and its first layer sees all bands. */
  initial(): Initial {
    const rng = new Rng(this.settings.seed)
    const weights = { ...this.geometry.initialise(0, rng), ...this.renderer.initialise(rng) }
    const spread = Math.sqrt(2 / this.geometry.encoding.size)
    const drawn = (name: string, sigma: number): void => {
      const { shape, data } = weights[name]!
      weights[name] = { shape, data: data.map(() => sigma * rng.normal()) }
    }
    drawn('w0', spread)
    for (let l = 0; l < this.settings.neural.geometry.layers - 1; l++) drawn(`b${l}`, BIAS)
    for (const name of ['wSdf', 'bSdf']) drawn(name, 0)
    return weights
  }

  /**
   * One step of both networks at ray hits (Eqs. 8-10, with what learned evidence expects of normals as a weak prior).
   *
   * Inputs of n rays: x [n, 3], view [n, 3] their directions, base [n, 3] the relief's unit normals, colour [n, 3], weight [n, 1],
   * expected [n, 3] unit normals, confidence [n, 1], and the rates of both networks. Outputs: loss, offset [n, 1] = a r(x).
   */
  step(): Program {
    const { rays, eikonalWeight, distanceWeight, normalWeight } = this.settings.neural
    const useFeature = this.renderer.shape.useFeature
    const body = (feeds: Tensors, variables: Tensors) => {
      const [x, view, base] = [feeds['x'], feeds['view'], feeds['base']] as tf.Tensor2D[]
      const sample = this.geometry.sample(variables, x, useFeature ? rays : 0)
      const loss = (...t: tf.Tensor[]) => {
        const [position, offset, gradient] = t as [tf.Tensor2D, tf.Tensor2D, tf.Tensor2D]
        const feature = useFeature ? (t[3] as tf.Tensor2D) : undefined
        const first = t.length - this.colourNames.length
        const weights = Object.fromEntries(this.colourNames.map((name, i) => [name, t[first + i]]))
        const slopes = tf.add(base, tf.mul(gradient, AMPLITUDE)) as tf.Tensor2D
        const normal = unitRows(slopes)
        const colour = this.renderer.colour(weights, position, normal, view, feature)
        const error = softAbs(tf.sub(colour, feeds['colour']))
        return tf.addN([
          tf.div(weighted(error, feeds['weight']), 3),
          tf.mul(eikonal(slopes), eikonalWeight),
          tf.mul(tf.mean(softAbs(tf.mul(offset, AMPLITUDE))), distanceWeight),
          tf.mul(weighted(distance(normal, feeds['expected'] as tf.Tensor2D), feeds['confidence']), normalWeight),
        ] as tf.Scalar[]) as tf.Scalar
      }
      const inputs = [x, sample.sdf, sample.normal, ...(sample.feature ? [sample.feature] : [])]
      const { value, grads } = tf.valueAndGrads(loss)([...inputs, ...this.colourNames.map((name) => variables[name])])
      const [position, sdf, normal] = grads as [tf.Tensor2D, tf.Tensor2D, tf.Tensor2D]
      const slope = tf.sum(tf.mul(tf.add(base, tf.mul(sample.normal, AMPLITUDE)), view), 1, true)
      const motion = tf.mul(tf.div(view, tf.minimum(slope, GRAZING)), -AMPLITUDE) as tf.Tensor2D
      const feature = useFeature ? (grads[3] as tf.Tensor2D) : undefined
      const shape = this.geometry.gradients(variables, sample, { sdf, normal, feature }, { position, motion })
      const ofColours = grads.slice(-this.colourNames.length)
      const colours = Object.fromEntries(this.colourNames.map((name, i) => [name, ofColours[i]]))
      return {
        outputs: { loss: value, offset: tf.mul(sample.sdf, AMPLITUDE) },
        updates: {
          ...adamUpdate(variables, shape, feeds['shapeRate']),
          ...adamUpdate(variables, colours, feeds['colourRate']),
        },
      }
    }
    const wide = (n: number): [number, number] => [rays, n]
    return {
      name: 'neural-step',
      inputs: {
        x: wide(3),
        view: wide(3),
        base: wide(3),
        colour: wide(3),
        weight: wide(1),
        expected: wide(3),
        confidence: wide(1),
        shapeRate: [],
        colourRate: [],
      },
      body,
    }
  }

  /** a r and its gradient at points. Input: x [n, 3]. Outputs: offset [n, 1], gradient [n, 3]. */
  surface(n: number): Program {
    return {
      name: 'neural-surface',
      inputs: { x: [n, 3] },
      body: ({ x }, w) => {
        const { sdf, normal } = this.geometry.sample(w, x as tf.Tensor2D)
        return { outputs: { offset: tf.mul(sdf, AMPLITUDE), gradient: tf.mul(normal, AMPLITUDE) } }
      },
    }
  }

  /** What a surface looks like. Inputs: x [n, 3], normal [n, 3] unit, view [n, 3]. Output: colour [n, 3] sRGB. */
  colour(n: number): Program {
    return {
      name: 'neural-colour',
      inputs: { x: [n, 3], normal: [n, 3], view: [n, 3] },
      body: (feeds, w) => {
        const [x, normal, view] = [feeds['x'], feeds['normal'], feeds['view']] as tf.Tensor2D[]
        const feature = this.renderer.shape.useFeature ? this.geometry.sample(w, x, n).feature : undefined
        return { outputs: { colour: this.renderer.colour(w, x, normal, view, feature) } }
      },
    }
  }
}

const softAbs = (x: tf.Tensor): tf.Tensor => tf.sqrt(tf.add(tf.square(x), 1e-6))

/** Sum of rows' values times weights [n, 1], over the sum of weights. */
const weighted = (values: tf.Tensor, weights: tf.Tensor): tf.Tensor =>
  tf.div(tf.sum(tf.mul(values, weights)), tf.add(tf.sum(weights), 1e-6))

/** Robust distance of unit normals, [n, 1]: what the photo tells clearly may differ. */
const distance = (a: tf.Tensor2D, b: tf.Tensor2D): tf.Tensor =>
  tf.sqrt(tf.add(tf.sum(tf.square(tf.sub(a, b)), 1, true), ROBUST * ROBUST))
