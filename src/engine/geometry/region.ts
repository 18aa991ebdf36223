/** Where the face region ends: along a smooth line, not along the model's triangles. */
import type { Mesh } from '../stages.js'
import { vertexNeighbors, vertexShare } from './mesh.js'

/** Averages over neighbours: enough to take the corners off the level line of 0.5. */
const ROUNDS = 3

/**
 * How far each vertex lies within the face region, [vertices] 0..1; the region's border is where it is 0.5.
 * @param faceRegion [triangles] 1 in the region
 */
export function regionShare(mesh: Mesh, faceRegion: Uint8Array): Float32Array {
  const { start, neighbors } = vertexNeighbors(mesh)
  let share = vertexShare(mesh, faceRegion)
  for (let round = 0; round < ROUNDS; round++) {
    share = share.map((own, v) => {
      let sum = own
      for (let i = start[v]; i < start[v + 1]; i++) sum += share[neighbors[i]]
      return sum / (1 + start[v + 1] - start[v])
    })
  }
  return share
}
