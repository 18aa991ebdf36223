/** A measuring tool for meshes: edge lengths and manifoldness. */
import { meshEdges } from '../../src/engine/geometry/mesh.js'
import type { Mesh } from '../../src/engine/stages.js'

interface EdgeStatistics {
  /** Metres (the mesh's units). */
  mean: number
  minimum: number
  maximum: number
  edges: number
  boundaryEdges: number
  /** Edges with more than two triangles, or two triangles that run along it in the same direction. */
  badEdges: number
}

/** Lengths and kinds of all edges. */
export function edgeStatistics(mesh: Mesh): EdgeStatistics {
  const { positions: p, indices } = mesh
  const edges = meshEdges(indices)
  let sum = 0
  let minimum = Number.POSITIVE_INFINITY
  let maximum = 0
  let boundaryEdges = 0
  const direction = new Int8Array(edges.count)
  for (let c = 0; c < indices.length; c++) {
    const e = edges.ofTriangle[c]
    direction[e] += indices[c] === edges.vertices[e * 2] ? 1 : -1
  }
  let badEdges = 0
  for (let e = 0; e < edges.count; e++) {
    const a = edges.vertices[e * 2] * 3
    const b = edges.vertices[e * 2 + 1] * 3
    const length = Math.hypot(p[a] - p[b], p[a + 1] - p[b + 1], p[a + 2] - p[b + 2])
    sum += length
    minimum = Math.min(minimum, length)
    maximum = Math.max(maximum, length)
    if (edges.valence[e] === 1) boundaryEdges++
    else if (edges.valence[e] > 2 || direction[e] !== 0) badEdges++
  }
  return { mean: sum / Math.max(1, edges.count), minimum, maximum, edges: edges.count, boundaryEdges, badEdges }
}
