/** A reconstruction over its photo. */
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
