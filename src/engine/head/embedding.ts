/** Landmarks as barycentric points of a mesh's triangles. */
import type { LandmarkEmbedding } from '../stages.js'

/** Position of embedded landmark i on a mesh, [3]. */
export function embeddedPoint(
  positions: ArrayLike<number>,
  indices: Uint32Array,
  embedding: LandmarkEmbedding,
  i: number,
): number[] {
  const out = [0, 0, 0]
  for (let c = 0; c < 3; c++) {
    const v = 3 * indices[3 * embedding.triangles[i] + c]
    for (let k = 0; k < 3; k++) out[k] += embedding.barycentric[3 * i + c] * positions[v + k]
  }
  return out
}

/** Points of an embedding on given positions, [n, 3]. */
export function embeddedPoints(positions: ArrayLike<number>, indices: Uint32Array, e: LandmarkEmbedding): Float64Array {
  const out = new Float64Array(e.triangles.length * 3)
  for (let i = 0; i < e.triangles.length; i++) out.set(embeddedPoint(positions, indices, e, i), 3 * i)
  return out
}

/** Two embeddings one after the other. */
export function concatEmbeddings(a: LandmarkEmbedding, b: LandmarkEmbedding): LandmarkEmbedding {
  const triangles = new Uint32Array(a.triangles.length + b.triangles.length)
  triangles.set(a.triangles)
  triangles.set(b.triangles, a.triangles.length)
  const barycentric = new Float32Array(3 * triangles.length)
  barycentric.set(a.barycentric)
  barycentric.set(b.barycentric, a.barycentric.length)
  return { triangles, barycentric }
}
