/**
 * The relief as a signed distance field: f(x) = f_coarse(x) + d(π(x)) cos θ(π(x)), where d is the relief along the optical axis
 * at the pixel that sees x, and θ the angle between ray and coarse normal. Points that no face pixel sees keep f_coarse.
 */
import { multiply4 } from '../../geometry/camera.js'
import { gaussianBlur } from '../../image/filter.js'
import type { Camera, FieldFrame, ImplicitField } from '../../stages.js'
import type { CoarseDistance } from '../method.js'

export class ReliefField implements ImplicitField {
  readonly frame: FieldFrame
  /** [size, size] d cos θ in field units, smoothly continued a little beyond the mask. */
  private readonly offset: Float32Array
  private readonly fieldToCamera: Float64Array

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
    const { center, scale } = coarse.frame
    const toHead = Float64Array.of(scale, 0, 0, center[0], 0, scale, 0, center[1], 0, 0, scale, center[2], 0, 0, 0, 1)
    this.fieldToCamera = multiply4(camera.headToCamera, toHead)
    const { width: size } = camera
    const raw = new Float32Array(size * size)
    for (let i = 0; i < raw.length; i++) {
      if (!mask[i]) continue
      // A move of d along the optical axis moves the surface by d (-n_z) along its normal, to first order on the ray.
      const u = ((i % size) + 0.5 - camera.cx) / camera.fx
      const v = (Math.floor(i / size) + 0.5 - camera.cy) / camera.fy
      const along = normals[3 * i] * u + normals[3 * i + 1] * v + normals[3 * i + 2]
      raw[i] = (relief[i] * -along) / scale
    }
    const spread = gaussianBlur(raw, size, size, 1, 2)
    const cover = gaussianBlur(Float32Array.from(mask), size, size, 1, 2)
    this.offset = raw.map((r, i) => (mask[i] ? r : cover[i] > 0.02 ? spread[i] / Math.max(cover[i], 0.2) : 0))
  }

  async sdf(points: Float32Array): Promise<Float32Array> {
    const { sdf } = await this.coarse.measure(points)
    this.addRelief(points, sdf)
    return sdf
  }

  async sdfAndGradient(points: Float32Array): Promise<{ sdf: Float32Array; gradient: Float32Array }> {
    const { sdf, gradient } = await this.coarse.measure(points)
    this.addRelief(points, sdf, gradient)
    return { sdf, gradient }
  }

  /**
   * Adds d cos θ at the pixels that see the points to `sdf` [n], and its derivative to `gradient` [n, 3]. Catmull-Rom
   * interpolation: the derivative is continuous. Written out: this is asked for millions of points.
   */
  private addRelief(points: Float32Array, sdf: Float32Array, gradient?: Float32Array): void {
    const { offset, fieldToCamera: m } = this
    const { width: size, fx, fy, cx, cy } = this.camera
    const [wx, wy, dx, dy] = [0, 1, 2, 3].map(() => new Float64Array(4))
    for (let i = 0; i < sdf.length; i++) {
      const px = points[3 * i]
      const py = points[3 * i + 1]
      const pz = points[3 * i + 2]
      const perZ = 1 / (m[8] * px + m[9] * py + m[10] * pz + m[11])
      const x = (m[0] * px + m[1] * py + m[2] * pz + m[3]) * perZ
      const y = (m[4] * px + m[5] * py + m[6] * pz + m[7]) * perZ
      const u = fx * x + cx - 0.5
      const v = fy * y + cy - 0.5
      const u0 = Math.floor(u)
      const v0 = Math.floor(v)
      if (!(u0 >= 1 && v0 >= 1 && u0 < size - 2 && v0 < size - 2)) continue
      catmullRom(u - u0, wx, dx)
      catmullRom(v - v0, wy, dy)
      let sum = 0
      let sumU = 0
      let sumV = 0
      for (let j = 0; j < 4; j++) {
        const row = (v0 + j - 1) * size + u0 - 1
        const a = offset[row]
        const b = offset[row + 1]
        const c = offset[row + 2]
        const d = offset[row + 3]
        const line = wx[0] * a + wx[1] * b + wx[2] * c + wx[3] * d
        sum += wy[j] * line
        sumV += dy[j] * line
        sumU += wy[j] * (dx[0] * a + dx[1] * b + dx[2] * c + dx[3] * d)
      }
      sdf[i] += sum
      if (!gradient) continue
      // u = fx X / Z + cx and v = fy Y / Z + cy, with [X Y Z] = fieldToCamera [p 1]
      for (let k = 0; k < 3; k++)
        gradient[3 * i + k] += perZ * (sumU * fx * (m[k] - x * m[8 + k]) + sumV * fy * (m[4 + k] - y * m[8 + k]))
    }
  }
}

/** Catmull-Rom weights of four samples at `t` between the middle two, and their derivatives. */
function catmullRom(t: number, weight: Float64Array, derivative: Float64Array): void {
  const t2 = t * t
  const t3 = t * t * t
  weight[0] = (-t + 2 * t2 - t3) / 2
  weight[1] = (2 - 5 * t2 + 3 * t3) / 2
  weight[2] = (t + 4 * t2 - 3 * t3) / 2
  weight[3] = (t3 - t2) / 2
  derivative[0] = (-1 + 4 * t - 3 * t2) / 2
  derivative[1] = (-10 * t + 9 * t2) / 2
  derivative[2] = (1 + 8 * t - 9 * t2) / 2
  derivative[3] = (3 * t2 - 2 * t) / 2
}
