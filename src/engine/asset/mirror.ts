/** Where the other side of the face lies on the texture. */
import { barycentric } from '../geometry/barycentric.js'
import { TriangleTree } from '../geometry/triangle-tree.js'
import type { Mesh } from '../stages.js'
import { task } from '../threads/task.js'

interface Mirror {
  /** The model's mean, symmetric about the plane x = 0. */
  mean: Mesh
  uv: Float32Array
  uvIndices: Uint32Array
}

/** [vertices, 2] texture coordinates of each vertex' mirror image. */
export function mirrorUv({ mean, uv, uvIndices }: Mirror): Float32Array {
  const { positions, indices } = mean
  const tree = new TriangleTree(mean)
  const vertices = positions.length / 3
  const out = new Float32Array(2 * vertices)
  const point = new Float32Array(3)
  const weights = [0, 0, 0]
  for (let v = 0; v < vertices; v++) {
    const hit = tree.closest(-positions[3 * v], positions[3 * v + 1], positions[3 * v + 2])
    point[0] = hit.x
    point[1] = hit.y
    point[2] = hit.z
    const corners = [0, 1, 2].map((c) => indices[3 * hit.triangle + c])
    barycentric(positions, corners, point, 0, weights)
    for (let c = 0; c < 3; c++)
      for (let k = 0; k < 2; k++) out[2 * v + k] += weights[c] * uv[2 * uvIndices[3 * hit.triangle + c] + k]
  }
  return out
}

export const MIRROR_UV = task(import.meta.url, mirrorUv)
