/** Mesh of a depth map: exactly what the camera sees. */
import { backProject } from '../geometry/camera.js'
import { keepLargest } from '../geometry/mesh.js'
import { triangleNormals } from '../geometry/normals.js'
import type { Camera, Mesh } from '../stages.js'
import { emptySurface } from './field.js'

export interface DepthMeshOptions {
  /** [height, width]; pixels at 0 are left out. */
  mask?: ArrayLike<number>
  /** Triangles seen at a steeper angle than this (degrees from the viewing ray to the normal) are cut (default 83). */
  maxAngle?: number
  /** Only connected parts with at least this share of the triangles stay; 1 keeps only the largest (default). */
  minimumShare?: number
}

export interface DepthMesh {
  /** Head frame, metres. */
  mesh: Mesh
  /** [vertices, 2] of the camera's image, glTF convention. */
  uv: Float32Array
  /** [vertices] pixel of each vertex, y * width + x. */
  pixels: Uint32Array
}

/**
 * Joins neighbouring pixels with depth to triangles (the shorter diagonal of each square) and cuts where the surface is
 * seen so steeply that it must be a jump in depth.
 * Throws SURFACE_EMPTY if nothing is left.
 * @param depth [height, width] metres along the optical axis, NaN where nothing is seen
 * @param camera camera of these pixels (`cropCamera` for a crop)
 */
export function meshFromDepth(depth: Float32Array, camera: Camera, options: DepthMeshOptions = {}): DepthMesh {
  const { width, height } = camera
  const { mask } = options
  const vertexOf = new Int32Array(width * height).fill(-1)
  const pixelList: number[] = []
  for (let i = 0; i < vertexOf.length; i++) {
    if (!(depth[i] > 0) || (mask !== undefined && !mask[i])) continue
    vertexOf[i] = pixelList.length
    pixelList.push(i)
  }
  const pixels = Uint32Array.from(pixelList)
  const centers = new Float64Array(pixels.length * 2)
  const z = new Float64Array(pixels.length)
  pixels.forEach((i, v) => {
    centers[v * 2] = (i % width) + 0.5
    centers[v * 2 + 1] = Math.floor(i / width) + 0.5
    z[v] = depth[i]
  })
  const inCamera = new Float32Array(pixels.length * 3)
  for (let v = 0; v < pixels.length; v++) {
    inCamera[v * 3] = ((centers[v * 2] - camera.cx) / camera.fx) * z[v]
    inCamera[v * 3 + 1] = ((centers[v * 2 + 1] - camera.cy) / camera.fy) * z[v]
    inCamera[v * 3 + 2] = z[v]
  }
  const candidates: number[] = []
  for (let y = 0; y + 1 < height; y++)
    for (let x = 0; x + 1 < width; x++) {
      const i = y * width + x
      const a = vertexOf[i]
      const b = vertexOf[i + 1]
      const c = vertexOf[i + width]
      const d = vertexOf[i + width + 1]
      const count = (a >= 0 ? 1 : 0) + (b >= 0 ? 1 : 0) + (c >= 0 ? 1 : 0) + (d >= 0 ? 1 : 0)
      // counter-clockwise seen from the camera: down, then right (y points down)
      if (count === 4) {
        if (Math.abs(z[a] - z[d]) <= Math.abs(z[b] - z[c])) candidates.push(a, c, d, a, d, b)
        else candidates.push(a, c, b, b, c, d)
      } else if (count === 3) {
        if (a < 0) candidates.push(b, c, d)
        else if (b < 0) candidates.push(a, c, d)
        else if (c < 0) candidates.push(a, d, b)
        else candidates.push(a, c, b)
      }
    }
  const all: Mesh = { positions: inCamera, indices: Uint32Array.from(candidates) }
  const normals = triangleNormals(all)
  const least = Math.cos(((options.maxAngle ?? 83) * Math.PI) / 180)
  const kept = all.indices.filter((_, c) => {
    const t = Math.floor(c / 3)
    const v = all.indices[t * 3] * 3
    const length = Math.hypot(inCamera[v], inCamera[v + 1], inCamera[v + 2])
    let cos = 0
    for (let k = 0; k < 3; k++) cos -= (normals[t * 3 + k] * inCamera[v + k]) / length
    return cos > least
  })
  if (kept.length === 0) throw emptySurface('the depth map holds no surface')
  const positions = Float32Array.from(backProject(camera, centers, z))
  const part = keepLargest({ positions, indices: kept }, options.minimumShare ?? 1)
  const uv = new Float32Array(part.vertexMap.length * 2)
  part.vertexMap.forEach((v, i) => {
    uv[i * 2] = centers[v * 2] / width
    uv[i * 2 + 1] = centers[v * 2 + 1] / height
  })
  return { mesh: part.mesh, uv, pixels: Uint32Array.from(part.vertexMap, (v) => pixels[v]) }
}
