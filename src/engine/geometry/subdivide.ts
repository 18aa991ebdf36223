/** Subdivision of triangle meshes (Loop): each triangle becomes four. */
import { meshEdges } from './mesh.js'

/** A subdivided vertex attribute with its triangles. */
interface Subdivided {
  /** [n + edges, dims] the old rows, smoothed, then one for each edge. */
  values: Float32Array
  /** [4 * triangles, 3]; triangle t becomes 4t..4t+3: its corner triangles 0, 1, 2, then the middle one. */
  indices: Uint32Array
}

/**
 * Loop subdivision (Loop 1987, with Warren's weights): a smoother mesh. Non-manifold edges are treated as boundaries.
 * @param boundaryRule 'spline' (default): boundary curves become cubic B-splines; 'keep': they stay where they are, so that the
 *   mesh still fits its neighbour
 */
export function subdivideLoop(
  values: Float32Array,
  dims: number,
  indices: Uint32Array,
  boundaryRule: 'spline' | 'keep' = 'spline',
): Subdivided {
  const edges = meshEdges(indices)
  const n = values.length / dims
  const out = new Float32Array((n + edges.count) * dims)
  const valence = new Uint32Array(n)
  const ring = new Float64Array(n * dims)
  const boundaryValence = new Uint32Array(n)
  const boundary = new Float64Array(n * dims)
  for (let e = 0; e < edges.count; e++) {
    const a = edges.vertices[e * 2]
    const b = edges.vertices[e * 2 + 1]
    const interior = edges.valence[e] === 2
    valence[a]++
    valence[b]++
    if (!interior) {
      boundaryValence[a]++
      boundaryValence[b]++
    }
    for (let k = 0; k < dims; k++) {
      const va = values[a * dims + k]
      const vb = values[b * dims + k]
      ring[a * dims + k] += vb
      ring[b * dims + k] += va
      if (!interior) {
        boundary[a * dims + k] += vb
        boundary[b * dims + k] += va
      }
    }
    for (let k = 0; k < dims; k++) {
      const ends = values[a * dims + k] + values[b * dims + k]
      let value = ends / 2
      if (interior) {
        const p = opposite(indices, edges.triangles[e * 2], a, b) * dims + k
        const q = opposite(indices, edges.triangles[e * 2 + 1], a, b) * dims + k
        value = (3 * ends + values[p] + values[q]) / 8
      }
      out[(n + e) * dims + k] = value
    }
  }
  for (let v = 0; v < n; v++) {
    const m = valence[v]
    const onBoundary = boundaryValence[v] > 0
    const beta = m === 3 ? 3 / 16 : 3 / (8 * m)
    for (let k = 0; k < dims; k++) {
      const o = v * dims + k
      if (m === 0 || (onBoundary && (boundaryRule === 'keep' || boundaryValence[v] !== 2))) out[o] = values[o]
      else if (onBoundary) out[o] = 0.75 * values[o] + 0.125 * boundary[o]
      else out[o] = (1 - m * beta) * values[o] + beta * ring[o]
    }
  }
  return { values: out, indices: splitTriangles(indices, edges.ofTriangle, n) }
}

function opposite(indices: Uint32Array, t: number, a: number, b: number): number {
  for (let k = 0; k < 3; k++) {
    const v = indices[t * 3 + k]
    if (v !== a && v !== b) return v
  }
  return a
}

function splitTriangles(indices: Uint32Array, edgeOf: Uint32Array, n: number): Uint32Array {
  const out = new Uint32Array(indices.length * 4)
  for (let c = 0; c < indices.length; c += 3) {
    const ab = n + edgeOf[c]
    const bc = n + edgeOf[c + 1]
    const ca = n + edgeOf[c + 2]
    out.set([indices[c], ab, ca, ab, indices[c + 1], bc, ca, bc, indices[c + 2], ab, bc, ca], c * 4)
  }
  return out
}
