/** The geometry network's hand-written derivatives, against finite differences and against tfjs's own. */
import * as tf from '@tensorflow/tfjs-core'
import { beforeAll, describe, expect, it } from 'vitest'
import { EagerDevice } from '../../../src/engine/compute/eager-device.js'
import { OrtDevice } from '../../../src/engine/compute/ort-device.js'
import type { Arrays, Device, Initial, Tensors } from '../../../src/engine/compute/program.js'
import { loadTfjs } from '../../../src/engine/compute/tfjs.js'
import { Rng } from '../../../src/engine/geometry/rng.js'
import { Encoding } from '../../../src/engine/methods/networks/encoding.js'
import { GeometryNetwork } from '../../../src/engine/methods/networks/geometry.js'
import { RenderNetwork } from '../../../src/engine/methods/networks/renderer.js'
import '@tensorflow/tfjs'

const POINTS = 12
const RAYS = 8
// β is mild and the network small, so that finite differences in float32 mean something.
const network = new GeometryNetwork({ layers: 5, width: 16, skip: 3, feature: 4, beta: 3 }, new Encoding(2, 1.3, 0.5))
const renderer = new RenderNetwork(
  { layers: 3, width: 12, feature: 4, useFeature: true, useNormal: true },
  new Encoding(2, 1.3, 0.5),
  new Encoding(1, 1),
)

function randomise(initial: Initial, rng: Rng, spread: number): Initial {
  for (const { data } of Object.values(initial)) for (let i = 0; i < data.length; i++) data[i] += spread * rng.normal()
  return initial
}

function inputs(rng: Rng): Arrays {
  const x = Float32Array.from({ length: POINTS * 3 }, () => rng.uniform(-0.8, 0.8))
  const v = new Float32Array(RAYS * 3)
  for (let i = 0; i < RAYS; i++) {
    const d = [rng.normal() * 0.2, rng.normal() * 0.2, -1]
    const length = Math.hypot(...d)
    for (let k = 0; k < 3; k++) v[i * 3 + k] = d[k]! / length
  }
  return {
    x,
    v,
    target: Float32Array.from({ length: RAYS * 3 }, () => rng.uniform()),
    motion: new Float32Array(POINTS * 3),
  }
}

/** -v / (∇f·v) of the rays that do not graze the surface. */
function motionOf(v: Float32Array, normal: Float32Array): Float32Array {
  const motion = new Float32Array(POINTS * 3)
  for (let i = 0; i < RAYS; i++) {
    const slope = [0, 1, 2].reduce((sum, k) => sum + normal[3 * i + k]! * v[3 * i + k]!, 0)
    for (let k = 0; k < 3; k++) motion[3 * i + k] = Math.abs(slope) > 0.2 ? -v[3 * i + k]! / slope : 0
  }
  return motion
}

const shapes = { x: [POINTS, 3], v: [RAYS, 3], target: [RAYS, 3], motion: [POINTS, 3] }

/** Loss of values, normals and colours: everything the detail stage differentiates. Smooth, so that differences converge. */
function lossOf(
  w: Tensors,
  x: tf.Tensor2D,
  sdf: tf.Tensor2D,
  normal: tf.Tensor2D,
  feature: tf.Tensor2D,
  v: tf.Tensor2D,
  target: tf.Tensor2D,
): tf.Scalar {
  const n = tf.slice2d(normal, [0, 0], [RAYS, 3])
  const unit = tf.div(n, tf.sqrt(tf.sum(tf.square(n), 1, true))) as tf.Tensor2D
  const colour = renderer.colour(w, tf.slice2d(x, [0, 0], [RAYS, 3]), unit, v, feature)
  const photometric = tf.sum(tf.square(tf.sub(colour, target)))
  const eikonal = tf.mean(tf.square(tf.sub(tf.sqrt(tf.sum(tf.square(normal), 1)), 1)))
  return tf.addN([photometric, tf.mul(0.3, eikonal), tf.mul(0.7, tf.mean(tf.square(tf.sub(sdf, 0.1))))]) as tf.Scalar
}

/** The network as a textbook would write it, in ops that tfjs can differentiate twice. */
function plainNetwork(w: Tensors, x: tf.Tensor2D): { sdf: tf.Tensor2D; feature: tf.Tensor2D } {
  const phi = tf.concat2d(
    // The second band has twice the frequency and half the amplitude.
    [x, ...[1, 2].flatMap((k) => [tf.sin, tf.cos].map((f) => tf.div(f(tf.mul(x, 1.3 * k)), k)))] as tf.Tensor2D[],
    1,
  )
  // The engine lists all sines, then all cosines.
  const order = tf.gather(
    phi,
    tf.tensor1d([0, 1, 2, 3, 4, 5, 9, 10, 11, 6, 7, 8, 12, 13, 14], 'int32'),
    1,
  ) as tf.Tensor2D
  let h = order
  for (let l = 0; l < 4; l++) {
    let z = tf.add(tf.matMul(h, w[`w${l}`] as tf.Tensor2D), w[`b${l}`]!)
    if (l === 2) z = tf.add(z, tf.matMul(order, w['wSkip'] as tf.Tensor2D))
    h = tf.div(tf.softplus(tf.mul(z, 3)), 3)
  }
  return {
    sdf: tf.add(tf.matMul(h, w['wSdf'] as tf.Tensor2D), w['bSdf']!),
    feature: tf.add(tf.matMul(h, w['wFeature'] as tf.Tensor2D), w['bFeature']!),
  }
}

/** Loss with points that move along their rays as Eq. 10 says, from fixed x0, and the gradients by `gradients`. */
function body(implicit: boolean) {
  return (feeds: Tensors, w: Tensors) => {
    const x = feeds['x'] as tf.Tensor2D
    const v = feeds['v'] as tf.Tensor2D
    const target = feeds['target'] as tf.Tensor2D
    const sample = network.sample(w, x, RAYS)
    const names = Object.keys(w).filter((name) => /^[rc]\d$/.test(name))
    const arguments_ = [x, sample.sdf, sample.normal, sample.feature!, ...names.map((n) => w[n]!)]
    const { value, grads } = tf.valueAndGrads((...t: tf.Tensor[]) => {
      const [xx, sdf, normal, feature] = t as [tf.Tensor2D, tf.Tensor2D, tf.Tensor2D, tf.Tensor2D]
      return lossOf(Object.fromEntries(names.map((n, i) => [n, t[i + 4]!])), xx, sdf, normal, feature, v, target)
    })(arguments_)
    const [position, sdf, normal, feature] = grads as tf.Tensor2D[]
    let hits: { position: tf.Tensor2D; motion: tf.Tensor2D } | undefined
    if (implicit) hits = { position: position!, motion: feeds['motion'] as tf.Tensor2D }
    const own = network.gradients(w, sample, { sdf: sdf!, normal: normal!, feature }, hits)
    const outputs: Tensors = { loss: value, sdf: sample.sdf, normal: sample.normal }
    for (const [name, g] of Object.entries(own)) outputs[`d${name}`] = g
    names.forEach((name, i) => {
      outputs[`d${name}`] = grads[i + 4]!
    })
    return { outputs }
  }
}

/** Forward only, for finite differences. The hits are recomputed from x0 with the denominator held, as Eq. 10 says. */
function forwardBody(implicit: boolean) {
  return (feeds: Tensors, w: Tensors) => {
    const x0 = feeds['x'] as tf.Tensor2D
    const v = feeds['v'] as tf.Tensor2D
    let x = x0
    if (implicit) {
      const change = tf.sub(network.sdf(w, x0), feeds['sdf0']!)
      x = tf.add(x0, tf.mul(change, feeds['motion']!))
    }
    const sample = network.sample(w, x, RAYS)
    return {
      outputs: { loss: lossOf(w, x, sample.sdf, sample.normal, sample.feature!, v, feeds['target'] as tf.Tensor2D) },
    }
  }
}

const initial = (): Initial => {
  const rng = new Rng(7)
  return { ...randomise(network.initialise(0.5, rng), rng, 0.15), ...renderer.initialise(rng) }
}

async function gradientsOn(device: Device, implicit: boolean): Promise<Arrays> {
  const variables = device.variables(initial())
  const program = await device.compile({ name: 'gradients', inputs: shapes, body: body(implicit) }, variables)
  const feeds = inputs(new Rng(3))
  feeds['motion'] = motionOf(feeds['v']!, (await program.run(feeds))['normal']!)
  const result = await program.run(feeds)
  await program.dispose()
  variables.dispose()
  return result
}

beforeAll(async () => {
  await loadTfjs('cpu')
})

describe('encoding with falling amplitudes', () => {
  it('has the derivatives that it claims', async () => {
    await tf.setBackend('cpu')
    const encoding = new Encoding(3, 1.3, 0.5)
    const rng = new Rng(5)
    const random = (n: number): tf.Tensor2D =>
      tf.tensor2d(
        Float32Array.from({ length: 4 * n }, () => rng.normal()),
        [4, n],
      )
    const [x, d, g] = [random(3), random(3), random(encoding.size)]
    const encode = (p: tf.Tensor) => encoding.encode(p as tf.Tensor2D)
    const worst = (a: tf.Tensor, b: tf.Tensor): number => tf.max(tf.abs(tf.sub(a, b))).dataSync()[0]!
    const amplitude = tf.max(tf.abs(tf.slice2d(encode(tf.mul(random(3), 50)).value, [0, 9], [4, 3]))).dataSync()[0]!
    expect(amplitude).toBeGreaterThan(0.12)
    expect(amplitude).toBeLessThanOrEqual(0.25)
    const back = encoding.pullBack(encode(x), g)
    expect(worst(back, tf.grad((p) => tf.sum(tf.mul(encode(p).value, g)))(x))).toBeLessThan(1e-4)
    const forward = encoding.pushForward(encode(x), d)
    expect(worst(tf.sum(tf.mul(forward, g)), tf.sum(tf.mul(back, d)))).toBeLessThan(1e-3)
    const bend = tf.grad((p) => tf.sum(tf.mul(encoding.pullBack(encode(p), g), d)))(x)
    expect(worst(encoding.curvature(encode(x), g, d), bend)).toBeLessThan(1e-4)
  })
})

describe('geometry network', () => {
  it('starts as the signed distance of a sphere', async () => {
    const wide = new GeometryNetwork({ layers: 8, width: 256, skip: 4, feature: 16, beta: 100 }, new Encoding(6, 1))
    const device = new OrtDevice({ provider: 'cpu' })
    const variables = device.variables(wide.initialise(0.5, new Rng(1)))
    const program = await device.compile(
      {
        name: 'sphere',
        inputs: { x: [400, 3] },
        body: ({ x }, w) => ({ outputs: { sdf: wide.sdf(w, x as tf.Tensor2D) } }),
      },
      variables,
    )
    const rng = new Rng(2)
    const x = Float32Array.from({ length: 1200 }, () => rng.uniform(-0.9, 0.9))
    const { sdf } = await program.run({ x })
    let error = 0
    let inside = 0
    for (let i = 0; i < 400; i++) {
      const exact = Math.hypot(x[3 * i]!, x[3 * i + 1]!, x[3 * i + 2]!) - 0.5
      error += Math.abs(sdf![i]! - exact) / 400
      if (Math.abs(exact) > 0.25) inside += Number(Math.sign(exact) !== Math.sign(sdf![i]!))
    }
    expect(error).toBeLessThan(0.15)
    expect(inside).toBe(0)
  })

  for (const implicit of [false, true]) {
    const way = implicit ? 'with moving hits' : 'at fixed points'
    it(`gradients agree with finite differences in every weight tensor (${way})`, async () => {
      const device = new EagerDevice('cpu')
      const got = await gradientsOn(device, implicit)
      const feeds = inputs(new Rng(3))
      const start = initial()
      feeds['motion'] = motionOf(feeds['v']!, got['normal']!)
      expect(feeds['motion'].filter((m) => m !== 0).length).toBeGreaterThan(RAYS)
      const variables = device.variables(start)
      const forward = await device.compile(
        { name: 'forward', inputs: { ...shapes, sdf0: [POINTS, 1] }, body: forwardBody(implicit) },
        variables,
      )
      const lossAt = async (name: string, data: Float32Array): Promise<number> => {
        variables.write({ [name]: data })
        return (await forward.run({ ...feeds, sdf0: got['sdf']! }))['loss']![0]!
      }
      const rng = new Rng(11)
      for (const [name, { data }] of Object.entries(start)) {
        // A random direction checks every entry of the tensor at once.
        const direction = Float32Array.from(data, () => rng.normal())
        const size = Math.sqrt(direction.reduce((a, b) => a + b * b, 0))
        const h = 0.005 / size
        const along = async (t: number): Promise<number> =>
          lossAt(
            name,
            data.map((d, i) => d + t * h * direction[i]!),
          )
        // Fourth-order central difference.
        const numeric = (8 * ((await along(1)) - (await along(-1))) - ((await along(2)) - (await along(-2)))) / (12 * h)
        const analytic = direction.reduce((sum, d, i) => sum + d * got[`d${name}`]![i]!, 0)
        await lossAt(name, data)
        expect(Math.abs(analytic - numeric), `${name}: ${analytic} against ${numeric}`).toBeLessThan(
          2e-3 * size * 0.05 + 0.01 * Math.abs(numeric),
        )
      }
    })
  }

  it('gradients agree with automatic differentiation of automatic differentiation', async () => {
    const device = new EagerDevice('cpu')
    const got = await gradientsOn(device, false)
    const names = Object.keys(initial()).filter((name) => !/^[rc]\d$/.test(name))
    const variables = device.variables(initial())
    const nested = await device.compile(
      {
        name: 'nested',
        inputs: shapes,
        body: (feeds, w) => {
          const x = feeds['x'] as tf.Tensor2D
          const grads = tf.grads((...t: tf.Tensor[]) => {
            const weights = { ...w, ...Object.fromEntries(names.map((n, i) => [n, t[i]!])) }
            const sdf = (p: tf.Tensor): tf.Tensor => plainNetwork(weights, p as tf.Tensor2D).sdf
            const normal = tf.grad(sdf)(x) as tf.Tensor2D
            const feature = tf.slice2d(plainNetwork(weights, x).feature, [0, 0], [RAYS, 4])
            const [v, target] = [feeds['v'], feeds['target']] as tf.Tensor2D[]
            return lossOf(weights, x, sdf(x) as tf.Tensor2D, normal, feature, v!, target!)
          })(names.map((n) => w[n]!))
          return { outputs: Object.fromEntries(names.map((n, i) => [`d${n}`, grads[i]!])) }
        },
      },
      variables,
    )
    const expected = await nested.run(inputs(new Rng(3)))
    for (const name of names) {
      const [a, b] = [got[`d${name}`]!, expected[`d${name}`]!]
      const scale = Math.sqrt(b.reduce((sum, x) => sum + x * x, 0)) + 1e-6
      const error = Math.sqrt(a.reduce((sum, x, i) => sum + (x - b[i]!) ** 2, 0))
      expect(error / scale, name).toBeLessThan(1e-4)
    }
  })

  it('compiled by ONNX Runtime equals eager', async () => {
    const eager = await gradientsOn(new EagerDevice('cpu'), true)
    const compiled = await gradientsOn(new OrtDevice({ provider: 'cpu' }), true)
    for (const [name, expected] of Object.entries(eager)) {
      const scale = Math.max(...expected.map(Math.abs), 1e-4)
      const worst = expected.reduce((w, x, i) => Math.max(w, Math.abs(x - compiled[name]![i]!)), 0)
      expect(worst / scale, name).toBeLessThan(2e-4)
    }
  })
})
