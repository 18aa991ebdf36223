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
  const corners = new Uint32Array(3)
  const tangent = new Float64Array(3)
  const from = new Float64Array(3)
  const to = new Float64Array(3)
  for (let t = 0; t < indices.length; t += 3) {
    const a = indices[t]
    const b = indices[t + 1]
    const c = indices[t + 2]
    corners[0] = a
    corners[1] = b
    corners[2] = c
    // v upwards
    const u21 = uv[2 * b] - uv[2 * a]
    const v21 = uv[2 * a + 1] - uv[2 * b + 1]
    const u31 = uv[2 * c] - uv[2 * a]
    const v31 = uv[2 * a + 1] - uv[2 * c + 1]
    const area = u21 * v31 - v21 * u31
    if (area === 0) continue
    const sign = Math.sign(area)
    for (let i = 0; i < 3; i++) {
      const v = corners[i]
      const next = corners[(i + 1) % 3]
      const last = corners[(i + 2) % 3]
      for (let k = 0; k < 3; k++) {
        const p0 = p[3 * a + k]
        tangent[k] = sign * (v31 * (p[3 * b + k] - p0) - v21 * (p[3 * c + k] - p0))
        from[k] = p[3 * next + k] - p[3 * v + k]
        to[k] = p[3 * last + k] - p[3 * v + k]
      }
      const x = normals[3 * v]
      const y = normals[3 * v + 1]
      const z = normals[3 * v + 2]
      intoPlane(tangent, x, y, z)
      intoPlane(from, x, y, z)
      intoPlane(to, x, y, z)
      const angle = Math.acos(Math.max(-1, Math.min(1, dot3(from, to))))
      for (let k = 0; k < 3; k++) sum[3 * v + k] += angle * tangent[k]
      side[v] += sign * angle
    }
  }
  const out = new Float32Array(n * 4)
  for (let v = 0; v < n; v++) {
    const x = normals[3 * v]
    const y = normals[3 * v + 1]
    const z = normals[3 * v + 2]
    for (let k = 0; k < 3; k++) tangent[k] = sum[3 * v + k]
    intoPlane(tangent, x, y, z)
    if (dot3(tangent, tangent) < 0.5) {
      // without a direction any in the plane will do
      tangent.fill(0)
      tangent[Math.abs(x) < 0.9 ? 0 : 1] = 1
      intoPlane(tangent, x, y, z)
    }
    for (let k = 0; k < 3; k++) out[4 * v + k] = tangent[k]
    out[4 * v + 3] = side[v] < 0 ? -1 : 1
  }
  return out
}

const dot3 = (a: Float64Array, b: Float64Array): number => a[0] * b[0] + a[1] * b[1] + a[2] * b[2]

/** Takes the part along the unit vector (x, y, z) out of `a` and makes the rest a unit vector; 0 where nothing is left. */
function intoPlane(a: Float64Array, x: number, y: number, z: number): void {
  const d = a[0] * x + a[1] * y + a[2] * z
  a[0] -= d * x
  a[1] -= d * y
  a[2] -= d * z
  const length = Math.sqrt(dot3(a, a))
  for (let k = 0; k < 3; k++) a[k] = length > 1e-20 ? a[k] / length : 0
}
