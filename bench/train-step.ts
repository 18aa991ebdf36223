/**
 * Speed of one detail step, beside the matrix rate of ONNX Runtime itself in the same process.
 * Rays start off the surface by a little, so that tracing has something to do.
 */
import '@tensorflow/tfjs'
import * as tf from '@tensorflow/tfjs-core'
import { OrtDevice } from '../src/engine/compute/ort-device.js'
import type { Device, Program, Shapes } from '../src/engine/compute/program.js'
import { traceProgram } from '../src/engine/compute/trace/index.js'
import { matrixFlops } from '../src/engine/compute/trace/optimise.js'
import { resolveSettings, type Settings } from '../src/engine/config.js'
import { Rng } from '../src/engine/geometry/rng.js'
import { SiderField } from '../src/engine/methods/networks/field.js'
import { detailStep } from '../src/engine/methods/networks/step.js'
import { correctedRate } from '../src/engine/optimise/adam.js'
import { median, timed } from './timing.js'

export interface TrainStepFigures {
  stepSeconds: number
  traceSeconds: number
  sgemmGflops: number
  stepGflop: number
  gemmEfficiency: number
}

/** Rate of `rows` x width times width x width in GFLOP/s: many products in one run, so that copying in and out does not count. */
async function sgemmRate(device: Device, rows: number, width: number, chain: number): Promise<() => Promise<number>> {
  const program = await device.compile({
    name: 'sgemm',
    inputs: { a: [rows, width], b: [width, width] },
    body: ({ a, b }) => {
      let x = a as tf.Tensor2D
      for (let i = 0; i < chain; i++) x = tf.matMul(x, b as tf.Tensor2D)
      return { outputs: { sum: tf.sum(x) } }
    },
  })
  const rng = new Rng(1)
  const feeds = {
    a: Float32Array.from({ length: rows * width }, () => rng.normal()),
    b: Float32Array.from({ length: width * width }, () => rng.normal() / Math.sqrt(width)),
  }
  await program.run(feeds)
  return async () => {
    const start = performance.now()
    await program.run(feeds)
    return (chain * 2 * rows * width * width) / ((performance.now() - start) / 1000) / 1e9
  }
}

/** Matrix work of a program, whether or not its device knows it. */
function flops({ body, inputs }: Program, variables: Shapes): number {
  return matrixFlops(traceProgram(body, inputs, variables).nodes)
}

export interface TrainStepOptions {
  /** Rows of the product whose rate is measured (4096), and how many are chained (10). */
  rows?: number
  chain?: number
  repeats?: number
}

/** On the processor, with a preset's sizes. */
export function benchTrainStep(preset = 'paper', repeats = 9): Promise<TrainStepFigures> {
  const profile = process.env['PROFILE']
  const device = new OrtDevice({ provider: 'cpu', ...(profile ? { profile } : {}) })
  return trainStepOn(device, resolveSettings({ preset }), { repeats })
}

/** On any device. */
export async function trainStepOn(
  device: Device,
  settings: Settings,
  { rows = 4096, chain = 10, repeats = 9 }: TrainStepOptions = {},
): Promise<TrainStepFigures> {
  const field = new SiderField(device, settings, { center: new Float64Array(3), scale: 1 })
  const { rays, points } = settings.networks.detail
  const stepping = detailStep(field, settings.networks.detail)
  const step = await device.compile(stepping, field.variables)
  const tracing: Program = {
    name: 'trace',
    inputs: { x: [rays, 3] },
    body: ({ x }, w) => ({ outputs: { sdf: field.geometry.sdf(w, x as tf.Tensor2D) } }),
  }
  const trace = await device.compile(tracing, field.variables)
  const rng = new Rng(3)
  const random = (n: number): Float32Array => Float32Array.from({ length: n }, () => rng.uniform(-0.7, 0.7))
  const view = new Float32Array(rays * 3)
  for (let i = 0; i < rays; i++) view[3 * i + 2] = -1
  const feeds = {
    x: random(3 * (rays + points)),
    view,
    colour: random(3 * rays),
    weight: new Float32Array(rays).fill(1),
    distance: random(points),
    rate: Float32Array.of(correctedRate(1e-4, 1)),
  }
  const hits = feeds.x.subarray(0, 3 * rays)
  const sgemm = await sgemmRate(device, rows, settings.networks.geometry.width, chain)
  await step.run(feeds)
  await trace.run({ x: hits })
  // Alternate, so that a busy moment of the machine hits all three alike.
  const rates: number[] = []
  const stepTimes: number[] = []
  const traceTimes: number[] = []
  for (let i = 0; i < repeats; i++) {
    rates.push(await sgemm())
    traceTimes.push(...(await timed(1, () => trace.run({ x: hits }))))
    stepTimes.push(...(await timed(1, () => step.run(feeds))))
  }
  const traceSeconds = median(traceTimes)
  const stepSeconds = median(stepTimes) + traceSeconds
  const sgemmGflops = median(rates)
  const stepGflop = (flops(stepping, field.variables.shapes) + flops(tracing, field.variables.shapes)) / 1e9
  await step.dispose()
  await trace.dispose()
  return {
    stepSeconds,
    traceSeconds,
    sgemmGflops,
    stepGflop,
    gemmEfficiency: stepGflop / stepSeconds / sgemmGflops,
  }
}
