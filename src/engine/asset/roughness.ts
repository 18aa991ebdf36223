/**
 * How rough the skin is: by place, since oily skin about the nose and on the forehead shines more than cheeks and scalp do, and where the photo
 * shows highlights. A photo tells of gloss only where a lamp happens to be mirrored: what it does not show is as skin usually is.
 */
import { interpolate, type Raster } from '../geometry/rasterize.js'
import { coarserRaster, fillBetween } from '../geometry/texels.js'
import { HEAD_PARTS } from '../stages.js'
import type { PaintMesh } from './compose.js'
import { grain } from './grain.js'
import type { Relight } from './light.js'

/** Roughness (the root of GGX's α) of skin away from all places below; of what is always wet; and the least of dry skin. */
const SKIN = 0.54
const WET = 0.2
const LEAST = 0.3
/** Parts that differ from skin. */
const PARTS: Partial<Record<number, number>> = {
  [HEAD_PARTS.eyeball]: WET - SKIN,
  [HEAD_PARTS.mouth]: WET - SKIN,
}
/** What cropped hair adds. */
export const HAIR = 0.1
/** Places by landmarks (MediaPipe's 478): what they add at their middle, and how wide they are, metres. */
const PLACES: readonly { landmarks: readonly number[]; change: number; width: number }[] = [
  // forehead and between the brows, the nose's back, its tip and wings, chin
  { landmarks: [151, 108, 337], change: -0.045, width: 0.016 },
  { landmarks: [6, 197], change: -0.07, width: 0.007 },
  { landmarks: [4, 45, 275], change: -0.07, width: 0.008 },
  { landmarks: [199], change: -0.05, width: 0.012 },
  // cheekbones shine, cheeks are matt
  { landmarks: [117, 346], change: -0.04, width: 0.012 },
  { landmarks: [187, 411], change: 0.04, width: 0.018 },
  // upper and lower lids
  { landmarks: [159, 145, 386, 374], change: -0.06, width: 0.006 },
  // lips
  { landmarks: [37, 0, 267, 39, 269, 84, 17, 314, 181, 405], change: -0.045, width: 0.004 },
]
/** Sheen of the photo makes skin smoother by this times it, and by the second number at most. */
const SHINE = 0.8
const MOST = 0.14
/** Fine unevenness, which breaks highlights. */
const UNEVEN = 0.035
/** Texels along a side at most, and half of the other textures': roughness is smooth. */
const LARGEST = 1024

/** [vertices] roughness by place. @param mean [vertices, 3] the model's mean head @param landmarks [478, 3] on it */
export function skinRoughness(mean: Float32Array, parts: Uint8Array, landmarks: ArrayLike<number>): Float32Array {
  const out = Float32Array.from(parts, (part) => SKIN + (PARTS[part] ?? 0))
  for (const { landmarks: rows, change, width } of PLACES)
    for (const row of rows)
      for (let v = 0; v < out.length; v++) {
        if (parts[v] !== HEAD_PARTS.skin) continue
        let squares = 0
        for (let k = 0; k < 3; k++) squares += (mean[3 * v + k] - landmarks[3 * row + k]) ** 2
        if (squares < 9 * width * width) out[v] += change * Math.exp(-squares / (2 * width * width))
      }
  return out
}

/** A texture of one number a texel. */
export interface GreyMap {
  size: number
  /** [size, size] */
  values: Float32Array
}

/**
 * Paints it, at half the other textures' size.
 * @param rough [vertices] by place
 * @param belief [texels] of the full size, and the crop pixel of each believed one
 */
export function paintRoughness(
  { mesh, removed }: Pick<PaintMesh, 'mesh' | 'removed'>,
  grid: { raster: Raster; size: number },
  rough: Float32Array,
  { belief, pixel }: { belief: Float32Array; pixel: Uint32Array },
  relight: Pick<Relight, 'sheen'> | undefined,
): GreyMap {
  const { raster: small, size, at } = coarserRaster(grid, LARGEST)
  const { triangle } = small
  const values = interpolate(small, mesh.indices, rough, 1)
  const places = interpolate(small, mesh.indices, mesh.positions, 3)
  for (let i = 0; i < values.length; i++) {
    const t = triangle[i]
    if (t < 0) continue
    if (removed[t]) {
      values[i] = WET
      continue
    }
    const shine = relight ? Math.min(MOST, SHINE * relight.sheen[pixel[at[i]]]) : 0
    const uneven = UNEVEN * grain(places[3 * i], places[3 * i + 1], places[3 * i + 2])
    values[i] = Math.max(LEAST, values[i] + uneven - belief[at[i]] * shine)
  }
  fillBetween(values, 1, size, triangle)
  return { size, values }
}
