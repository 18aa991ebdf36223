/** UV seams: vertices with several texture coordinates must be split before a mesh can be drawn or written. */
import type { Mesh } from '../stages.js'
import { gather } from './mesh.js'

/** A mesh with one UV for each vertex. */
export interface UvMesh {
  mesh: Mesh
  /** [vertices, 2] */
  uv: Float32Array
  /** [vertices] vertex of the mesh before splitting. */
  vertexMap: Uint32Array
}

/**
 * Splits vertices where a UV set has seams.
 * @param uv [uvVertices, 2]
 * @param uvIndices [triangles, 3] rows of `uv`
 */
export function splitSeams(mesh: Mesh, uv: Float32Array, uvIndices: Uint32Array): UvMesh {
  const { positions, indices } = mesh
  // chain of (uv row → new vertex) for each vertex: seldom longer than two
  const first = new Int32Array(positions.length / 3).fill(-1)
  const next: number[] = []
  const vertexOf: number[] = []
  const uvOf: number[] = []
  const out = new Uint32Array(indices.length)
  for (let c = 0; c < indices.length; c++) {
    const v = indices[c]
    let n = first[v]
    while (n >= 0 && uvOf[n] !== uvIndices[c]) n = next[n]
    if (n < 0) {
      n = vertexOf.length
      vertexOf.push(v)
      uvOf.push(uvIndices[c])
      next.push(first[v])
      first[v] = n
    }
    out[c] = n
  }
  const vertexMap = Uint32Array.from(vertexOf)
  return {
    mesh: { positions: gather(positions, vertexMap, 3), indices: out },
    uv: gather(uv, Uint32Array.from(uvOf), 2),
    vertexMap,
  }
}
