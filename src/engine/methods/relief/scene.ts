/** What the relief solver knows of the photo and the coarse face, per crop pixel, in the camera frame. */
import type { Settings } from '../../config.js'
import type { FaceEvidence } from '../../evidence/face-evidence.js'
import type { EvidenceMaps } from '../../evidence/maps.js'
import { cropCamera } from '../../geometry/camera.js'
import { HARMONICS } from '../../geometry/harmonics.js'
import { smoothstep } from '../../geometry/smoothstep.js'
import { gaussianBlur } from '../../image/filter.js'
import type { Camera } from '../../stages.js'
import { NO_THREADS } from '../../threads/index.js'
import { occlusion } from './occlusion.js'

/** Pixels seen at a flatter angle than this (cosine between normal and ray) show too little to be matched. */
const GRAZING = 0.25
/** Share of the crop's side over which learned normals end. */
const SOFT = 0.02
/** Pixels this close to the mask's border see the background or the next surface. */
const BORDER = 2

export interface ReliefScene {
  size: number
  /** Intrinsics in crop pixels. */
  camera: Camera
  /** [size, size] 1 on the face */
  mask: Uint8Array
  /** [size, size] 0..1 photometric weight */
  weight: Float32Array
  /** [size, size] 0..1 price of a step of albedo */
  paint: Float32Array
  /** [size, size, 3] sRGB 0..1 of the photo */
  image: Float32Array
  /** 0 for a grey photo, whose colours say nothing of paint, to 1 */
  colourful: number
  /** [size, size] coarse depth, metres; the mean depth off the face */
  depth: Float32Array
  /** [size, size, 2] its derivative in u and v, metres per pixel, from the smooth coarse normals */
  slope: Float32Array
  /** [size, size, 2] (u - cx, v - cy) */
  offset: Float32Array
  /** [size, size, 9] addition to the harmonics of the normal for the light that the head hides */
  occlusion: Float32Array
  /** Metres across a pixel at the face. */
  pixel: number
  /** What learned evidence expects; undefined without. */
  expected?: Expected | undefined
}

/** Learned evidence as a prior; its confidence is 0 where the photo is not looked at. */
export type Expected = Pick<EvidenceMaps, 'normals' | 'albedo' | 'confidence'>

type ReliefEvidence = Pick<FaceEvidence, 'fit' | 'coarse' | 'image' | 'trusted' | 'colourful' | 'painted'> & {
  expected?: Expected | undefined
}

/**
 * Prepares the crop. The derivative of depth follows from the normal n of the coarse surface:
 * with ray (U/f, V/f, 1) and depth z, n ∝ (f z_u, f z_v, -(z + U z_u + V z_v)).
 */
export async function reliefScene(
  { fit, coarse, image, trusted, colourful, painted, expected }: ReliefEvidence,
  settings: Pick<Settings['relief'], 'occlusion' | 'paintPrice' | 'browWeight'>,
  threads = NO_THREADS,
  signal?: AbortSignal,
): Promise<ReliefScene> {
  const { size } = fit.crop
  const camera = cropCamera(fit.camera, fit.crop)
  const count = size * size
  const depth = new Float32Array(count)
  const slope = new Float32Array(count * 2)
  const offset = new Float32Array(count * 2)
  const facing = new Uint8Array(count)
  let sum = 0
  let seen = 0
  for (let i = 0; i < count; i++) {
    const u = (i % size) + 0.5 - camera.cx
    const v = Math.floor(i / size) + 0.5 - camera.cy
    offset.set([u, v], 2 * i)
    if (!coarse.mask[i]) continue
    const [nx, ny, nz] = coarse.normals.subarray(3 * i, 3 * i + 3)
    const along = nz + (u * nx) / camera.fx + (v * ny) / camera.fy
    facing[i] = -along / Math.hypot(1, u / camera.fx, v / camera.fy) > GRAZING ? 1 : 0
    const k = -coarse.depth[i] / Math.min(along, -0.1)
    slope.set([(nx / camera.fx) * k, (ny / camera.fy) * k], 2 * i)
    depth[i] = coarse.depth[i]
    sum += coarse.depth[i]
    seen++
  }
  const mean = sum / Math.max(1, seen)
  const weight = new Float32Array(count)
  for (let i = 0; i < count; i++) {
    if (!coarse.mask[i]) depth[i] = mean
    weight[i] = interior(facing, size, i) ? trusted[i] * shareOn(painted.brows[i], settings.browWeight) : 0
  }
  return {
    size,
    camera,
    mask: coarse.mask,
    weight,
    paint: painted.brows.map((brow, i) => shareOn(Math.max(brow, painted.lips[i]), settings.paintPrice)),
    image,
    colourful,
    depth,
    slope,
    offset,
    occlusion: settings.occlusion ? await occlusion(fit, threads, signal) : new Float32Array(count * HARMONICS),
    pixel: mean / camera.fx,
    expected: expected && believed(expected, trusted, (i) => coarse.mask[i] > 0 && facing[i] > 0),
  }
}

/** Under hair the network guesses: its normals end softly where the photo is no longer looked at. */
function believed(expected: Expected, trusted: Float32Array, shown: (pixel: number) => boolean): Expected {
  const size = Math.sqrt(trusted.length)
  const skin = gaussianBlur(trusted, size, size, 1, SOFT * size).map((s) => smoothstep(0, 0.5, s))
  return {
    ...expected,
    confidence: expected.confidence.map((c, i) => (shown(i) ? c * skin[i] : 0)),
  }
}

/** `share` where the mask is 1, 1 where it is 0. */
const shareOn = (mask: number, share: number): number => 1 + (share - 1) * mask

/** Whether all pixels within BORDER of pixel i are set. */
function interior(mask: Uint8Array, size: number, i: number): boolean {
  const x = i % size
  const y = Math.floor(i / size)
  if (x < BORDER || y < BORDER || x >= size - BORDER || y >= size - BORDER) return false
  for (let dy = -BORDER; dy <= BORDER; dy++) {
    for (let dx = -BORDER; dx <= BORDER; dx++) if (!mask[(y + dy) * size + x + dx]) return false
  }
  return true
}
