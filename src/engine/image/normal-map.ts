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
  for (let i = 0; i < raster.triangle.length; i++) {
    if (raster.triangle[i] < 0) continue
    const [nx, ny, nz] = unit(up[3 * i], up[3 * i + 1], up[3 * i + 2])
    const [tx, ty, tz] = unit(along[4 * i], along[4 * i + 1], along[4 * i + 2])
    const side = along[4 * i + 3] < 0 ? -1 : 1
    const [bx, by, bz] = [side * (ny * tz - nz * ty), side * (nz * tx - nx * tz), side * (nx * ty - ny * tx)]
    sampleBilinear(map.normals, map.size, map.size, 3, uv[2 * i] * map.size, uv[2 * i + 1] * map.size, texel)
    const [x, y, z] = texel
    out.set(unit(x * tx + y * bx + z * nx, x * ty + y * by + z * ny, x * tz + y * bz + z * nz), 3 * i)
  }
  return transformDirections(camera.headToCamera, out, out)
}

function unit(x: number, y: number, z: number): [number, number, number] {
  const length = Math.hypot(x, y, z) || 1
  return [x / length, y / length, z / length]
}

/** A normal map as an 8-bit picture: -1..1 becomes 0..255 in each channel. */
export function normalMapPicture({ size, normals }: NormalMap): { width: number; height: number; data: Uint8Array } {
  return { width: size, height: size, data: Uint8Array.from(normals, (n) => Math.round(127.5 + 127.5 * n)) }
}
