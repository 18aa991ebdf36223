/**
 * Light that arrives at the skin, by ray casting: which share of each area lamp a vertex sees, and what is left of the room's
 * light between the parts of the head. Occluded directions return some light of the skin that is there. Then light is spread
 * within the skin, red furthest, as blood and melanin let it (subsurface scattering).
 */

import { HARMONICS, harmonics } from '../geometry/harmonics.js'
import type { Edges } from '../geometry/mesh.js'
import { Rng } from '../geometry/rng.js'
import { TriangleTree } from '../geometry/triangle-tree.js'
import type { Mesh } from '../stages.js'
import type { LightPlan } from './plan.js'

/** Rays a vertex for each lamp and for the room. */
const LAMP_RAYS = 4
const ROOM_RAYS = 12
/** Rays start this far off the surface, metres. */
const OFFSET = 2e-4
/** Share of the room's light that an occluded direction still brings, tinted by skin. */
const BOUNCE = [0.34, 0.2, 0.14] as const
/** The same in a cavity, as a share of that: what its opening, seen from within, lets in, and what is there anyway. */
const CAVITY = { opening: 1.6, least: 0.08 }
/** How far light wanders in skin, as the standard deviation in metres for red, green and blue. */
const SCATTER = [0.0015, 0.0006, 0.0004] as const

/** What a vertex receives. */
export interface Received {
  /** [vertices, lamps] 0..1: the visible share of each lamp. */
  lamps: Float32Array
  /** [vertices, 3, 4] the room's light: mean radiance and its first moments along x, y and z, for each colour. */
  room: Float32Array
}

/** Radiance of the room from a direction, whose `harmonics` are given, in colour channel c. */
export function roomLight(room: Float64Array, terms: readonly number[], c: number): number {
  let value = 0
  for (let k = 0; k < HARMONICS; k++) value += room[3 * k + c] * terms[k]
  return Math.max(0.1 * room[c], value)
}

interface LitScene {
  /** Everything that throws shadows; its first vertices are those of `normals`, `wanted` and `cavity`. */
  mesh: Mesh
  /** [vertices, 3] */
  normals: Float32Array
  /** [vertices] 1 where light is asked for. */
  wanted: Uint8Array
  /** [vertices] 1 inside the mouth, where walls are lit through the opening only. */
  cavity: Uint8Array
  light: LightPlan
  seed: number
}

/** Casts rays from the wanted vertices; others get 0. */
export function receiveLight({ mesh, normals, wanted, cavity, light, seed }: LitScene): Received {
  const tree = new TriangleTree(mesh)
  const count = wanted.length
  const lampCount = light.lamps.length
  const lamps = new Float32Array(count * lampCount)
  const room = new Float32Array(count * 12)
  const rng = new Rng(seed)
  const hidden = (from: Float64Array, x: number, y: number, z: number, far: number): boolean =>
    tree.blocks(from[0], from[1], from[2], x, y, z, far)
  const from = new Float64Array(3)
  for (let v = 0; v < count; v++) {
    if (!wanted[v]) continue
    const [nx, ny, nz] = normals.subarray(3 * v, 3 * v + 3)
    for (let k = 0; k < 3; k++) from[k] = mesh.positions[3 * v + k] + OFFSET * normals[3 * v + k]
    const turn = rng.uniform()
    light.lamps.forEach(({ position, radius }, l) => {
      const d = [position[0] - from[0], position[1] - from[1], position[2] - from[2]]
      const length = Math.hypot(d[0], d[1], d[2])
      if ((d[0] * nx + d[1] * ny + d[2] * nz) / length < -0.3) return
      const [s, t] = tangents(d[0] / length, d[1] / length, d[2] / length)
      let seen = 0
      for (let i = 0; i < LAMP_RAYS; i++) {
        // A spiral over the disc, turned at random.
        const r = radius * Math.sqrt((i + 0.5) / LAMP_RAYS)
        const a = 2 * Math.PI * (turn + i * 0.381966)
        const [p, q] = [r * Math.cos(a), r * Math.sin(a)]
        const e = [0, 1, 2].map((k) => d[k] + p * s[k] + q * t[k])
        const far = Math.hypot(e[0], e[1], e[2])
        if (!hidden(from, e[0] / far, e[1] / far, e[2] / far, far)) seen++
      }
      lamps[v * lampCount + l] = seen / LAMP_RAYS
    })
    castRoom(v, [nx, ny, nz], turn)
  }
  return { lamps, room }

  function castRoom(v: number, n: [number, number, number], turn: number): void {
    const [s, t] = tangents(...n)
    const rays: { d: number[]; blocked: boolean }[] = []
    for (let i = 0; i < ROOM_RAYS; i++) {
      // Evenly over the hemisphere: a Fibonacci spiral.
      const up = (i + 0.5) / ROOM_RAYS
      const r = Math.sqrt(1 - up * up)
      const a = 2 * Math.PI * (turn + i * 0.618034)
      const [p, q] = [r * Math.cos(a), r * Math.sin(a)]
      const d = [0, 1, 2].map((k) => up * n[k] + p * s[k] + q * t[k])
      rays.push({ d, blocked: hidden(from, d[0], d[1], d[2], 0.25) })
    }
    const opening = rays.filter(({ blocked }) => !blocked).length / ROOM_RAYS
    const walls = cavity[v] ? Math.min(1, CAVITY.least + CAVITY.opening * opening) : 1
    for (const { d, blocked } of rays) {
      const terms = harmonics(d[0], d[1], d[2])
      for (let c = 0; c < 3; c++) {
        const radiance = roomLight(light.room, terms, c) * (blocked ? BOUNCE[c] * walls : 1)
        room[v * 12 + 4 * c] += radiance / ROOM_RAYS
        for (let k = 0; k < 3; k++) room[v * 12 + 4 * c + 1 + k] += (radiance * d[k]) / ROOM_RAYS
      }
    }
  }
}

/** Two unit vectors across a unit vector (Duff et al. 2017). */
function tangents(x: number, y: number, z: number): [[number, number, number], [number, number, number]] {
  const sign = z >= 0 ? 1 : -1
  const a = -1 / (sign + z)
  const b = x * y * a
  return [
    [1 + sign * x * x * a, sign * b, -sign * x],
    [b, sign + y * y * a, -y],
  ]
}

/** Extends what was cast at `wanted` vertices to those between them, and smooths the rays' noise: several rounds of averages. */
export function fillBetween(values: Float32Array, dims: number, edges: Edges, wanted: Uint8Array): void {
  const known = wanted.slice()
  for (let round = 0; round < 4; round++) {
    const sum = new Float32Array(values.length)
    const weight = new Float32Array(known.length)
    const add = (to: number, of: number): void => {
      if (!known[of]) return
      weight[to]++
      for (let k = 0; k < dims; k++) sum[to * dims + k] += values[of * dims + k]
    }
    for (let e = 0; e < edges.count; e++) {
      const a = edges.vertices[2 * e]
      const b = edges.vertices[2 * e + 1]
      add(a, b)
      add(b, a)
    }
    for (let v = 0; v < known.length; v++) {
      if (weight[v] === 0) continue
      const own = known[v] ? 0.5 : 0
      for (let k = 0; k < dims; k++)
        values[v * dims + k] = own * values[v * dims + k] + ((1 - own) * sum[v * dims + k]) / weight[v]
      known[v] = 1
    }
  }
}

/** Spreads light [vertices, 3] over the mesh, each colour by its own distance: steps of diffusion along the edges. */
export function scatter(light: Float32Array, positions: Float32Array, edges: Edges): void {
  const n = light.length / 3
  const weight = new Float32Array(edges.count)
  const total = new Float32Array(n)
  let longest = 0
  for (let e = 0; e < edges.count; e++) {
    const a = edges.vertices[2 * e]
    const b = edges.vertices[2 * e + 1]
    let squared = 0
    for (let k = 0; k < 3; k++) squared += (positions[3 * a + k] - positions[3 * b + k]) ** 2
    const length = Math.sqrt(squared)
    // Averages weigh far neighbours less, so that a step spreads about as far on fine and coarse parts.
    weight[e] = 1 / (length + 1e-4)
    total[a] += weight[e]
    total[b] += weight[e]
    longest += length / edges.count
  }
  // A step that keeps half of the own value spreads by a variance of about half an edge's square.
  const steps = SCATTER.map((sigma) => Math.min(30, Math.max(1, Math.round((2 * sigma * sigma) / (longest * longest)))))
  for (let round = 0; round < Math.max(...steps); round++) {
    const sum = new Float32Array(light.length)
    for (let e = 0; e < edges.count; e++) {
      const a = edges.vertices[2 * e]
      const b = edges.vertices[2 * e + 1]
      for (let c = 0; c < 3; c++) {
        sum[3 * a + c] += weight[e] * light[3 * b + c]
        sum[3 * b + c] += weight[e] * light[3 * a + c]
      }
    }
    for (let c = 0; c < 3; c++) {
      if (round >= steps[c]) continue
      for (let v = 0; v < n; v++)
        if (total[v] > 0) light[3 * v + c] = 0.5 * light[3 * v + c] + (0.5 * sum[3 * v + c]) / total[v]
    }
  }
}
