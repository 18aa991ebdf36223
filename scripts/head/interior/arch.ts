/** The two dental arches of the mean head: half ellipses in a plane that rises towards the back. Millimetres, head frame. */

export type Jaw = 'upper' | 'lower'

/** A place on an arch on the subject's left and its axes: along the arch (backwards), outwards, towards the other jaw. */
export interface Frame {
  origin: readonly number[]
  m: readonly number[]
  f: readonly number[]
  h: readonly number[]
}

/** Rise of the occlusal plane towards the back, mm a mm. */
const RISE = 0.11
const STEPS = 2000

class Arch {
  private readonly places: { x: number; z: number; way: number }[] = []

  /**
   * @param halfWidth @param depth of the ellipse
   * @param front where the foremost edge stands: y, z
   * @param towards +1: the teeth point upwards
   */
  constructor(
    private readonly halfWidth: number,
    private readonly depth: number,
    private readonly front: readonly [y: number, z: number],
    private readonly towards: 1 | -1,
  ) {
    let way = 0
    for (let i = 0; i <= STEPS; i++) {
      const a = (Math.PI / 2) * (i / STEPS)
      const [x, z] = [halfWidth * Math.sin(a), front[1] - depth * (1 - Math.cos(a))]
      const before = this.places[i - 1]
      if (before) way += Math.hypot(x - before.x, z - before.z)
      this.places.push({ x, z, way })
    }
  }

  /** The frame at a way along the arch from the midline; straight on beyond the ellipse's end. Negative ways: the right side. */
  at(way: number): Frame {
    const s = Math.abs(way)
    const side = way < 0 ? -1 : 1
    const last = this.places[STEPS]
    const i = this.places.findIndex((p) => p.way >= s)
    const beyond = i < 0 ? s - last.way : 0
    const a = (Math.PI / 2) * (i < 0 ? 1 : i / STEPS)
    const [dx, dz] = [this.halfWidth * Math.cos(a), -this.depth * Math.sin(a)]
    const length = Math.hypot(dx, dz)
    const p = i < 0 ? last : this.places[i]
    const z = p.z - beyond
    const slope = Math.hypot(1, RISE)
    return {
      origin: [side * p.x, this.front[0] + RISE * (this.front[1] - z), z],
      // In the occlusal plane, whose upward normal is (0, 1, RISE).
      m: [(side * dx) / length, (-RISE * dz) / length, dz / length],
      f: [(side * -dz) / length, (-RISE * dx) / length, dx / length],
      h: [0, this.towards / slope, (this.towards * RISE) / slope],
    }
  }
}

/** The teeth's edges; the lower ones bite behind and over the upper ones' edges. */
export const DENTAL_ARCHES: Record<Jaw, Arch> = {
  upper: new Arch(26.5, 46, [-72.4, 101.8], -1),
  lower: new Arch(24.2, 43.5, [-70.2, 99], 1),
}

/** Local (m, f, h) with h counted from the neck of a crown that ends at the arch: → head frame, metres. */
export function placed({ origin, m, f, h }: Frame, [a, b, c]: readonly number[], height = 0): number[] {
  return origin.map((o, k) => (o + a * m[k] + b * f[k] + (c - height) * h[k]) / 1000)
}
