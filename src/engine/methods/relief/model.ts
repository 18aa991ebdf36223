/**
 * The relief model as tensor programs. The surface is the coarse one moved along each pixel's ray: z(u, v) = z0 + d, which is
 * the intersection of the ray with the zero level of f(x) = f_coarse(x) + d(π(x)) cos θ in closed form, so there is nothing to
 * trace. d is a sum of cubic B-splines of halving spacing, so that folds and wrinkles converge at the same pace. The photo is
 * explained by albedo times shading; shading is linear in spherical harmonics of the exact normal, with coefficients that vary
 * linearly over the face (near lamps, soft shadows); log albedo is a spline too, whose steps (total variation) are priced, so
 * that spots and brows are paint and shading is shape.
 *
 * Values of pixels are rows, [channels, pixels]: channels then lie one behind the other in memory, so that taking them apart,
 * putting them together and weighing them by pixel are plain copies and products (interleaved, a step took twice as long).
 */
import * as tf from '@tensorflow/tfjs-core'
import type { Initial, Program, Tensors } from '../../compute/program.js'
import type { Settings } from '../../config.js'
import { type Arithmetic, HARMONICS, harmonicsOf } from '../../geometry/harmonics.js'
import { adamUpdate } from '../../optimise/adam.js'
import type { ReliefScene } from './scene.js'
import { pyramid, SplineSum } from './spline.js'

const GAMMA = 2.2
/** Added to the price of changes of colour where the photo is grey: there are none. */
const GREY = 20
/** Steps of albedo (price included) below this count as their squares, so that the loss is smooth. */
const SMALL = 1e-4
/**
 * The least weight of a pixel in the prices on albedo. Where the photo is not looked at, nothing else holds it: coefficients that
 * reach beyond the skin's border would run off and colour the border.
 */
const LEAST_PRICE = 0.1
/** Least light, linear. */
const DARKEST = 1e-3
/** Differences of normals well below this count as squares, well above by their size. */
const ROBUST = 0.1
/** Gradients of the settling surface that stand for no difference: those of a hundredth of a normal at the finest spline. */
const STILL = 2e-6
/** Price of a surface that goes up and down between pixels. */
const BETWEEN = 1
const TENSORS: Arithmetic<tf.Tensor> = {
  one: tf.onesLike,
  multiply: tf.mul,
  square: tf.square,
  subtract: tf.sub,
  scale: (factor, a) => tf.mul(factor, a),
}

/** Spherical harmonics up to order 2, times 1, u and v. */
const LIGHTS = 3 * HARMONICS

interface Geometry {
  /** [size, size] relief along the optical axis, metres, and its derivatives per pixel */
  relief: tf.Tensor2D
  du: tf.Tensor2D
  dv: tf.Tensor2D
  /** [1, pixels] */
  depth: tf.Tensor2D
  /** x, y, z of a unit vector in the camera frame, [1, pixels] each */
  normal: tf.Tensor2D[]
}

interface Look extends Geometry {
  /** [3, pixels] log albedo */
  albedo: tf.Tensor2D
  /** [3, pixels] linear light */
  shading: tf.Tensor2D
  /** [3, pixels] sRGB */
  colour: tf.Tensor2D
}

export class ReliefModel {
  /** Of the relief, and of each channel of the log albedo. */
  private readonly splines: SplineSum
  private readonly paint: SplineSum
  private readonly names: string[]
  /** Sum of the photometric weights, 1 at least. */
  private readonly total: number
  /** [3] the photo's mean colour, linear: light is counted in it, so that one learning rate suits dark photos and bright ones. */
  private readonly mean: number[]

  constructor(
    readonly scene: ReliefScene,
    readonly settings: Settings['relief'],
    readonly weights: Pick<Settings['evidence'], 'normalWeight' | 'albedoWeight'>,
  ) {
    this.splines = new SplineSum(scene.size, pyramid(scene.size, 4, settings.finest))
    this.paint = new SplineSum(scene.size, pyramid(scene.size, 8, settings.finest))
    this.total = Math.max(
      1,
      scene.weight.reduce((a, b) => a + b, 0),
    )
    this.mean = [DARKEST, DARKEST, DARKEST]
    scene.image.forEach((value, i) => {
      this.mean[i % 3] += (scene.weight[Math.floor(i / 3)] * value ** GAMMA) / this.total
    })
    this.names = Object.keys(this.initial())
  }

  /** Flat relief, grey albedo of 1, and ambient light of the photo's mean colour. */
  initial(): Initial {
    const result: Initial = {}
    for (const n of this.splines.levels) result[`d${n}`] = { shape: [n, n], data: new Float32Array(n * n) }
    for (const n of this.paint.levels) {
      for (let c = 0; c < 3; c++) result[`a${c}_${n}`] = { shape: [n, n], data: new Float32Array(n * n) }
    }
    const light = new Float32Array(LIGHTS * 3).fill(1, 0, 3)
    result['light'] = { shape: [LIGHTS, 3], data: light }
    return result
  }

  /** One optimiser step. Input: rate. Output: loss. */
  step(): Program {
    const body = (feeds: Tensors, variables: Tensors) => {
      const loss = (...values: tf.Tensor[]): tf.Scalar =>
        this.loss({ ...variables, ...Object.fromEntries(this.names.map((name, i) => [name, values[i]])) })
      const { value, grads } = tf.valueAndGrads(loss)(this.names.map((name) => variables[name]))
      const gradients = Object.fromEntries(this.names.map((name, i) => [name, grads[i]]))
      return {
        outputs: { loss: value },
        updates: adamUpdate(variables, gradients, feeds['rate']),
      }
    }
    return { name: 'relief-step', inputs: { rate: [] }, body }
  }

  /**
   * One step towards a surface of given normals; light and albedo stay. Inputs: rate, target [3, pixels]. Output: loss, the mean squared
   * difference on the face and the price of distance from the fitted head.
   */
  settle(): Program {
    const shape = this.names.filter((name) => name.startsWith('d'))
    const mask = Float32Array.from(this.scene.mask)
    const count = mask.reduce((a, b) => a + b, 0)
    const body = (feeds: Tensors, variables: Tensors) => {
      const loss = (values: tf.Tensor[]): tf.Scalar => {
        const geometry = this.geometry(Object.fromEntries(shape.map((name, i) => [name, values[i]])))
        const { normal, relief } = geometry
        const squares = tf.square(tf.sub(tf.concat2d(normal, 0), feeds['target']))
        // Normals say nothing of how far away a surface is.
        const off = tf.mul(tf.mean(tf.square(tf.mul(relief, 1000))), this.settings.distanceWeight)
        const seen = tf.div(tf.sum(tf.mul(squares, this.rows(mask))), Math.max(1, count))
        return tf.addN([seen, off, this.between(geometry)] as tf.Scalar[]) as tf.Scalar
      }
      const { value, grads } = tf.valueAndGrads((...values: tf.Tensor[]) => loss(values))(
        shape.map((name) => variables[name]),
      )
      const gradients = Object.fromEntries(shape.map((name, i) => [name, grads[i]]))
      return { outputs: { loss: value }, updates: adamUpdate(variables, gradients, feeds['rate'], STILL) }
    }
    return { name: 'relief-settle', inputs: { rate: [], target: [3, this.scene.size ** 2] }, body }
  }

  /** What the crop looks like now. Outputs: relief, depth, normal, colour, shading, albedo. */
  view(): Program {
    const body = (_: Tensors, variables: Tensors) => {
      const { relief, depth, normal, colour, shading, albedo } = this.look(variables)
      const interleaved = (x: tf.Tensor2D): tf.Tensor2D => tf.transpose(x)
      return {
        outputs: {
          relief,
          depth,
          normal: interleaved(tf.concat2d(normal, 0)),
          colour: interleaved(colour),
          shading: interleaved(tf.pow(shading, 1 / GAMMA)),
          albedo: interleaved(tf.exp(albedo)),
        },
      }
    }
    return { name: 'relief-view', inputs: {}, body }
  }

  private geometry(variables: Tensors): Geometry {
    const { size, pixel, camera, depth: z0, slope, offset } = this.scene
    const row = (image: tf.Tensor): tf.Tensor2D => tf.reshape(image, [1, size * size])
    // Coefficients are slopes: a level's amplitude grows with its spacing, so one learning rate suits all.
    const bumps = [this.splines.levels.map((n) => tf.mul(variables[`d${n}`], (size / n) * pixel) as tf.Tensor2D)]
    const relief = this.splines.images(bumps)
    const du = this.splines.images(bumps, 'value', 'slope')
    const dv = this.splines.images(bumps, 'slope', 'value')
    const depth: tf.Tensor2D = tf.add(this.rows(z0), row(relief))
    const zu: tf.Tensor2D = tf.add(this.rows(slope, 0), row(du))
    const zv: tf.Tensor2D = tf.add(this.rows(slope, 1), row(dv))
    const toCamera = tf.addN([depth, tf.mul(this.rows(offset, 0), zu), tf.mul(this.rows(offset, 1), zv)])
    const raw = [tf.mul(zu, camera.fx), tf.mul(zv, camera.fy), tf.neg(toCamera)]
    const length = tf.sqrt(tf.addN(raw.map((c) => tf.square(c))))
    const normal = raw.map((c) => tf.div(c, length) as tf.Tensor2D)
    return { relief, du, dv, depth, normal }
  }

  private look(variables: Tensors): Look {
    const geometry = this.geometry(variables)
    const { size } = this.scene
    const shading = this.shading(geometry.normal, variables['light'])
    const paint = [0, 1, 2].map((c) => this.paint.levels.map((n) => variables[`a${c}_${n}`] as tf.Tensor2D))
    const albedo: tf.Tensor2D = tf.reshape(this.paint.images(paint), [3, size * size])
    // the root in logarithms: exp and log are vectorised everywhere, powers are not
    const logarithm = tf.maximum(tf.add(tf.log(shading), albedo), Math.log(1e-4))
    const colour: tf.Tensor2D = tf.exp(tf.mul(logarithm, 1 / GAMMA))
    return { ...geometry, albedo, shading, colour }
  }

  /** [3, pixels] light on normals: for each colour, harmonics times coefficients that vary linearly over the face. */
  private shading(normal: tf.Tensor2D[], light: tf.Tensor): tf.Tensor2D {
    // [places and harmonics, colours] to [places and colours, harmonics]
    const turned = tf.transpose(tf.reshape(tf.mul(light, this.mean), [3, HARMONICS, 3]), [0, 2, 1])
    const terms = tf.matMul(tf.reshape(turned, [9, HARMONICS]) as tf.Tensor2D, this.harmonics(normal))
    const [even, ...slopes] = tf.split(terms, 3, 0) as tf.Tensor2D[]
    return tf.maximum(tf.addN([even, ...this.places().map((p, k) => tf.mul(slopes[k], p))]), DARKEST)
  }

  /** Channels of an interleaved image as rows, [channels, pixels], or one of them, [1, pixels]. */
  private rows(image: Float32Array, channel?: number): tf.Tensor2D {
    const pixels = this.scene.size ** 2
    const channels = image.length / pixels
    const wanted = channel === undefined ? [...Array(channels).keys()] : [channel]
    const data = new Float32Array(wanted.length * pixels)
    wanted.forEach((c, r) => {
      for (let i = 0; i < pixels; i++) data[r * pixels + i] = image[i * channels + c]
    })
    return tf.tensor2d(data, [wanted.length, pixels])
  }

  /** Where pixels are in the crop: across and down, about -1..1, [1, pixels] each. */
  private places(): tf.Tensor2D[] {
    const { size, offset } = this.scene
    return [0, 1].map((k) => {
      const centred = offset.filter((_, i) => i % 2 === k)
      const mean = centred.reduce((a, b) => a + b, 0) / centred.length
      return tf.tensor2d(
        centred.map((o) => (o - mean) / (size / 2)),
        [1, size * size],
      )
    })
  }

  /** [9, pixels] harmonics of the normals, less what the head hides. */
  private harmonics([x, y, z]: tf.Tensor2D[]): tf.Tensor2D {
    const terms = harmonicsOf<tf.Tensor>(x, y, z, TENSORS) as tf.Tensor2D[]
    return tf.add(tf.concat2d(terms, 0), this.rows(this.scene.occlusion))
  }

  private loss(variables: Tensors): tf.Scalar {
    const { size, pixel, weight, image, colourful } = this.scene
    const { albedoWeight, albedoSpread, distanceWeight, slopeWeight, curvatureWeight } = this.settings
    const chromaWeight = this.settings.chromaWeight + GREY * (1 - colourful)
    const look = this.look(variables)
    const { relief, colour, albedo, normal, du, dv } = look
    const weights = this.rows(weight)
    const error = softAbs(tf.sub(colour, this.rows(image)))
    const photometric = tf.div(tf.sum(tf.mul(error, weights)), 3 * this.total) as tf.Scalar
    const [r, g, b] = tf.split(albedo, 3, 0).map((channel) => tf.reshape(channel, [size, size]))
    // Blood and melanin take green and blue light away before red: of skin's paint, red shows least.
    const variation = this.variation([
      [r, albedoWeight],
      [tf.sub(r, g), chromaWeight],
      [tf.sub(tf.add(r, g), tf.mul(2, b)), chromaWeight],
    ])
    const spread = tf.div(tf.sum(tf.mul(tf.square(albedo), this.rows(weight.map(priced)))), this.total)
    const squares = (...xs: tf.Tensor[]): tf.Tensor =>
      tf.div(tf.addN(xs.map((x) => tf.mean(tf.square(x)))), pixel * pixel)
    return tf.addN([
      photometric,
      variation,
      tf.mul(spread, albedoSpread),
      tf.mul(tf.mean(tf.square(tf.mul(relief, 1000))), distanceWeight),
      tf.mul(squares(du, dv), slopeWeight),
      tf.mul(squares(stepX(du), stepX(dv), stepY(dv)), curvatureWeight),
      this.between(look),
      ...this.expectations(normal, albedo),
    ] as tf.Scalar[]) as tf.Scalar
  }

  /**
   * Price of steps from pixel to pixel that are not the mean of the slopes at both. Light, normals and smoothness are looked at in the
   * middle of pixels, where a spline that goes up and down with every pixel is level: nothing else would hold it.
   */
  private between({ relief, du, dv }: Geometry): tf.Tensor {
    const [size, pixels] = [this.scene.size, this.scene.size - 1]
    const mean = (slope: tf.Tensor, x: 0 | 1): tf.Tensor => {
      const part: [number, number] = x ? [size, pixels] : [pixels, size]
      return tf.mul(tf.add(tf.slice(slope, [0, 0], part), tf.slice(slope, x ? [0, 1] : [1, 0], part)), 0.5)
    }
    const off = [tf.sub(stepX(relief), mean(du, 1)), tf.sub(stepY(relief), mean(dv, 0))]
    return tf.mul(tf.addN(off.map((x) => tf.mean(tf.square(x)))), BETWEEN / this.scene.pixel ** 2)
  }

  /** Prices of the distance from what learned evidence expects of normals and albedo. */
  private expectations(normal: tf.Tensor2D[], albedo: tf.Tensor2D): tf.Tensor[] {
    const { expected, weight } = this.scene
    if (!expected) return []
    const { normalWeight, albedoWeight } = this.weights
    const terms: tf.Tensor[] = []
    if (normalWeight > 0) {
      const { confidence, normals } = expected
      const total = confidence.reduce((a, b) => a + b, 0) + 1e-6
      const squares = tf.sum(tf.square(tf.sub(tf.concat2d(normal, 0), this.rows(normals))), 0, true)
      // Robust: what the photo tells clearly may differ.
      const distance = tf.sqrt(tf.add(squares, ROBUST * ROBUST))
      terms.push(tf.mul(tf.sum(tf.mul(distance, this.rows(confidence))), normalWeight / total))
    }
    if (albedoWeight > 0) {
      const weights = this.rows(weight)
      const difference = tf.sub(albedo, this.rows(expected.albedo))
      // The network does not know how bright the light is.
      const mean = tf.div(tf.sum(tf.mul(difference, weights), 1, true), this.total)
      const off = tf.sub(difference, mean)
      terms.push(tf.mul(tf.sum(tf.mul(tf.square(off), weights)), albedoWeight / (3 * this.total)))
    }
    return terms
  }

  /**
   * Joint total variation of weighted images: the length of all their steps at a pixel together. Where colour changes, a change
   * of brightness costs little; where all colours change alike, it is rather shape.
   */
  private variation(images: [tf.Tensor, number][]): tf.Tensor {
    const { size, weight, paint } = this.scene
    const inner: [number, number] = [size - 1, size - 1]
    const squares = images.flatMap(([image, price]) =>
      [tf.slice(stepX(image), [0, 0], inner), tf.slice(stepY(image), [0, 0], inner)].map((d) =>
        tf.mul(tf.square(d), price * price),
      ),
    )
    const steps = tf.sqrt(tf.add(tf.addN(squares), SMALL * SMALL))
    const price = tf.slice(
      tf.tensor2d(
        weight.map((w, i) => priced(w) * paint[i]),
        [size, size],
      ),
      [0, 0],
      inner,
    )
    return tf.div(tf.sum(tf.mul(steps, price)), this.total)
  }
}

const priced = (weight: number): number => Math.max(weight, LEAST_PRICE)

const softAbs = (x: tf.Tensor): tf.Tensor => tf.sqrt(tf.add(tf.square(x), 1e-6))

/** Differences to the right and to the lower neighbour. */
function stepX(x: tf.Tensor): tf.Tensor {
  const [h, w] = x.shape as [number, number]
  return tf.sub(tf.slice(x, [0, 1], [h, w - 1]), tf.slice(x, [0, 0], [h, w - 1]))
}
function stepY(x: tf.Tensor): tf.Tensor {
  const [h, w] = x.shape as [number, number]
  return tf.sub(tf.slice(x, [1, 0], [h - 1, w]), tf.slice(x, [0, 0], [h - 1, w]))
}
