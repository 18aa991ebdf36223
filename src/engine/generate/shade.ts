/**
 * Colours of what the camera sees: diffuse light that wandered through the skin times albedo, and the reflections of lamps and
 * room on the skin's surface (two GGX lobes, as skin has) and on the wet eyes.
 */
import { harmonics } from '../geometry/harmonics.js'
import type { Mesh } from '../stages.js'
import { type Received, roomLight } from './irradiance.js'
import type { LightPlan } from './plan.js'

const F0 = 0.034
/** Roughness (GGX's α) of the two lobes, and the share of the first. */
const LOBES = [0.27, 0.1] as const
const FIRST_LOBE = 0.76

/** [vertices, 3] diffuse light at the vertices: outgoing radiance of a white surface with these normals. */
export function diffuseLight(mesh: Mesh, normals: Float32Array, light: LightPlan, received: Received): Float32Array {
  const count = normals.length / 3
  const out = new Float32Array(count * 3)
  const lampCount = light.lamps.length
  for (let v = 0; v < count; v++) {
    const [nx, ny, nz] = normals.subarray(3 * v, 3 * v + 3)
    light.lamps.forEach((lamp, l) => {
      const seen = received.lamps[v * lampCount + l]
      if (seen === 0) return
      const { x, y, z, strength } = towards(lamp, mesh.positions, 3 * v)
      const cosine = Math.max(0, nx * x + ny * y + nz * z) * seen * strength
      for (let c = 0; c < 3; c++) out[3 * v + c] += cosine * lamp.colour[c]
    })
    for (let c = 0; c < 3; c++) {
      const o = v * 12 + 4 * c
      const { room } = received
      out[3 * v + c] += Math.max(0, 2 * (nx * room[o + 1] + ny * room[o + 2] + nz * room[o + 3]))
    }
  }
  return out
}

/** Unit direction to a lamp, its strength there (1 at its distance from the head's middle), and the half angle it fills. */
function towards(
  { position, radius }: LightPlan['lamps'][0],
  points: ArrayLike<number>,
  at: number,
): { x: number; y: number; z: number; strength: number; halfAngle: number } {
  const dx = position[0] - points[at]
  const dy = position[1] - points[at + 1]
  const dz = position[2] - points[at + 2]
  const squared = dx * dx + dy * dy + dz * dz
  const d = Math.sqrt(squared)
  const reference = position[0] ** 2 + position[1] ** 2 + (position[2] - 0.1) ** 2
  return { x: dx / d, y: dy / d, z: dz / d, strength: reference / squared, halfAngle: radius / d }
}

export interface SurfacePoint {
  /** Head frame, metres; unit normal; unit direction to the camera. */
  position: Float64Array
  normal: Float64Array
  view: Float64Array
  /** 0..1 visible share of each lamp. */
  lamps: Float64Array
  /** 0..1 openness to the room. */
  open: number
}

/** Adds the surface's reflections to `out` (linear RGB). `sheen` scales them; `wet` is for eyes. */
export function addReflection(point: SurfacePoint, light: LightPlan, sheen: number, wet: boolean, out: number[]): void {
  const { position, normal: n, view: v } = point
  const nv = Math.max(0.05, n[0] * v[0] + n[1] * v[1] + n[2] * v[2])
  const rx = 2 * nv * n[0] - v[0]
  const ry = 2 * nv * n[1] - v[1]
  const rz = 2 * nv * n[2] - v[2]
  const fresnel = F0 + (1 - F0) * (1 - nv) ** 5
  // Rough skin reflects less at grazing angles than a mirror would.
  const mirror = (wet ? fresnel : F0 + 0.25 * (fresnel - F0)) * sheen * point.open
  const terms = harmonics(rx, ry, rz)
  for (let c = 0; c < 3; c++) out[c] += mirror * roomLight(light.room, terms, c)
  light.lamps.forEach((lamp, i) => {
    const seen = point.lamps[i]
    if (seen === 0) return
    const l = towards(lamp, position, 0)
    const nl = n[0] * l.x + n[1] * l.y + n[2] * l.z
    if (nl <= 0.01) return
    const amount = wet
      ? glint(rx * l.x + ry * l.y + rz * l.z, l.halfAngle) * fresnel
      : sheen * skinLobes(n, v, nv, nl, l)
    for (let c = 0; c < 3; c++) out[c] += amount * seen * l.strength * lamp.colour[c]
  })
}

/** The lamp's disc mirrored in the eye: its radiance over its irradiance / π. */
function glint(cosine: number, halfAngle: number): number {
  const angle = Math.acos(Math.min(1, Math.max(-1, cosine)))
  const edge = Math.min(1, Math.max(0, (1.25 * halfAngle - angle) / (0.5 * halfAngle)))
  return edge / Math.max(1e-4, halfAngle * halfAngle)
}

/** π D F G / (4 n·v): what two GGX lobes return of an irradiance of π. */
function skinLobes(
  n: Float64Array,
  v: Float64Array,
  nv: number,
  nl: number,
  l: { x: number; y: number; z: number; halfAngle: number },
): number {
  let hx = l.x + v[0]
  let hy = l.y + v[1]
  let hz = l.z + v[2]
  const length = Math.hypot(hx, hy, hz)
  hx /= length
  hy /= length
  hz /= length
  const nh = Math.max(0, n[0] * hx + n[1] * hy + n[2] * hz)
  const vh = Math.max(0, v[0] * hx + v[1] * hy + v[2] * hz)
  const fresnel = F0 + (1 - F0) * (1 - vh) ** 5
  let sum = 0
  LOBES.forEach((base, i) => {
    // A wide lamp blurs its reflection.
    const alpha = Math.min(1, base + 0.35 * l.halfAngle)
    const a2 = alpha * alpha
    const d = nh * nh * (a2 - 1) + 1
    const distribution = a2 / (Math.PI * d * d)
    const k = alpha / 2
    const masking = 1 / ((nv * (1 - k) + k) * (nl * (1 - k) + k))
    sum += (i === 0 ? FIRST_LOBE : 1 - FIRST_LOBE) * distribution * masking * nl
  })
  return (Math.PI * fresnel * sum) / 4
}
