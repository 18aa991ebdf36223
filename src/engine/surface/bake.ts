/**
 * The field's detail as textures for a mesh that cannot hold it all: a tangent-space normal map (glTF's convention) and a
 * displacement along the mesh's own normals. Vertices stay where they are: where they were left off the field on purpose (before rims and
 * borders, or lest triangles fold over), the displacement holds what is finer than the mesh and nothing else. Where there is no detail it
 * rounds the triangles off, as the mesh's normals make believe that they are round.
 */
import { gather } from '../geometry/mesh.js'
import { normalizeRows } from '../geometry/normals.js'
import { interpolate, type Raster } from '../geometry/rasterize.js'
import { smoothstep } from '../geometry/smoothstep.js'
import { fillBetween, texelRaster } from '../geometry/texels.js'
import type { ImplicitField, Mesh } from '../stages.js'
import { toField } from './field.js'

/** Texels are moved at most this far, metres: further off, the field's surface is not that of this texel. */
const LIMIT = 0.002
/** Texels further from the surface than this are evaluated once more, on it. */
const NEAR = 3e-5
/**
 * What is finer than the mesh is lower than the first, metres (of two heads 99.9 % is), and what is higher than the second is none of it: in
 * sharp creases rays along neighbouring normals meet different folds.
 */
const [FINE, COARSE] = [0.00015, 0.0003]
/**
 * The mesh lies on the field: where its normal and the field's differ by more than the angles of these cosines, a ray has met another fold. From
 * the second on the field counts in full.
 */
const [STEEP, GENTLE] = [0.6, 0.85]
/** A flat triangle is rounded off by no more than this, metres: where it would take more, an edge is meant. */
const ROUND_LIMIT = 0.0003
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
  const texels = shared(share)
  const kept = await offsets(field, mesh.positions, normals, weight)
  const out: BakedDetail = {
    size,
    normals: new Float32Array(size * size * 3),
    displacement: rounding(raster, mesh, normals),
  }
  for (let i = 2; i < out.normals.length; i += 3) out.normals[i] = 1
  const bake = async (batch: Uint32Array): Promise<void> => {
    const points = atTexels(raster, mesh.indices, mesh.positions, 3, batch)
    const up = normalizeRows(atTexels(raster, mesh.indices, normals, 3, batch))
    const along = atTexels(raster, mesh.indices, tangents, 4, batch)
    const left = atTexels(raster, mesh.indices, kept, 1, batch)
    const { offset, normal } = await frontOf(field, points, up)
    for (let row = 0; row < batch.length; row++) {
      const i = batch[row]
      const height = offset[row] - left[row]
      const cos =
        normal[3 * row] * up[3 * row] + normal[3 * row + 1] * up[3 * row + 1] + normal[3 * row + 2] * up[3 * row + 2]
      const w = share[i] * (1 - smoothstep(FINE, COARSE, Math.abs(height))) * smoothstep(STEEP, GENTLE, cos)
      out.displacement[i] = w * height + (1 - w) * out.displacement[i]
      for (let k = 3 * row; k < 3 * row + 3; k++) normal[k] = w * normal[k] + (1 - w) * up[k]
      inTangentSpace(normal, up, along, row, out.normals, i)
    }
  }
  // all at once: the field answers one while another is looked at
  const starts = Array.from({ length: Math.ceil(texels.length / BATCH) }, (_, batch) => batch * BATCH)
  await Promise.all(starts.map((from) => bake(texels.subarray(from, from + BATCH))))
  fillBetween(out.displacement, 1, size, raster.triangle)
  return out
}

/** How far the vertices that have detail are off the field along their normals, metres. */
async function offsets(
  field: ImplicitField,
  positions: Float32Array,
  normals: Float32Array,
  weight: Float32Array,
): Promise<Float32Array> {
  const out = new Float32Array(weight.length)
  const vertices = shared(weight)
  const { offset } = await frontOf(field, gather(positions, vertices, 3), gather(normals, vertices, 3))
  for (let row = 0; row < vertices.length; row++) out[vertices[row]] = offset[row]
  return out
}

/**
 * Height of the round surface over each triangle that its corners' normals ask for, metres: halfway to the corners' tangent planes, which is
 * exact on a sphere (Phong tessellation, Boubekeur and Alexa 2008, with their shape factor 1/2).
 */
function rounding(
  { triangle, barycentric }: Raster,
  { positions, indices }: Mesh,
  normals: Float32Array,
): Float32Array {
  const out = new Float32Array(triangle.length)
  for (let i = 0; i < out.length; i++) {
    if (triangle[i] < 0) continue
    let x = 0
    let y = 0
    let z = 0
    for (let c = 0; c < 3; c++) {
      const v = 3 * indices[3 * triangle[i] + c]
      const b = barycentric[3 * i + c]
      x += b * positions[v]
      y += b * positions[v + 1]
      z += b * positions[v + 2]
    }
    let height = 0
    for (let c = 0; c < 3; c++) {
      const v = 3 * indices[3 * triangle[i] + c]
      const up =
        (positions[v] - x) * normals[v] +
        (positions[v + 1] - y) * normals[v + 1] +
        (positions[v + 2] - z) * normals[v + 2]
      height += 0.5 * barycentric[3 * i + c] * up
    }
    out[i] = Math.max(-ROUND_LIMIT, Math.min(ROUND_LIMIT, height))
  }
  return out
}

/** Texels or vertices with detail. */
function shared(share: Float32Array): Uint32Array {
  const out = new Uint32Array(share.length)
  let count = 0
  for (let i = 0; i < share.length; i++) if (share[i] > 0.002) out[count++] = i
  return out.subarray(0, count)
}

/** Vertex values [vertices, dims] at texels, [texels, dims]. */
function atTexels(
  { triangle, barycentric }: Raster,
  indices: Uint32Array,
  values: Float32Array,
  dims: number,
  texels: Uint32Array,
): Float32Array {
  const out = new Float32Array(dims * texels.length)
  for (let row = 0; row < texels.length; row++) {
    const i = 3 * texels[row]
    const t = 3 * triangle[texels[row]]
    const a = dims * indices[t]
    const b = dims * indices[t + 1]
    const c = dims * indices[t + 2]
    const u = barycentric[i]
    const v = barycentric[i + 1]
    const w = barycentric[i + 2]
    for (let k = 0; k < dims; k++) out[dims * row + k] = u * values[a + k] + v * values[b + k] + w * values[c + k]
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
  let rows = new Uint32Array(n)
  for (let i = 0; i < n; i++) rows[i] = i
  for (let round = 0; round < 3 && rows.length > 0; round++) {
    const at = new Float32Array(3 * rows.length)
    for (let row = 0; row < rows.length; row++)
      for (let i = rows[row], k = 0; k < 3; k++) at[3 * row + k] = x[3 * i + k] + (offset[i] / scale) * up[3 * i + k]
    const { sdf, gradient } = await field.sdfAndGradient(at)
    const left = new Uint32Array(rows.length)
    let count = 0
    for (let row = 0; row < rows.length; row++) {
      const i = rows[row]
      const gx = gradient[3 * row]
      const gy = gradient[3 * row + 1]
      const gz = gradient[3 * row + 2]
      const length = Math.sqrt(gx * gx + gy * gy + gz * gz)
      const slope = gx * up[3 * i] + gy * up[3 * i + 1] + gz * up[3 * i + 2]
      const next = offset[i] - (sdf[row] / slope) * scale
      // seen from behind, or no direction at all: the mesh itself is the best guess
      if (!(slope > 0.3 * length) || !(Math.abs(next) < LIMIT)) {
        offset[i] = 0
        for (let k = 3 * i; k < 3 * i + 3; k++) normal[k] = up[k]
        continue
      }
      normal[3 * i] = gx / length
      normal[3 * i + 1] = gy / length
      normal[3 * i + 2] = gz / length
      if (Math.abs(next - offset[i]) > NEAR) left[count++] = i
      offset[i] = next
    }
    rows = left.subarray(0, count)
  }
  return { offset, normal }
}

/**
 * Direction `row` of `d` in the frame of tangent, bitangent and normal, as a renderer builds it; a unit vector in row `to` of
 * `out`.
 */
function inTangentSpace(
  d: Float32Array,
  up: Float32Array,
  along: Float32Array,
  row: number,
  out: Float32Array,
  to: number,
): void {
  const dx = d[3 * row]
  const dy = d[3 * row + 1]
  const dz = d[3 * row + 2]
  const ux = up[3 * row]
  const uy = up[3 * row + 1]
  const uz = up[3 * row + 2]
  let tx = along[4 * row]
  let ty = along[4 * row + 1]
  let tz = along[4 * row + 2]
  const length = Math.sqrt(tx * tx + ty * ty + tz * tz) || 1
  tx /= length
  ty /= length
  tz /= length
  const side = along[4 * row + 3] < 0 ? -1 : 1
  const bx = side * (uy * tz - uz * ty)
  const by = side * (uz * tx - ux * tz)
  const bz = side * (ux * ty - uy * tx)
  // the interpolated tangent is not quite upright: solve x T + y B + z N = d exactly (B is upright to both)
  const tn = tx * ux + ty * uy + tz * uz
  const dt = dx * tx + dy * ty + dz * tz
  const dn = dx * ux + dy * uy + dz * uz
  const x = (dt - tn * dn) / (1 - tn * tn)
  const y = (dx * bx + dy * by + dz * bz) / (bx * bx + by * by + bz * bz)
  const z = dn - x * tn
  const norm = Math.sqrt(x * x + y * y + z * z)
  out[3 * to] = x / norm
  out[3 * to + 1] = y / norm
  out[3 * to + 2] = z / norm
}
