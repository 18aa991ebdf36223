/** Normals of triangle meshes. Unit length, pointing outside (triangles are counter-clockwise seen from outside). */
import type { Mesh } from '../stages.js'

/**
 * Unit normals of the triangles [triangles, 3]; (0, 0, 0) for triangles without area.
 * @param areas optional [triangles]: receives the areas in square metres.
 */
export function triangleNormals(mesh: Mesh, areas?: Float32Array | Float64Array): Float32Array {
  const { positions: p, indices } = mesh
  const count = indices.length / 3
  const out = new Float32Array(count * 3)
  for (let t = 0; t < count; t++) {
    const a = indices[t * 3] * 3
    const b = indices[t * 3 + 1] * 3
    const c = indices[t * 3 + 2] * 3
    const ux = p[b] - p[a]
    const uy = p[b + 1] - p[a + 1]
    const uz = p[b + 2] - p[a + 2]
    const vx = p[c] - p[a]
    const vy = p[c + 1] - p[a + 1]
    const vz = p[c + 2] - p[a + 2]
    const nx = uy * vz - uz * vy
    const ny = uz * vx - ux * vz
    const nz = ux * vy - uy * vx
    const length = Math.sqrt(nx * nx + ny * ny + nz * nz)
    const f = length > 0 ? 1 / length : 0
    out[t * 3] = nx * f
    out[t * 3 + 1] = ny * f
    out[t * 3 + 2] = nz * f
    if (areas !== undefined) areas[t] = length / 2
  }
  return out
}

/**
 * Unit vertex normals [vertices, 3]: triangle normals weighted by corner angle (Thürmer and Wüthrich 1998; independent of
 * how a surface is cut into triangles; the default) or by area (faster). Unreferenced vertices get (0, 0, 0).
 * @param asked [vertices] not 0 where they are asked for: what the others get means nothing
 */
export function vertexNormals(mesh: Mesh, weighting: 'angle' | 'area' = 'angle', asked?: Uint8Array): Float32Array {
  const { positions: p, indices } = mesh
  const sum = new Float64Array(p.length)
  for (let t = 0; t < indices.length; t += 3) {
    if (asked && !(asked[indices[t]] || asked[indices[t + 1]] || asked[indices[t + 2]])) continue
    const a = indices[t] * 3
    const b = indices[t + 1] * 3
    const c = indices[t + 2] * 3
    const ux = p[b] - p[a]
    const uy = p[b + 1] - p[a + 1]
    const uz = p[b + 2] - p[a + 2]
    const vx = p[c] - p[a]
    const vy = p[c + 1] - p[a + 1]
    const vz = p[c + 2] - p[a + 2]
    let nx = uy * vz - uz * vy
    let ny = uz * vx - ux * vz
    let nz = ux * vy - uy * vx
    let wa = 1
    let wb = 1
    let wc = 1
    if (weighting === 'angle') {
      const length = Math.sqrt(nx * nx + ny * ny + nz * nz)
      if (length === 0) continue
      nx /= length
      ny /= length
      nz /= length
      // angle at a corner = atan2(|cross|, dot); |cross| is the same at all three
      const uv = ux * vx + uy * vy + uz * vz
      const uu = ux * ux + uy * uy + uz * uz
      const vv = vx * vx + vy * vy + vz * vz
      wa = Math.atan2(length, uv)
      wb = Math.atan2(length, uu - uv)
      wc = Math.atan2(length, vv - uv)
    }
    sum[a] += wa * nx
    sum[a + 1] += wa * ny
    sum[a + 2] += wa * nz
    sum[b] += wb * nx
    sum[b + 1] += wb * ny
    sum[b + 2] += wb * nz
    sum[c] += wc * nx
    sum[c + 1] += wc * ny
    sum[c + 2] += wc * nz
  }
  return normalizeRows(sum)
}

/** Vectors [n, 3] at unit length; zero vectors stay zero. @param out where they are written, perhaps the vectors themselves; returned */
export function normalizeRows(
  vectors: Float32Array | Float64Array,
  out: Float32Array = new Float32Array(vectors.length),
): Float32Array {
  for (let i = 0; i < vectors.length; i += 3) {
    const x = vectors[i]
    const y = vectors[i + 1]
    const z = vectors[i + 2]
    const length = Math.sqrt(x * x + y * y + z * z)
    const f = length > 0 ? 1 / length : 0
    out[i] = x * f
    out[i + 1] = y * f
    out[i + 2] = z * f
  }
  return out
}
