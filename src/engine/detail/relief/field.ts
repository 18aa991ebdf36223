/**
 * The relief as a signed distance field: f(x) = f_coarse(x) + d(π(x)) cos θ(π(x)), where d is the relief along the optical axis
 * at the pixel that sees x, and θ the angle between ray and coarse normal. Points that no face pixel sees keep f_coarse.
 */
import { project } from '../../geometry/camera.js'
import { gaussianBlur } from '../../image/filter.js'
import type { Camera, FieldFrame, ImplicitField } from '../../stages.js'

/** Step of the numeric gradient of the relief term, field units (about 0.02 mm). */
const STEP = 2e-4

export interface CoarseDistance {
  frame: FieldFrame
  distance(points: Float32Array): Float32Array
  distanceAndGradient(points: Float32Array): { sdf: Float32Array; gradient: Float32Array }
}

export class ReliefField implements ImplicitField {
  readonly frame: FieldFrame
  /** [size, size] d cos θ in field units, smoothly continued a little beyond the mask. */
  private readonly offset: Float32Array

  /**
   * @param camera intrinsics in crop pixels
   * @param relief [size, size] metres along the optical axis
   * @param normals [size, size, 3] coarse normals in the camera frame
   */
  constructor(
    private readonly coarse: CoarseDistance,
    private readonly camera: Camera,
    relief: Float32Array,
    normals: Float32Array,
    mask: Uint8Array,
  ) {
    this.frame = coarse.frame
    const { width: size } = camera
    const raw = new Float32Array(size * size)
    for (let i = 0; i < raw.length; i++) {
      if (!mask[i]) continue
      // A move of d along the optical axis moves the surface by d (-n_z) along its normal, to first order on the ray.
      const u = ((i % size) + 0.5 - camera.cx) / camera.fx
      const v = (Math.floor(i / size) + 0.5 - camera.cy) / camera.fy
      const along = normals[3 * i] * u + normals[3 * i + 1] * v + normals[3 * i + 2]
      raw[i] = (relief[i] * -along) / coarse.frame.scale
    }
    const spread = gaussianBlur(raw, size, size, 1, 2)
    const cover = gaussianBlur(Float32Array.from(mask), size, size, 1, 2)
    this.offset = raw.map((r, i) => (mask[i] ? r : cover[i] > 0.02 ? spread[i] / Math.max(cover[i], 0.2) : 0))
  }

  async sdf(points: Float32Array): Promise<Float32Array> {
    const offset = this.offsets(points)
    return this.coarse.distance(points).map((d, i) => d + offset[i])
  }

  async sdfAndGradient(points: Float32Array): Promise<{ sdf: Float32Array; gradient: Float32Array }> {
    const { sdf, gradient } = this.coarse.distanceAndGradient(points)
    const offset = this.offsets(points)
    for (let k = 0; k < 3; k++) {
      const moved = points.slice()
      for (let i = k; i < moved.length; i += 3) moved[i] += STEP
      const ahead = this.offsets(moved)
      for (let i = 0; i < offset.length; i++) gradient[3 * i + k] += (ahead[i] - offset[i]) / STEP
    }
    return { sdf: sdf.map((d, i) => d + offset[i]), gradient }
  }

  /** d cos θ at the pixels that see the points: Catmull-Rom interpolation. */
  private offsets(points: Float32Array): Float32Array {
    const { center, scale } = this.frame
    const { width: size } = this.camera
    const head = points.map((p, i) => p * scale + center[i % 3])
    const seen = project(this.camera, head)
    const result = new Float32Array(points.length / 3)
    for (let i = 0; i < result.length; i++) {
      const x = seen[3 * i] - 0.5
      const y = seen[3 * i + 1] - 0.5
      const [x0, y0] = [Math.floor(x), Math.floor(y)]
      if (!(x0 >= 1 && y0 >= 1 && x0 < size - 2 && y0 < size - 2)) continue
      const wx = catmullRom(x - x0)
      const wy = catmullRom(y - y0)
      let sum = 0
      for (let j = 0; j < 4; j++) {
        const row = (y0 + j - 1) * size + x0 - 1
        let line = 0
        for (let k = 0; k < 4; k++) line += wx[k] * this.offset[row + k]
        sum += wy[j] * line
      }
      result[i] = sum
    }
    return result
  }
}

function catmullRom(t: number): [number, number, number, number] {
  const [t2, t3] = [t * t, t * t * t]
  return [(-t + 2 * t2 - t3) / 2, (2 - 5 * t2 + 3 * t3) / 2, (t + 4 * t2 - 3 * t3) / 2, (t3 - t2) / 2]
}
