/** Reading of tangent-space normal maps, as renderers do it: glTF's convention, bitangent = cross(normal, tangent) * w. */
import { transformDirections } from '../geometry/camera.js'
import { interpolate, type Raster } from '../geometry/rasterize.js'
import type { Camera } from '../stages.js'
import { sampleBilinear } from './filter.js'

export interface NormalMap {
  /** Texels along a side. */
  size: number
  /** [size, size, 3] unit, tangent space */
  normals: Float32Array
}

/** What a normal map is read with; arrays are in the mesh's vertex order. */
export interface MappedMesh {
  indices: Uint32Array
  /** [vertices, 3] */
  normals: Float32Array
  /** [vertices, 4] */
  tangents: Float32Array
  /** [vertices, 2] */
  uv: Float32Array
}

/** Unit normals of the pixels in the camera frame, [height, width, 3], 0 off the mesh. */
export function mappedNormals(raster: Raster, mesh: MappedMesh, map: NormalMap, camera: Camera): Float32Array {
  const up = interpolate(raster, mesh.indices, mesh.normals, 3)
  const along = interpolate(raster, mesh.indices, mesh.tangents, 4)
  const uv = interpolate(raster, mesh.indices, mesh.uv, 2)
  const texel = [0, 0, 0]
  const out = new Float32Array(up.length)
  const [from, to] = raster.span
  for (let i = from; i < to; i++) {
    if (raster.triangle[i] < 0) continue
    let length = Math.sqrt(up[3 * i] ** 2 + up[3 * i + 1] ** 2 + up[3 * i + 2] ** 2) || 1
    const nx = up[3 * i] / length
    const ny = up[3 * i + 1] / length
    const nz = up[3 * i + 2] / length
    length = Math.sqrt(along[4 * i] ** 2 + along[4 * i + 1] ** 2 + along[4 * i + 2] ** 2) || 1
    const tx = along[4 * i] / length
    const ty = along[4 * i + 1] / length
    const tz = along[4 * i + 2] / length
    const side = along[4 * i + 3] < 0 ? -1 : 1
    sampleBilinear(map.normals, map.size, map.size, 3, uv[2 * i] * map.size, uv[2 * i + 1] * map.size, texel)
    const x = texel[0]
    const y = side * texel[1]
    const z = texel[2]
    const dx = x * tx + y * (ny * tz - nz * ty) + z * nx
    const dy = x * ty + y * (nz * tx - nx * tz) + z * ny
    const dz = x * tz + y * (nx * ty - ny * tx) + z * nz
    length = Math.sqrt(dx * dx + dy * dy + dz * dz) || 1
    out[3 * i] = dx / length
    out[3 * i + 1] = dy / length
    out[3 * i + 2] = dz / length
  }
  const seen = out.subarray(3 * from, 3 * to)
  transformDirections(camera.headToCamera, seen, seen)
  return out
}

/** A normal map as an 8-bit picture: -1..1 becomes 0..255 in each channel. */
export function normalMapPicture({ size, normals }: NormalMap): { width: number; height: number; data: Uint8Array } {
  const data = new Uint8Array(normals.length)
  for (let i = 0; i < data.length; i++) data[i] = 127.5 + 127.5 * normals[i] + 0.5
  return { width: size, height: size, data }
}
