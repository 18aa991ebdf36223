/**
 * The relief model as tensor programs. The surface is the coarse one moved along each pixel's ray: z(u, v) = z0 + d, which is
 * the intersection of the ray with the zero level of f(x) = f_coarse(x) + d(π(x)) cos θ in closed form, so there is nothing to
 * trace. d is a sum of cubic B-splines of halving spacing, so that folds and wrinkles converge at the same pace. The photo is
 * explained by albedo times shading; shading is linear in spherical harmonics of the exact normal, with coefficients that vary
 * linearly over the face (near lamps, soft shadows); log albedo is a spline too, whose steps (total variation) are priced, so
 * that spots and brows are paint and shading is shape.
 */
import * as tf from '@tensorflow/tfjs-core'
import type { Program, Tensors } from '../../compute/program.js'
import type { Settings } from '../../config.js'
import { adamUpdate } from '../../field/adam.js'
import type { Initial } from '../../field/geometry.js'
import { HARMONICS } from './occlusion.js'
import type { ReliefScene } from './scene.js'
import { pyramid, splineMatrices } from './spline.js'

const GAMMA = 2.2
/** Errors of linear light above this are outliers to the light. */
const ROBUST = 0.02
/** Steps of albedo (price included) below this count as their squares, so that the loss is smooth. */
const SMALL = 1e-4
/** Spherical harmonics up to order 2, times 1, u and v. */
export const LIGHTS = 3 * HARMONICS

interface Look {
  /** [size, size] relief along the optical axis, metres, and its derivatives per pixel */
  relief: tf.Tensor2D
  du: tf.Tensor2D
  dv: tf.Tensor2D
  depth: tf.Tensor2D
  /** [pixels, 3] unit, camera frame */
  normal: tf.Tensor2D
  /** 3 x [size, size] log albedo */
  albedo: tf.Tensor2D[]
  /** [pixels, 3] linear light */
  shading: tf.Tensor2D
  /** [pixels, 3] sRGB */
  colour: tf.Tensor2D
}

export class ReliefModel {
  private readonly levels: number[]
  private readonly albedoLevels: number[]
  private readonly names: string[]
  /** Sum of the photometric weights, never 0. */
  private readonly total: number

  constructor(
    readonly scene: ReliefScene,
    readonly settings: Settings['relief'],
  ) {
    this.levels = pyramid(scene.size, 4, settings.finest)
    this.albedoLevels = pyramid(scene.size, 8, settings.finest)
    this.total = scene.weight.reduce((a, b) => a + b, 0) + 1e-6
    this.names = Object.keys(this.initial())
  }

  /** Flat relief, grey albedo of 1, and ambient light of the photo's mean colour. */
  initial(): Initial {
    const { weight, image } = this.scene
    const result: Initial = {}
    for (const n of this.levels) result[`d${n}`] = { shape: [n, n], data: new Float32Array(n * n) }
    for (const n of this.albedoLevels) {
      for (let c = 0; c < 3; c++) result[`a${c}_${n}`] = { shape: [n, n], data: new Float32Array(n * n) }
    }
    const light = new Float32Array(LIGHTS * 3)
    image.forEach((value, i) => {
      light[i % 3] += (weight[Math.floor(i / 3)] * value ** GAMMA) / this.total
    })
    result['light'] = { shape: [LIGHTS, 3], data: light }
    return result
  }

  /** One optimiser step. Input: rate. Outputs: loss, photometric. */
  step(): Program {
    const body = (feeds: Tensors, variables: Tensors) => {
      const terms = (values: tf.Tensor[]): { loss: tf.Scalar; photometric: tf.Scalar } =>
        this.loss({ ...variables, ...Object.fromEntries(this.names.map((name, i) => [name, values[i]])) })
      const start = this.names.map((name) => variables[name])
      const { value, grads } = tf.valueAndGrads((...values: tf.Tensor[]) => terms(values).loss)(start)
      const gradients = Object.fromEntries(this.names.map((name, i) => [name, grads[i]]))
      return {
        outputs: { loss: value, photometric: terms(start).photometric },
        updates: adamUpdate(variables, gradients, feeds['rate']),
      }
    }
    return { name: 'relief-step', inputs: { rate: [] }, body }
  }

  /**
   * The normal equations of the light that explains the photo best in linear light, with the surface and albedo as they are;
   * pixels that the present light explains badly (brows, shadows) count less. Outputs: gram [27, 27], right [27, 3].
   */
  lightEquations(): Program {
    const { size, weight, image } = this.scene
    const body = (_: Tensors, variables: Tensors) => {
      const { normal, albedo, shading } = this.look(variables)
      const target = tf.div(tf.pow(tf.tensor2d(image, [size * size, 3]), GAMMA), tf.exp(this.rgb(albedo)))
      const error = tf.mean(tf.abs(tf.sub(target, shading)), 1, true)
      const robust = tf.div(tf.tensor2d(weight, [size * size, 1]), tf.add(error, ROBUST))
      const basis = this.harmonics(normal)
      const weighted = tf.mul(basis, robust)
      return {
        outputs: { gram: tf.matMul(weighted, basis, true), right: tf.matMul(weighted, target as tf.Tensor2D, true) },
      }
    }
    return { name: 'relief-light', inputs: {}, body }
  }

  /** What the crop looks like now. Outputs: relief, depth, normal, colour, shading, albedo. */
  view(): Program {
    const body = (_: Tensors, variables: Tensors) => {
      const { relief, depth, normal, colour, shading, albedo } = this.look(variables)
      return {
        outputs: {
          relief,
          depth,
          normal,
          colour,
          shading: tf.pow(shading, 1 / GAMMA),
          albedo: tf.exp(this.rgb(albedo)),
        },
      }
    }
    return { name: 'relief-view', inputs: {}, body }
  }

  private spline(
    variables: Tensors,
    name: string,
    n: number,
  ): { value: tf.Tensor2D; du: tf.Tensor2D; dv: tf.Tensor2D } {
    const { size } = this.scene
    const { value, slope } = splineMatrices(size, n)
    const u = tf.tensor2d(value, [size, n])
    const s = tf.tensor2d(slope, [size, n])
    const coefficients = variables[name] as tf.Tensor2D
    const across: tf.Tensor2D = tf.matMul(u, coefficients)
    return {
      value: tf.matMul(across, u, false, true),
      du: tf.matMul(across, s, false, true),
      dv: tf.matMul(tf.matMul(s, coefficients) as tf.Tensor2D, u, false, true),
    }
  }

  private look(variables: Tensors): Look {
    const { size, camera, pixel, depth: z0, slope, offset } = this.scene
    const image = (data: Float32Array): tf.Tensor2D => tf.tensor2d(data, [size, size])
    const column = (data: Float32Array, k: number): tf.Tensor2D => image(data.filter((_, i) => i % 2 === k))
    const sum = (parts: tf.Tensor2D[]): tf.Tensor2D => tf.addN(parts)
    // Coefficients are slopes: a level's amplitude grows with its spacing, so one learning rate suits all.
    const parts = this.levels.map((n) => {
      const scaled = { c: tf.mul(variables[`d${n}`], (size / n) * pixel) }
      return this.spline(scaled, 'c', n)
    })
    const relief = sum(parts.map((p) => p.value))
    const du = sum(parts.map((p) => p.du))
    const dv = sum(parts.map((p) => p.dv))
    const depth: tf.Tensor2D = tf.add(image(z0), relief)
    const zu: tf.Tensor2D = tf.add(column(slope, 0), du)
    const zv: tf.Tensor2D = tf.add(column(slope, 1), dv)
    const toCamera = tf.addN([depth, tf.mul(column(offset, 0), zu), tf.mul(column(offset, 1), zv)] as tf.Tensor2D[])
    const raw = [tf.mul(zu, camera.fx), tf.mul(zv, camera.fy), tf.neg(toCamera)] as tf.Tensor2D[]
    const length = tf.sqrt(tf.addN(raw.map((c) => tf.square(c))))
    const normal = this.rgb(raw.map((c) => tf.div(c, length) as tf.Tensor2D))
    const light = variables['light'] as tf.Tensor2D
    const shading: tf.Tensor2D = tf.maximum(tf.matMul(this.harmonics(normal), light), 1e-3)
    const albedo = [0, 1, 2].map((c) =>
      sum(this.albedoLevels.map((n) => this.spline(variables, `a${c}_${n}`, n).value)),
    )
    const linear = tf.mul(shading, tf.exp(this.rgb(albedo)))
    const colour: tf.Tensor2D = tf.pow(tf.maximum(linear, 1e-4), 1 / GAMMA)
    return { relief, du, dv, depth, normal, albedo, shading, colour }
  }

  /** Three images side by side as rows, [pixels, 3]. */
  private rgb(images: tf.Tensor2D[]): tf.Tensor2D {
    const count = this.scene.size ** 2
    return tf.concat2d(
      images.map((c) => tf.reshape(c, [count, 1]) as tf.Tensor2D),
      1,
    )
  }

  /** [pixels, LIGHTS] */
  private harmonics(normal: tf.Tensor2D): tf.Tensor2D {
    const { size, offset, occlusion } = this.scene
    const [x, y, z] = tf.split(normal, 3, 1) as tf.Tensor2D[]
    const order2 = [
      tf.onesLike(x),
      x,
      y,
      z,
      tf.mul(x, y),
      tf.mul(x, z),
      tf.mul(y, z),
      tf.sub(tf.square(x), tf.square(y)),
      tf.sub(tf.mul(3, tf.square(z)), 1),
    ] as tf.Tensor2D[] // prettier-ignore
    const basis = tf.add(tf.concat2d(order2, 1), tf.tensor2d(occlusion, [size * size, HARMONICS])) as tf.Tensor2D
    const place = [0, 1].map((k) => {
      const centred = offset.filter((_, i) => i % 2 === k)
      const mean = centred.reduce((a, b) => a + b, 0) / centred.length
      return tf.tensor2d(
        centred.map((o) => (o - mean) / (size / 2)),
        [size * size, 1],
      )
    })
    return tf.concat2d([basis, tf.mul(basis, place[0]), tf.mul(basis, place[1])] as tf.Tensor2D[], 1)
  }

  private loss(variables: Tensors): { loss: tf.Scalar; photometric: tf.Scalar } {
    const { size, pixel, weight, image } = this.scene
    const { albedoWeight, chromaWeight, albedoSpread, distanceWeight, slopeWeight, curvatureWeight } = this.settings
    const { relief, colour, albedo, du, dv } = this.look(variables)
    const error = softAbs(tf.sub(colour, tf.tensor2d(image, [size * size, 3])))
    const photometric = tf.div(
      tf.sum(tf.mul(error, tf.tensor2d(weight, [size * size, 1]))),
      3 * this.total,
    ) as tf.Scalar
    const [r, g, b] = albedo
    // Blood and melanin take green and blue light away before red: of skin's paint, red shows least.
    const variation = this.variation([
      [r, albedoWeight],
      [tf.sub(r, g), chromaWeight],
      [tf.sub(tf.add(r, g), tf.mul(2, b)), chromaWeight],
    ])
    const spread = tf.div(
      tf.sum(tf.mul(tf.addN(albedo.map((x) => tf.square(x))), tf.tensor2d(weight, [size, size]))),
      this.total,
    )
    const squares = (...xs: tf.Tensor[]): tf.Tensor =>
      tf.div(tf.addN(xs.map((x) => tf.mean(tf.square(x)))), pixel * pixel)
    const loss = tf.addN([
      photometric,
      variation,
      tf.mul(spread, albedoSpread),
      tf.mul(tf.mean(tf.square(tf.mul(relief, 1000))), distanceWeight),
      tf.mul(squares(du, dv), slopeWeight),
      tf.mul(squares(stepX(du), stepX(dv), stepY(dv)), curvatureWeight),
    ] as tf.Scalar[]) as tf.Scalar
    return { loss, photometric }
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
        weight.map((w, i) => w * paint[i]),
        [size, size],
      ),
      [0, 0],
      inner,
    )
    return tf.div(tf.sum(tf.mul(steps, price)), this.total)
  }
}

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
