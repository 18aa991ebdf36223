/** A reconstruction over its photo: shaded surface, and wireframe. */
import { project } from '../geometry/camera.js'
import { rasterize } from '../geometry/rasterize.js'
import type { Camera, Mesh } from '../stages.js'
import type { Picture } from './picture.js'
import { shadeNormals } from './shading.js'

/**
 * The surface as clay blended over the photo's crop.
 * @param crop picture of the crop
 * @param normals [height, width, 3] camera frame, 0 or NaN off the surface; of the crop's size
 * @param mask [height, width]; pixels at 0 show the photo alone
 * @param opacity 0..1 of the surface (default 0.85)
 */
export function surfaceOverlay(
  crop: Picture,
  normals: Float32Array,
  mask?: ArrayLike<number>,
  opacity = 0.85,
): Picture {
  const shaded = shadeNormals(normals)
  const data = crop.data.slice()
  for (let i = 0; i < data.length; i += 3) {
    const length = normals[i] ** 2 + normals[i + 1] ** 2 + normals[i + 2] ** 2
    if (!(length > 0) || (mask !== undefined && !mask[i / 3])) continue
    for (let k = 0; k < 3; k++)
      data[i + k] = Math.round((1 - opacity) * data[i + k] + opacity * Math.min(255, 255 * shaded[i + k]))
  }
  return { width: crop.width, height: crop.height, data }
}

/**
 * The visible edges of a mesh drawn over a picture.
 * @param camera camera of the picture's pixels
 * @param lineWidth pixels (default 1)
 */
export function wireframeOverlay(
  picture: Picture,
  mesh: Mesh,
  camera: Camera,
  color: readonly [number, number, number] = [60, 220, 160],
  opacity = 0.6,
  lineWidth = 1,
): Picture {
  const raster = rasterize(mesh, camera)
  const screen = project(camera, mesh.positions)
  const data = picture.data.slice()
  for (let i = 0; i < raster.triangle.length; i++) {
    const t = raster.triangle[i]
    if (t < 0) continue
    const x = (i % camera.width) + 0.5
    const y = Math.floor(i / camera.width) + 0.5
    let distance = Number.POSITIVE_INFINITY
    for (let k = 0; k < 3; k++) {
      const a = mesh.indices[t * 3 + k] * 3
      const b = mesh.indices[t * 3 + ((k + 1) % 3)] * 3
      const ex = screen[b] - screen[a]
      const ey = screen[b + 1] - screen[a + 1]
      const cross = ex * (y - screen[a + 1]) - ey * (x - screen[a])
      distance = Math.min(distance, Math.abs(cross) / (Math.hypot(ex, ey) || 1))
    }
    const cover = opacity * Math.max(0, Math.min(1, lineWidth / 2 + 0.5 - distance))
    for (let k = 0; k < 3; k++) data[i * 3 + k] = Math.round((1 - cover) * data[i * 3 + k] + cover * color[k])
  }
  return { width: picture.width, height: picture.height, data }
}
