/** Weights that fade to 0 towards the border of an open mesh. */
import { edgeDistance } from '../geometry/edge-distance.js'
import { meshEdges } from '../geometry/mesh.js'
import { smoothstep } from '../geometry/smoothstep.js'
import type { Mesh } from '../stages.js'

/** Distance of each vertex from the nearest boundary vertex along edges, metres; Infinity beyond `limit` or in a closed mesh. */
export function boundaryDistance(mesh: Mesh, limit?: number): Float32Array {
  const edges = meshEdges(mesh.indices)
  const boundary = new Uint8Array(mesh.positions.length / 3)
  for (let e = 0; e < edges.count; e++)
    if (edges.valence[e] === 1) for (let k = 0; k < 2; k++) boundary[edges.vertices[e * 2 + k]] = 1
  return edgeDistance(mesh, boundary, limit)
}

/** Weight of each vertex: 0 at the border, rising smoothly to 1 at `width` metres from it. */
export function boundaryFalloff(mesh: Mesh, width: number): Float32Array {
  return boundaryDistance(mesh, width).map((d) => smoothstep(0, width, d))
}
