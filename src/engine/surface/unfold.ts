/** Movement along directions without folds. */
import type { Neighbors } from '../geometry/mesh.js'
import { triangleNormals } from '../geometry/normals.js'
import type { Mesh } from '../stages.js'

/** A triangle that turns by more than the angle of this cosine is about to fold over. */
const FOLD = 0.35
/** From where movement was taken back on it rises by this share of the way at most. */
const RAMP = 0.12
const UNFOLD_ROUNDS = 60
const PATIENT_ROUNDS = 15

/** How a mesh moves; `offset` and `weight` are changed in place. */
export interface Movement {
  /** Before it. */
  base: Mesh
  /** Of the base's vertices. */
  around: Neighbors
  /** [vertices, 3] unit, along which they move. */
  normals: Float32Array
  /** [vertices] metres */
  offset: Float32Array
  /** [vertices] 0..1 share of the detail */
  weight: Float32Array
}

/** Takes the movement back, round by round, about triangles that turn too far, and from there on less and less. */
export function unfold(movement: Movement): void {
  const held = takeBack(movement)
  if (held.size > 0) ramp(movement, held)
}

/** Lets the movement rise by no more than RAMP times the way over the mesh from the vertices where it was taken back. */
function ramp({ base, around, offset }: Movement, held: ReadonlySet<number>): void {
  const { positions: p } = base
  const { start, neighbors } = around
  const most = new Float32Array(offset.length).fill(Number.POSITIVE_INFINITY)
  for (const v of held) most[v] = Math.abs(offset[v])
  for (let front: Iterable<number> = held, size = held.size; size > 0; ) {
    const next = new Set<number>()
    for (const v of front)
      for (let i = start[v]; i < start[v + 1]; i++) {
        const w = neighbors[i]
        const way = Math.hypot(p[3 * v] - p[3 * w], p[3 * v + 1] - p[3 * w + 1], p[3 * v + 2] - p[3 * w + 2])
        const limit = most[v] + RAMP * way
        if (!(limit < Math.min(most[w], Math.abs(offset[w])))) continue
        most[w] = limit
        next.add(w)
      }
    front = next
    size = next.size
  }
  for (let v = 0; v < offset.length; v++) offset[v] = Math.max(-most[v], Math.min(most[v], offset[v]))
}

/** @returns the vertices of such triangles */
function takeBack({ base, around, normals, offset, weight }: Movement): Set<number> {
  const held = new Set<number>()
  const { indices } = base
  const before = triangleNormals(base)
  const { start, neighbors } = around
  const positions = moveAlong(base.positions.slice(), normals, offset)
  // only triangles of vertices that moved in the last round can have folded or opened
  const changed = new Uint8Array(offset.length).fill(1)
  for (let round = 0; round < UNFOLD_ROUNDS; round++) {
    const bad = new Set<number>()
    for (let t = 0; t < indices.length; t += 3) {
      const [a, b, c] = [indices[t], indices[t + 1], indices[t + 2]]
      if (!(changed[a] || changed[b] || changed[c]) || !(turnOf(positions, a, b, c, before, t) < FOLD)) continue
      for (const v of [a, b, c]) if (offset[v] !== 0) bad.add(v)
    }
    if (bad.size === 0) return held
    for (const v of bad) held.add(v)
    const wide = new Set(bad)
    for (const v of bad) for (let i = start[v]; i < start[v + 1]; i++) wide.add(neighbors[i])
    for (const v of wide) {
      let [sum, count] = [offset[v], 1]
      for (let i = start[v]; i < start[v + 1]; i++) {
        sum += offset[neighbors[i]]
        count++
      }
      // slivers at the corners of the eyes may need all of it
      const share = !bad.has(v) ? 1 : round < PATIENT_ROUNDS ? 0.8 : 0
      offset[v] = (share * sum) / count
      weight[v] *= bad.has(v) ? share : 0.95
    }
    changed.fill(0)
    for (const v of wide) {
      changed[v] = 1
      for (let i = 3 * v; i < 3 * v + 3; i++) positions[i] = base.positions[i] + offset[v] * normals[i]
    }
  }
  return held
}

/** Cosine between the normal of the triangle (a, b, c) and row `at` of unit normals; 0 for triangles without area. */
function turnOf(p: Float32Array, a: number, b: number, c: number, normals: Float32Array, at: number): number {
  const ux = p[3 * b] - p[3 * a]
  const uy = p[3 * b + 1] - p[3 * a + 1]
  const uz = p[3 * b + 2] - p[3 * a + 2]
  const vx = p[3 * c] - p[3 * a]
  const vy = p[3 * c + 1] - p[3 * a + 1]
  const vz = p[3 * c + 2] - p[3 * a + 2]
  const nx = uy * vz - uz * vy
  const ny = uz * vx - ux * vz
  const nz = ux * vy - uy * vx
  const length = Math.sqrt(nx * nx + ny * ny + nz * nz)
  return length > 0 ? (nx * normals[at] + ny * normals[at + 1] + nz * normals[at + 2]) / length : 0
}

/** Moves positions [vertices, 3] along directions by offsets [vertices], in place. @returns them */
export function moveAlong(positions: Float32Array, normals: Float32Array, offset: Float32Array): Float32Array {
  for (let v = 0; v < offset.length; v++)
    if (offset[v] !== 0) for (let i = 3 * v; i < 3 * v + 3; i++) positions[i] += offset[v] * normals[i]
  return positions
}
