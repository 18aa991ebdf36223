/**
 * The pair of networks of one reconstruction with its weights on a device, and batched evaluation of the signed distance.
 * All positions here are in field coordinates: x_field = (x_head - center) / scale.
 */
import type * as tf from '@tensorflow/tfjs-core'
import {
  type Device,
  type Executable,
  type ShapedArray,
  type Variables,
  withoutShapes,
  withShapes,
} from '../../compute/program.js'
import type { Settings } from '../../config.js'
import { Rng } from '../../geometry/rng.js'
import { withMoments } from '../../optimise/adam.js'
import type { FieldFrame } from '../../stages.js'
import { Encoding } from './encoding.js'
import { GeometryNetwork } from './geometry.js'
import { RenderNetwork } from './renderer.js'

/** Puts the lowest band's half period at the edge of the unit sphere, as in NeRF: band k has wavelength 2^(1-k). */
const POSITION_SCALE = Math.PI
/** Amplitude of a band over that of the band below. With 1, Adam draws the encoding's grid on the face. */
const BAND_DECAY = 0.5
/** Points of one evaluation program; longer lists are cut into such batches. */
const BATCH = 8192

export class SiderField {
  readonly geometry: GeometryNetwork
  readonly renderer: RenderNetwork
  /** Weights of both networks and Adam's moments. */
  readonly variables: Variables
  private readonly programs = new Map<string, Promise<Executable>>()

  constructor(
    readonly device: Device,
    settings: Settings,
    readonly frame: FieldFrame,
  ) {
    const { geometry, renderer } = settings.networks
    const position = new Encoding(geometry.bands, POSITION_SCALE, BAND_DECAY)
    this.geometry = new GeometryNetwork(geometry, position)
    this.renderer = new RenderNetwork(
      { ...renderer, feature: geometry.feature },
      position,
      new Encoding(renderer.viewBands, 1),
    )
    const rng = new Rng(settings.seed)
    const weights = { ...this.geometry.initialise(geometry.initialRadius, rng), ...this.renderer.initialise(rng) }
    this.variables = device.variables(withMoments(weights))
  }

  /** Metres of the head frame → field coordinates, [n, 3]. */
  toField(points: Float32Array | Float64Array): Float32Array {
    const { center, scale } = this.frame
    return Float32Array.from(points, (p, i) => (p - center[i % 3]) / scale)
  }

  /** Field coordinates → metres of the head frame, [n, 3]. */
  toHead(points: Float32Array): Float32Array {
    const { center, scale } = this.frame
    return points.map((p, i) => p * scale + center[i % 3])
  }

  /** Weights and Adam's moments; names with a slash are moments. */
  async save(): Promise<Record<string, ShapedArray>> {
    return withShapes(await this.variables.read(), this.variables)
  }

  /** Takes up what `save` gave. */
  restore(tensors: Record<string, ShapedArray>): void {
    this.variables.write(withoutShapes(tensors))
  }

  /** Signed distance (field units) of points [n, 3]. */
  async sdf(points: Float32Array): Promise<Float32Array> {
    const result = await this.batched('sdf', (x, w) => ({ sdf: this.geometry.sdf(w, x) }), points, { sdf: 1 })
    return result['sdf']
  }

  /** Signed distance [n] and its gradient [n, 3] (not normalised) of points [n, 3]. */
  async sdfAndGradient(points: Float32Array): Promise<{ sdf: Float32Array; gradient: Float32Array }> {
    const result = await this.batched(
      'sdf-gradient',
      (x, w) => {
        const { sdf, normal } = this.geometry.sample(w, x)
        return { sdf, gradient: normal }
      },
      points,
      { sdf: 1, gradient: 3 },
    )
    return { sdf: result['sdf'], gradient: result['gradient'] }
  }

  /** Runs a point-wise program over any number of points, in batches of fixed size (the last one padded). */
  private async batched(
    name: string,
    body: (x: tf.Tensor2D, weights: Record<string, tf.Tensor>) => Record<string, tf.Tensor>,
    points: Float32Array,
    widths: Record<string, number>,
  ): Promise<Record<string, Float32Array>> {
    let program = this.programs.get(name)
    if (!program) {
      program = this.device.compile(
        { name, inputs: { x: [BATCH, 3] }, body: ({ x }, w) => ({ outputs: body(x as tf.Tensor2D, w) }) },
        this.variables,
      )
      this.programs.set(name, program)
    }
    const executable = await program
    const n = points.length / 3
    const result: Record<string, Float32Array> = {}
    for (const [output, width] of Object.entries(widths)) result[output] = new Float32Array(n * width)
    const x = new Float32Array(BATCH * 3)
    for (let start = 0; start < n; start += BATCH) {
      const count = Math.min(BATCH, n - start)
      x.fill(0)
      x.set(points.subarray(start * 3, (start + count) * 3))
      const values = await executable.run({ x })
      for (const [output, width] of Object.entries(widths)) {
        result[output].set(values[output].subarray(0, count * width), start * width)
      }
    }
    return result
  }

  async dispose(): Promise<void> {
    for (const program of this.programs.values()) await (await program).dispose()
    this.variables.dispose()
  }
}
