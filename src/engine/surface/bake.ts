/**
 * The field's detail as textures for a mesh that cannot hold it all: a tangent-space normal map (glTF's convention) and a
 * displacement along the mesh's own normals.
 */
import { interpolate } from '../geometry/rasterize.js'
import { texelRaster } from '../geometry/texels.js'
import type { ImplicitField, Mesh } from '../stages.js'
import { toField } from './field.js'

/** Texels are moved at most this far, metres: further off, the field's surface is not that of this texel. */
const LIMIT = 0.002
/** Texels further from the surface than this are evaluated once more, on it. */
const NEAR = 3e-5
/** Points that the field sees at once. */
const BATCH = 65536

/** A mesh that is ready for a normal map. All arrays are in its vertex order. */
export interface BakeMesh {
  mesh: Mesh
  /** [vertices, 3] unit */
  normals: Float32Array
  /** [vertices, 4] */
  tangents: Float32Array
  /** [vertices, 2] */
  uv: Float32Array
  /** [vertices] share of the field's detail, 0..1 */
  weight: Float32Array
}

export interface BakedDetail {
  size: number
  /** [size, size, 3] unit, tangent space: x along u, y up the texture, z outwards. (0, 0, 1) where there is no detail. */
  normals: Float32Array
  /** [size, size] metres along the mesh's interpolated normal. */
  displacement: Float32Array
}

/** Bakes the field's front surface into textures of `size` texels a side. */
export async function bakeDetail(
  { mesh, normals, tangents, uv, weight }: BakeMesh,
  field: ImplicitField,
  size: number,
): Promise<BakedDetail> {
  const raster = texelRaster(uv, mesh.indices, size)
  const share = interpolate(raster, mesh.indices, weight, 1)
  const texels = Uint32Array.from(share.keys()).filter((i) => share[i] > 0.002)
  const out: BakedDetail = {
    size,
    normals: new Float32Array(size * size * 3),
    displacement: new Float32Array(size * size),
  }
  for (let i = 2; i < out.normals.length; i += 3) out.normals[i] = 1
  const at = <T extends Float32Array>(values: T, dims: number, i: number, to: Float32Array, row: number): void => {
    const t = 3 * raster.triangle[i]
    for (let k = 0; k < dims; k++) {
      let sum = 0
      for (let c = 0; c < 3; c++) sum += raster.barycentric[3 * i + c] * values[dims * mesh.indices[t + c] + k]
      to[dims * row + k] = sum
    }
  }
  for (let from = 0; from < texels.length; from += BATCH) {
    const batch = texels.subarray(from, from + BATCH)
    const points = new Float32Array(3 * batch.length)
    const up = new Float32Array(3 * batch.length)
    const along = new Float32Array(4 * batch.length)
    batch.forEach((i, row) => {
      at(mesh.positions, 3, i, points, row)
      at(normals, 3, i, up, row)
      at(tangents, 4, i, along, row)
      const length = Math.hypot(up[3 * row], up[3 * row + 1], up[3 * row + 2])
      for (let k = 3 * row; k < 3 * row + 3; k++) up[k] /= length
    })
    const { offset, normal } = await frontOf(field, points, up)
    batch.forEach((i, row) => {
      const w = share[i]
      out.displacement[i] = w * offset[row]
      const detail = [0, 1, 2].map((k) => w * normal[3 * row + k] + (1 - w) * up[3 * row + k])
      out.normals.set(
        inTangentSpace(detail, up.subarray(3 * row, 3 * row + 3), along.subarray(4 * row, 4 * row + 4)),
        3 * i,
      )
    })
  }
  return out
}

/** How far along `up` the field's front lies from each point, metres, and its unit normal there. */
async function frontOf(
  field: ImplicitField,
  points: Float32Array,
  up: Float32Array,
): Promise<{ offset: Float32Array; normal: Float32Array }> {
  const { scale } = field.frame
  const n = points.length / 3
  const x = toField(field.frame, points)
  const offset = new Float32Array(n)
  const normal = up.slice()
  let rows = Uint32Array.from({ length: n }, (_, i) => i)
  for (let round = 0; round < 3 && rows.length > 0; round++) {
    const at = new Float32Array(3 * rows.length)
    rows.forEach((i, row) => {
      for (let k = 0; k < 3; k++) at[3 * row + k] = x[3 * i + k] + (offset[i] / scale) * up[3 * i + k]
    })
    const { sdf, gradient } = await field.sdfAndGradient(at)
    rows = rows.filter((i, row) => {
      const g = gradient.subarray(3 * row, 3 * row + 3)
      const length = Math.hypot(g[0], g[1], g[2])
      const slope = g[0] * up[3 * i] + g[1] * up[3 * i + 1] + g[2] * up[3 * i + 2]
      // seen from behind, or no direction at all: the mesh itself is the best guess
      const next = offset[i] - (sdf[row] / slope) * scale
      if (!(slope > 0.3 * length) || !(Math.abs(next) < LIMIT)) {
        offset[i] = 0
        normal.set(up.subarray(3 * i, 3 * i + 3), 3 * i)
        return false
      }
      for (let k = 0; k < 3; k++) normal[3 * i + k] = g[k] / length
      const far = Math.abs(next - offset[i]) > NEAR
      offset[i] = next
      return far
    })
  }
  return { offset, normal }
}

/** A direction in the frame of tangent, bitangent and normal, as a renderer builds it; unit length. */
function inTangentSpace(d: number[], up: Float32Array, along: Float32Array): [number, number, number] {
  const length = Math.hypot(along[0], along[1], along[2]) || 1
  const [tx, ty, tz] = [along[0] / length, along[1] / length, along[2] / length]
  const side = along[3] < 0 ? -1 : 1
  const [bx, by, bz] = [
    side * (up[1] * tz - up[2] * ty),
    side * (up[2] * tx - up[0] * tz),
    side * (up[0] * ty - up[1] * tx),
  ]
  // the interpolated tangent is not quite upright: solve x T + y B + z N = d exactly (B is upright to both)
  const tn = tx * up[0] + ty * up[1] + tz * up[2]
  const dt = d[0] * tx + d[1] * ty + d[2] * tz
  const dn = d[0] * up[0] + d[1] * up[1] + d[2] * up[2]
  const bb = bx * bx + by * by + bz * bz
  const x = (dt - tn * dn) / (1 - tn * tn)
  const y = (d[0] * bx + d[1] * by + d[2] * bz) / bb
  const z = dn - x * tn
  const norm = Math.hypot(x, y, z)
  return [x / norm, y / norm, z / norm]
}
