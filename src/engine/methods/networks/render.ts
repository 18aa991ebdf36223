/** Pictures of the current field through the photo's camera: depth, normals and colour of every face pixel. */
import type * as tf from '@tensorflow/tfjs-core'
import type { Executable } from '../../compute/program.js'
import { transformDirections } from '../../geometry/camera.js'
import type { FaceView, HeadFit } from '../../stages.js'
import type { SiderField } from './field.js'
import { unitRows } from './losses.js'
import { advance, clampSlope, type FaceRays, hitPositions, restart } from './rays.js'

const BATCH = 4096
/** Newton steps per ray at most, and the distance at which it has arrived (field units: about 2 µm on a face). */
const STEPS = 8
const ARRIVED = 2e-5
/** Steps of sphere tracing for the rays that Newton's method has not brought to the surface. */
const SPHERE_STEPS = 20
/** A ray further than this from the surface after all steps has missed it. */
const MISSED = 5e-3

export class FaceRenderer {
  private constructor(
    private readonly field: SiderField,
    private readonly program: Executable,
  ) {}

  static async create(field: SiderField): Promise<FaceRenderer> {
    const program = await field.device.compile(
      {
        name: 'render',
        inputs: { x: [BATCH, 3], view: [BATCH, 3] },
        body: ({ x, view }, w) => {
          const points = x as tf.Tensor2D
          const { sdf, normal, feature } = field.geometry.sample(w, points, BATCH)
          const colour = field.renderer.colour(w, points, unitRows(normal), view as tf.Tensor2D, feature)
          return { outputs: { sdf, normal, colour } }
        },
      },
      field.variables,
    )
    return new FaceRenderer(field, program)
  }

  /** Traces every ray to the surface (updating the rays' hits) and looks at it there. */
  async render(fit: HeadFit, rays: FaceRays): Promise<FaceView> {
    const { size } = fit.crop
    const result: FaceView = {
      size,
      mask: new Uint8Array(size * size),
      depth: new Float32Array(size * size).fill(Number.NaN),
      normals: new Float32Array(size * size * 3),
      colour: new Float32Array(size * size * 3),
    }
    const all = Uint32Array.from({ length: rays.count }, (_, i) => i)
    await this.renderList(fit, rays, all, 0, result)
    const lost = all.filter((ray) => !result.mask[rays.pixels[ray]])
    for (const ray of lost) restart(rays, ray)
    await this.renderList(fit, rays, lost, SPHERE_STEPS, result)
    return result
  }

  private async renderList(fit: HeadFit, rays: FaceRays, list: Uint32Array, sphereSteps: number, out: FaceView) {
    for (let i = 0; i < list.length; i += BATCH) {
      await this.renderBatch(fit, rays, list.subarray(i, i + BATCH), sphereSteps, out)
    }
  }

  /** Draws the rays of a batch that reach the surface: with the slopes they have for some steps, then by Newton's method. */
  private async renderBatch(fit: HeadFit, rays: FaceRays, list: Uint32Array, sphereSteps: number, out: FaceView) {
    const { scale } = this.field.frame
    const x = new Float32Array(BATCH * 3)
    const view = new Float32Array(BATCH * 3)
    for (const [i, ray] of list.entries()) view.set(rays.directions.subarray(3 * ray, 3 * ray + 3), 3 * i)
    let values: Record<string, Float32Array> = {}
    const last = sphereSteps + STEPS - 1
    for (let step = 0; step <= last; step++) {
      hitPositions(rays, list, x)
      values = await this.program.run({ x, view })
      let arrived = 0
      for (let i = 0; i < list.length; i++) {
        let slope = 0
        for (let k = 0; k < 3; k++) slope += values['normal'][3 * i + k] * view[3 * i + k]
        if (step >= sphereSteps) rays.slope[list[i]] = clampSlope(slope)
        arrived += Number(Math.abs(values['sdf'][i]) < ARRIVED)
      }
      if (arrived === list.length || step === last) break
      advance(rays, list, values['sdf'], 0.05)
    }
    const normals = transformDirections(fit.camera.headToCamera, values['normal'].slice(0, 3 * list.length))
    const along = transformDirections(fit.camera.headToCamera, view.slice(0, 3 * list.length))
    for (let i = 0; i < list.length; i++) {
      const ray = list[i]
      const pixel = rays.pixels[ray]
      if (!(Math.abs(values['sdf'][i]) < MISSED)) continue
      const length = Math.hypot(normals[3 * i], normals[3 * i + 1], normals[3 * i + 2])
      out.mask[pixel] = 1
      out.depth[pixel] = rays.t[ray] * along[3 * i + 2] * scale
      for (let k = 0; k < 3; k++) {
        out.normals[3 * pixel + k] = normals[3 * i + k] / length
        out.colour[3 * pixel + k] = values['colour'][3 * i + k]
      }
    }
  }

  async dispose(): Promise<void> {
    await this.program.dispose()
  }
}
