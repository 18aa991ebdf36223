/** Analytic fields for surface tests, in field coordinates. */
import type { FieldFrame } from '../../../src/engine/stages.js'
import type { ImplicitField } from '../../../src/engine/surface/field.js'

export const testFrame: FieldFrame = { center: Float64Array.of(0.01, -0.02, 0.03), scale: 0.12 }

/** Field of a function of one point; gradients by central differences. */
export function analyticField(f: (x: number, y: number, z: number) => number, frame = testFrame): ImplicitField {
  const sdf = (p: Float32Array) =>
    Float32Array.from({ length: p.length / 3 }, (_, i) => f(p[i * 3], p[i * 3 + 1], p[i * 3 + 2]))
  const h = 1e-4
  return {
    frame,
    sdf: async (p) => sdf(p),
    sdfAndGradient: async (p) => ({
      sdf: sdf(p),
      gradient: Float32Array.from(p, (_, i) => {
        const q = [0, 1, 2].map((k) => p[i - (i % 3) + k])
        const at = (d: number) => f(...(q.map((v, k) => (k === i % 3 ? v + d : v)) as [number, number, number]))
        return (at(h) - at(-h)) / (2 * h)
      }),
    }),
  }
}

export const sphere = (radius: number) => (x: number, y: number, z: number) => Math.hypot(x, y, z) - radius

/** Counts the points a field is asked for. */
export function countingField(field: ImplicitField): ImplicitField & { evaluations: number } {
  const counter = {
    frame: field.frame,
    evaluations: 0,
    sdf(points: Float32Array) {
      counter.evaluations += points.length / 3
      return field.sdf(points)
    },
    sdfAndGradient(points: Float32Array) {
      counter.evaluations += points.length / 3
      return field.sdfAndGradient(points)
    },
  }
  return counter
}

/** Exact sheet of thickness `epsilon` around the cap z >= radius * cosine of a sphere. */
export const sheet = (radius: number, cosine: number, epsilon: number) => (x: number, y: number, z: number) => {
  const r = Math.hypot(x, y, z)
  const sine = Math.sqrt(1 - cosine * cosine)
  const rho = Math.hypot(x, y)
  const distance = z >= r * cosine ? Math.abs(r - radius) : Math.hypot(rho - radius * sine, z - radius * cosine)
  return distance - epsilon / 2
}
