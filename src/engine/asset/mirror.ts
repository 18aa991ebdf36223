/** Where the other side of the face lies on the texture. */
import { barycentric } from '../geometry/barycentric.js'
import { MeshDistance } from '../geometry/distance.js'
import type { Mesh } from '../stages.js'

/**
 * [vertices, 2] texture coordinates of each vertex' mirror image.
 * @param mean the model's mean, symmetric about the plane x = 0
 */
export function mirrorUv(mean: Mesh, uv: Float32Array, uvIndices: Uint32Array): Float32Array {
  const { positions, indices } = mean
  const mirrored = positions.map((p, i) => (i % 3 === 0 ? -p : p))
  const { triangle, point } = new MeshDistance(mean).closest(mirrored)
  const out = new Float32Array((positions.length / 3) * 2)
  const weights = [0, 0, 0]
  for (let v = 0; v < triangle.length; v++) {
    const corners = [0, 1, 2].map((c) => indices[3 * triangle[v] + c])
    barycentric(positions, corners, point, 3 * v, weights)
    for (let c = 0; c < 3; c++)
      for (let k = 0; k < 2; k++) out[2 * v + k] += weights[c] * uv[2 * uvIndices[3 * triangle[v] + c] + k]
  }
  return out
}
