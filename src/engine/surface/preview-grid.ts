/** A coarse grid of the field for looking at while it is optimised: the same points every time, every sample exact. */
import type { SdfGrid } from '../inspect.js'
import { type ImplicitField, toField } from './field.js'

export class PreviewGrid {
  private readonly size: [number, number, number]
  private readonly origin: [number, number, number]
  private readonly spacing: number
  /** [samples, 3] field coordinates; one array for all samplings, so that a field may remember what it knows of it. */
  private readonly points: Float32Array

  /**
   * @param low lower and @param high upper corner of the box that the grid covers at least, head frame, metres
   * @param resolution samples along the longest side
   */
  constructor(frame: ImplicitField['frame'], low: ArrayLike<number>, high: ArrayLike<number>, resolution: number) {
    const extent = [0, 1, 2].map((k) => high[k] - low[k])
    this.spacing = Math.max(...extent) / (resolution - 1)
    const steps = extent.map((e) => Math.ceil(e / this.spacing - 1e-6))
    this.size = [steps[0] + 1, steps[1] + 1, steps[2] + 1]
    const start = (k: number): number => (low[k] + high[k] - steps[k] * this.spacing) / 2
    this.origin = [start(0), start(1), start(2)]
    const [nx, ny, nz] = this.size
    const points = new Float32Array(3 * nx * ny * nz)
    for (let i = 0; i < nx * ny * nz; i++) {
      points[3 * i] = this.origin[0] + this.spacing * (i % nx)
      points[3 * i + 1] = this.origin[1] + this.spacing * (Math.floor(i / nx) % ny)
      points[3 * i + 2] = this.origin[2] + this.spacing * Math.floor(i / (nx * ny))
    }
    this.points = toField(frame, points)
  }

  async sample(field: ImplicitField): Promise<SdfGrid> {
    const { size, origin, spacing } = this
    const values = await field.sdf(this.points)
    return { size, origin, spacing, values: values.map((f) => f * field.frame.scale) }
  }
}
