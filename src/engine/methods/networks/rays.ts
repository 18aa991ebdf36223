/**
 * The rays of the face pixels, in field coordinates: x = origin + t · direction. Each ray remembers its last hit and the
 * slope ∇f·v there, so that tracing goes on from the pixel's last hit instead of from the camera.
 */

import type { FaceEvidence } from '../../evidence/face-evidence.js'
import { cameraCenter, cropCamera, pixelRays, transformDirections } from '../../geometry/camera.js'
import type { FieldFrame } from '../../stages.js'

/** Slopes ∇f·v are held in this range when stepping: grazing rays must not leap. */
const STEEPEST = -1
const SHALLOWEST = -0.2
/** A ray that lost the surface starts again this far in front of its coarse depth, field units: details are shallower. */
const LEAD = 0.04

export interface FaceRays {
  count: number
  /** [count] row-major pixel of each ray in the crop. */
  pixels: Uint32Array
  /** [3] camera centre */
  origin: Float32Array
  /** [count, 3] unit length */
  directions: Float32Array
  /** [count] distance of the rasterised coarse surface along the ray, field units */
  coarse: Float32Array
  /** [count] distance of the current hit along the ray, field units */
  t: Float32Array
  /** [count] ∇f·v at the hit */
  slope: Float32Array
  /** [count, 3] sRGB of the photo, 0..1 */
  colours: Float32Array
  /** [count] 1 where the photo's colour is to be matched, 0 where only the prior holds the surface */
  weights: Float32Array
}

/**
 * Rays of all pixels of the coarse mask, starting at the rasterised coarse depth; the photo's colours count where they are trusted.
 */
export function makeRays(
  { fit, coarse, image, trusted }: Pick<FaceEvidence, 'fit' | 'coarse' | 'image' | 'trusted'>,
  frame: FieldFrame,
): FaceRays {
  const { size } = fit.crop
  const camera = cropCamera(fit.camera, fit.crop)
  const pixels = Uint32Array.from([...coarse.mask.keys()].filter((i) => coarse.mask[i]))
  const count = pixels.length
  const centres = new Float64Array(count * 2)
  pixels.forEach((pixel, i) => {
    centres[2 * i] = (pixel % size) + 0.5
    centres[2 * i + 1] = Math.floor(pixel / size) + 0.5
  })
  const directions = Float32Array.from(pixelRays(camera, centres))
  const inCamera = transformDirections(camera.headToCamera, directions)
  const origin = Float32Array.from(cameraCenter(camera), (c, k) => (c - frame.center[k]) / frame.scale)
  const rays: FaceRays = {
    count,
    pixels,
    origin,
    directions,
    coarse: new Float32Array(count),
    t: new Float32Array(count),
    slope: new Float32Array(count),
    colours: new Float32Array(count * 3),
    weights: new Float32Array(count),
  }
  pixels.forEach((pixel, i) => {
    // The optical axis is z of the camera frame: depth along the ray is depth along the axis over the ray's z.
    rays.coarse[i] = coarse.depth[pixel] / inCamera[3 * i + 2] / frame.scale
    rays.t[i] = rays.coarse[i]
    let slope = 0
    for (let k = 0; k < 3; k++) slope += coarse.normals[3 * pixel + k] * inCamera[3 * i + k]
    rays.slope[i] = clampSlope(slope)
    rays.colours.set(image.subarray(3 * pixel, 3 * pixel + 3), 3 * i)
    rays.weights[i] = trusted[pixel]
  })
  return rays
}

export const clampSlope = (slope: number): number => Math.min(SHALLOWEST, Math.max(STEEPEST, slope))

/** Writes the hit positions [n, 3] of the listed rays into `out`. */
export function hitPositions(rays: FaceRays, list: Uint32Array, out: Float32Array): void {
  const { origin, directions, t } = rays
  for (let i = 0; i < list.length; i++) {
    const ray = list[i]
    for (let k = 0; k < 3; k++) out[3 * i + k] = origin[k] + t[ray] * directions[3 * ray + k]
  }
}

/** One Newton step along each listed ray, from f at its current hit and the remembered slope. At most `limit` far. */
export function advance(rays: FaceRays, list: Uint32Array, sdf: Float32Array, limit: number): void {
  for (let i = 0; i < list.length; i++) {
    const step = -sdf[i] / rays.slope[list[i]]
    rays.t[list[i]] += Math.min(limit, Math.max(-limit, step))
  }
}

/**
 * Sends a ray that lost the surface back to before its coarse depth. With slope -1 its next steps are those of sphere tracing,
 * which meets the front of any signed distance, where a Newton step from a bad place may leap through the thin face.
 */
export function restart(rays: FaceRays, ray: number): void {
  rays.t[ray] = rays.coarse[ray] - LEAD
  rays.slope[ray] = STEEPEST
}
