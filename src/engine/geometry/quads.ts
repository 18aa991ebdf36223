/**
 * Quads of triangle meshes. Modelling programs work on quads; everything here is computed on triangles. So quads are kept as pairs of
 * triangles, and are written by listing the pairs first: triangles 2i and 2i + 1 are (a, b, c) and (a, c, d) of quad i = (a, b, c, d).
 */

import type { Mesh } from '../stages.js'
import { meshEdges } from './mesh.js'

/** Corners of a quad whose cosine is beyond this are no corners: 165° and 15°. */
const FLAT = 0.966

/**
 * Pairs triangles to quads, those with the squarest corners first.
 * @param known [triangles] pairs that are known already @param together whether triangles t and u may be one quad
 * @returns [triangles] the other triangle of each one's quad, -1 where it has none
 */
export function pairTriangles(
  { positions, indices }: Mesh,
  known?: Int32Array,
  together: (t: number, u: number) => boolean = () => true,
): Int32Array {
  const partner = known?.slice() ?? new Int32Array(indices.length / 3).fill(-1)
  const { count, vertices, triangles, valence } = meshEdges(indices)
  const candidates: { t: number; u: number; badness: number }[] = []
  for (let e = 0; e < count; e++) {
    if (valence[e] !== 2) continue
    const [t, u] = [triangles[2 * e], triangles[2 * e + 1]]
    if (partner[t] >= 0 || partner[u] >= 0 || !together(t, u)) continue
    const [a, c] = [vertices[2 * e], vertices[2 * e + 1]]
    const [b, d] = [apex(indices, t, a, c), apex(indices, u, a, c)]
    const corners = [
      cosine(positions, d, a, b),
      cosine(positions, a, b, c),
      cosine(positions, b, c, d),
      cosine(positions, c, d, a),
    ]
    if (corners.every((cos) => Math.abs(cos) < FLAT))
      candidates.push({ t, u, badness: corners.reduce((sum, cos) => sum + cos * cos, 0) })
  }
  candidates.sort((p, q) => p.badness - q.badness)
  for (const { t, u } of candidates)
    if (partner[t] < 0 && partner[u] < 0) {
      partner[t] = u
      partner[u] = t
    }
  return partner
}

/** The corner of triangle t that is neither a nor c. */
function apex(indices: Uint32Array, t: number, a: number, c: number): number {
  for (let k = 3 * t; k < 3 * t + 3; k++) if (indices[k] !== a && indices[k] !== c) return indices[k]
  return a
}

/** Cosine of the angle at `at` between its neighbours; 1 where one of them is in the same place. */
function cosine(p: Float32Array, from: number, at: number, to: number): number {
  let [dot, u, v] = [0, 0, 0]
  for (let k = 0; k < 3; k++) {
    const [x, y] = [p[3 * from + k] - p[3 * at + k], p[3 * to + k] - p[3 * at + k]]
    dot += x * y
    u += x * x
    v += y * y
  }
  return u * v > 0 ? dot / Math.sqrt(u * v) : 1
}

/**
 * The pairs after triangles were cut (geometry/refine.ts): a quad of two quartered triangles becomes four; beside those, what hangs together
 * in a mirrored mesh too.
 * @param indices [triangles, 3] and @param partner [triangles] before; @param cut [new triangles, 3] after, with their @param parents
 */
export function refinedPairs(
  indices: Uint32Array,
  partner: Int32Array,
  cut: Uint32Array,
  parents: Uint32Array,
): Int32Array {
  const first = new Uint32Array(partner.length + 1)
  for (const t of parents) first[t + 1]++
  for (let t = 0; t < partner.length; t++) first[t + 1] += first[t]
  const children = (t: number): number => first[t + 1] - first[t]
  const out = new Int32Array(parents.length).fill(-1)
  const pair = (t: number, u: number): void => {
    out[t] = u
    out[u] = t
  }
  for (let t = 0; t < partner.length; t++) {
    const a = first[t]
    // a corner cut off leaves a quad
    if (children(t) === 3) pair(a + 1, a + 2)
    const u = partner[t]
    if (u < t) continue
    // i and j are the corners off the diagonal
    const [b, i, j] = [first[u], loneCorner(indices, t, u), loneCorner(indices, u, t)]
    if (children(t) === 4 && children(u) === 4) {
      // children lie at corners 0, 1, 2 and in the middle
      pair(a + i, a + 3)
      pair(b + j, b + 3)
      pair(a + ((i + 1) % 3), b + ((j + 2) % 3))
      pair(a + ((i + 2) % 3), b + ((j + 1) % 3))
    } else if (children(t) < 3 && children(u) < 3) {
      const [p, q] = [indices[3 * t + ((i + 1) % 3)], indices[3 * t + ((i + 2) % 3)]]
      pair(holding(cut, a, first[t + 1], p, q), holding(cut, b, first[u + 1], p, q))
    }
  }
  return out
}

/** The triangle with the corners p and q. */
function holding(indices: Uint32Array, from: number, end: number, p: number, q: number): number {
  for (let t = from; t < end; t++) {
    const corners = indices.subarray(3 * t, 3 * t + 3)
    if (corners.includes(p) && corners.includes(q)) return t
  }
  throw new RangeError('the diagonal of a quad was cut')
}

/** Which corner of triangle t is none of u's. */
function loneCorner(indices: Uint32Array, t: number, u: number): number {
  const other = indices.subarray(3 * u, 3 * u + 3)
  return [0, 1, 2].find((k) => !other.includes(indices[3 * t + k])) ?? 0
}

/** Where each corner of a mesh goes when quads come first. */
export interface QuadOrder {
  /** Number of quads: the first 2 * quads triangles. */
  quads: number
  /** [triangles, 3] the old corner (3 * triangle + corner) of each new one. */
  corners: Uint32Array
}

/** The order in which pairs come first, as (a, b, c) and (a, c, d). */
export function quadsFirst(indices: Uint32Array, partner: Int32Array): QuadOrder {
  const corners: number[] = []
  const alone: number[] = []
  partner.forEach((u, t) => {
    if (u < 0) alone.push(3 * t, 3 * t + 1, 3 * t + 2)
    if (u <= t) return
    const turned = (of: number, by: number): number[] => [0, 1, 2].map((k) => 3 * of + ((k + by) % 3))
    corners.push(...turned(t, loneCorner(indices, t, u) + 2), ...turned(u, loneCorner(indices, u, t) + 1))
  })
  return { quads: corners.length / 6, corners: Uint32Array.from([...corners, ...alone]) }
}

/** A mesh with its quads first. */
export function inQuads(mesh: Mesh): { mesh: Mesh; quads: number } {
  const { quads, corners } = quadsFirst(mesh.indices, pairTriangles(mesh))
  return { mesh: { positions: mesh.positions, indices: corners.map((c) => mesh.indices[c]) }, quads }
}

/** Faces of a mesh whose first triangles are quads: four corners each, then three. */
export function facesOf(indices: ArrayLike<number>, quads: number): number[][] {
  const faces: number[][] = []
  for (let c = 0; c < 6 * quads; c += 6) faces.push([indices[c], indices[c + 1], indices[c + 2], indices[c + 5]])
  for (let c = 6 * quads; c < indices.length; c += 3) faces.push([indices[c], indices[c + 1], indices[c + 2]])
  return faces
}
