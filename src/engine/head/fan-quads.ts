/** The quads of meshes that were made of quads and written as fans of triangles, found by the order of the triangles. */
import { meshEdges } from '../geometry/mesh.js'

/** Triangles of a quad whose four edges are halved: a fan about its middle. */
const WHOLE = 8
const LEAST = 5
/** Neighbours of the middle of an edge: the edge's ends, and the middles of the quads beside it. */
const OF_EDGE = 4

/**
 * Pairs the triangles of quads. A quad is two triangles (a, b, c) and (a, c, d), or a closed fan about its middle from its first corner
 * on, over all corners and the middles of those edges that are halved; the corners of such a fan are corners of smaller quads.
 * @returns [triangles] the other half of each one's quad, -1 where it has none
 */
export function fanQuads(indices: Uint32Array): Int32Array {
  const count = indices.length / 3
  const partner = new Int32Array(count).fill(-1)
  const valence = valences(indices)
  /** How many triangles from t on share its first corner and hang together, and whether they close. */
  const runAt = (t: number): { length: number; closed: boolean } => {
    let length = 1
    const next = (u: number): boolean =>
      u < count && indices[3 * u] === indices[3 * t] && indices[3 * u + 1] === indices[3 * u - 1]
    while (length < WHOLE && next(t + length)) length++
    for (let n = length; n >= LEAST; n--)
      if (indices[3 * (t + n) - 1] === indices[3 * t + 1]) return { length: n, closed: true }
    return { length: Math.min(2, length), closed: false }
  }
  for (let t = 0; t < count; ) {
    const { length, closed } = runAt(t)
    if (closed) pairFan(partner, t, cornersOf(indices, valence, t, length))
    else if (length === 2) pair(partner, t, t + 1)
    t += length
  }
  return partner
}

function pair(partner: Int32Array, t: number, u: number): void {
  partner[t] = u
  partner[u] = t
}

/** Which places of a fan's ring are corners; the others are the middles of edges. */
function cornersOf(indices: Uint32Array, valence: Uint16Array, t: number, length: number): boolean[] {
  return Array.from({ length }, (_, i) =>
    length === WHOLE ? i % 2 === 0 : valence[indices[3 * (t + i) + 1]] !== OF_EDGE,
  )
}

/** Pairs the two triangles at each corner beside a middle, but where two corners want the same one. */
function pairFan(partner: Int32Array, t: number, corner: readonly boolean[]): void {
  const n = corner.length
  const wanted = (i: number): boolean => corner[i % n] && !(corner[(i + n - 1) % n] && corner[(i + 1) % n])
  for (let i = 0; i < n; i++) {
    if (!wanted(i)) continue
    // triangle i lies between places i and i + 1
    const [before, after] = [(i + n - 1) % n, (i + 1) % n]
    if ((corner[before] && wanted(before)) || (corner[after] && wanted(after))) continue
    pair(partner, t + before, t + i)
  }
}

/** [vertices] number of neighbours. */
function valences(indices: Uint32Array): Uint16Array {
  const { count, vertices } = meshEdges(indices)
  const out = new Uint16Array(indices.reduce((a, b) => Math.max(a, b), 0) + 1)
  for (let i = 0; i < 2 * count; i++) out[vertices[i]]++
  return out
}
