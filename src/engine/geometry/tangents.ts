/**
 * Tangents for normal maps, after MikkTSpace (Mikkelsen 2008): each triangle's direction of rising u, projected into the vertex'
 * tangent plane and weighted by the corner's angle. glTF's convention: texture v points down, the bitangent
 * cross(normal, tangent) * w up.
 */
import type { Mesh } from '../stages.js'

/**
 * @param mesh seams split: one normal and one texture coordinate for each vertex
 * @param normals [vertices, 3] unit
 * @param uv [vertices, 2] glTF convention
 * @returns [vertices, 4]: unit tangent, and 1 or -1 for the bitangent's side
 */
export function vertexTangents(mesh: Mesh, normals: Float32Array, uv: Float32Array): Float32Array {
  const { positions: p, indices } = mesh
  const n = p.length / 3
  const sum = new Float64Array(n * 3)
  const side = new Float64Array(n)
  const edge = (a: number, b: number): [number, number, number] => [
    p[3 * b] - p[3 * a],
    p[3 * b + 1] - p[3 * a + 1],
    p[3 * b + 2] - p[3 * a + 2],
  ]
  for (let t = 0; t < indices.length; t += 3) {
    const [a, b, c] = indices.subarray(t, t + 3)
    const d1 = edge(a, b)
    const d2 = edge(a, c)
    // v upwards
    const [u21, v21] = [uv[2 * b] - uv[2 * a], uv[2 * a + 1] - uv[2 * b + 1]]
    const [u31, v31] = [uv[2 * c] - uv[2 * a], uv[2 * a + 1] - uv[2 * c + 1]]
    const area = u21 * v31 - v21 * u31
    if (area === 0) continue
    const sign = Math.sign(area)
    const along = [0, 1, 2].map((k) => sign * (v31 * d1[k] - v21 * d2[k]))
    for (const [v, from, to] of [
      [a, edge(a, b), edge(a, c)],
      [b, edge(b, c), edge(b, a)],
      [c, edge(c, a), edge(c, b)],
    ] as const) {
      const normal = normals.subarray(3 * v, 3 * v + 3)
      const tangent = inPlane(along, normal)
      const angle = Math.acos(Math.max(-1, Math.min(1, dot3(inPlane(from, normal), inPlane(to, normal)))))
      for (let k = 0; k < 3; k++) sum[3 * v + k] += angle * tangent[k]
      side[v] += sign * angle
    }
  }
  const out = new Float32Array(n * 4)
  for (let v = 0; v < n; v++) {
    const [x, y, z] = normals.subarray(3 * v, 3 * v + 3)
    let tangent = inPlane(sum.subarray(3 * v, 3 * v + 3), [x, y, z])
    // without a direction any in the plane will do
    if (dot3(tangent, tangent) < 0.5) tangent = inPlane(Math.abs(x) < 0.9 ? [1, 0, 0] : [0, 1, 0], [x, y, z])
    out.set([...tangent, side[v] < 0 ? -1 : 1], 4 * v)
  }
  return out
}

const dot3 = (a: ArrayLike<number>, b: ArrayLike<number>): number => a[0] * b[0] + a[1] * b[1] + a[2] * b[2]

/** Unit vector of `a` without its part along the unit vector `normal`; 0 where nothing is left. */
function inPlane(a: ArrayLike<number>, normal: ArrayLike<number>): [number, number, number] {
  const d = dot3(a, normal)
  const [x, y, z] = [a[0] - d * normal[0], a[1] - d * normal[1], a[2] - d * normal[2]]
  const length = Math.sqrt(x * x + y * y + z * z)
  return length > 1e-20 ? [x / length, y / length, z / length] : [0, 0, 0]
}
