/**
 * Whether a device computes rightly: two steps down the gradient of a small layer, with a product of matrices, automatic
 * derivatives and weights that stay on the device, compared with the same steps written out in plain loops of doubles.
 */
import * as tf from '@tensorflow/tfjs-core'
import type { Device, Program } from './program.js'

const [SAMPLES, INPUTS, UNITS] = [5, 7, 3]
const RATE = 0.5
const STEPS = 2
/** Largest error of an answer, as a share of the largest of its numbers: what products in half precision err by is less. */
const TOLERANCE = 0.01

/** Numbers that are unlike each other, between -1 and 1. */
const scattered = (count: number, from: number): Float32Array =>
  Float32Array.from({ length: count }, (_, i) => Math.sin(1.7 * (from + i) ** 2))

const SAMPLE = scattered(SAMPLES * INPUTS, 1)
const TARGET = scattered(SAMPLES * UNITS, 50)
const WEIGHTS = scattered(INPUTS * UNITS, 90)

/** A step: mean squared error of sigmoid(x w) against y, its gradient, and w moved against it. */
const STEP: Program = {
  name: 'probe',
  inputs: { x: [SAMPLES, INPUTS], y: [SAMPLES, UNITS] },
  body: ({ x, y }, { w }) => {
    const loss = (weights: tf.Tensor): tf.Scalar =>
      tf.mean(tf.square(tf.sub(tf.sigmoid(tf.matMul(x as tf.Tensor2D, weights as tf.Tensor2D)), y)))
    const { value, grad } = tf.valueAndGrad(loss)(w)
    return { outputs: { loss: value, gradient: grad }, updates: { w: tf.sub(w, tf.mul(grad, RATE)) } }
  },
}

/** What STEP answers for the weights w, which it moves. */
function writtenOut(w: Float64Array): { loss: number[]; gradient: number[] } {
  const gradient = new Array<number>(INPUTS * UNITS).fill(0)
  let loss = 0
  for (let s = 0; s < SAMPLES; s++)
    for (let u = 0; u < UNITS; u++) {
      let sum = 0
      for (let i = 0; i < INPUTS; i++) sum += SAMPLE[s * INPUTS + i] * w[i * UNITS + u]
      const p = 1 / (1 + Math.exp(-sum))
      const error = p - TARGET[s * UNITS + u]
      loss += error ** 2 / (SAMPLES * UNITS)
      const slope = (2 * error * p * (1 - p)) / (SAMPLES * UNITS)
      for (let i = 0; i < INPUTS; i++) gradient[i * UNITS + u] += slope * SAMPLE[s * INPUTS + i]
    }
  gradient.forEach((g, k) => {
    w[k] -= RATE * g
  })
  return { loss: [loss], gradient }
}

/**
 * Lets a device compute.
 * @returns what it answers wrongly, in words; undefined where all is right
 * @throws whatever the device throws where it fails
 */
export async function probe(device: Device): Promise<string | undefined> {
  const variables = device.variables({ w: { shape: [INPUTS, UNITS], data: WEIGHTS } })
  const program = await device.compile(STEP, variables)
  try {
    const weights = Float64Array.from(WEIGHTS)
    for (let step = 1; step <= STEPS; step++) {
      const expected = writtenOut(weights)
      const got = await program.run({ x: SAMPLE, y: TARGET })
      const wrong =
        difference(`the loss of step ${step}`, got['loss'], expected.loss) ??
        difference(`the gradient of step ${step}`, got['gradient'], expected.gradient)
      if (wrong) return wrong
    }
    return difference('a weight', (await variables.read())['w'], [...weights])
  } finally {
    await program.dispose()
    variables.dispose()
  }
}

function difference(what: string, got: Float32Array, expected: readonly number[]): string | undefined {
  const allowed = TOLERANCE * Math.max(...expected.map(Math.abs))
  const wrong = expected.findIndex((value, i) => !(Math.abs(got[i] - value) <= allowed))
  if (wrong < 0) return undefined
  return `it computes wrongly: ${what} is ${got[wrong]}, not ${expected[wrong].toPrecision(6)}`
}
