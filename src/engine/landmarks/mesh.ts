/**
 * The face mesh network (MediaPipe, Kartynnik et al. 2019), run on crops aligned by its own result until the points settle,
 * then averaged over several crops and their mirror images.
 *
 * What that buys, measured on rendered scans as the distance between a landmark and the same landmark of another view carried
 * over through the true geometry (root mean square in percent of the distance of the outer eye corners, four pairs of views,
 * points settled): MediaPipe's crop of 1.5 times the points' extent 3.7; a crop of 1.42 3.3; averaged over three crops 3.2;
 * and over their mirror images 3.0. More crops gain nothing. Tighter crops look better still by this measure, but it cannot
 * see what all views share: below 1.35 the network squeezes the face into its crop (the chin ends up on the lower lip).
 */
import type { GraphProgram } from '../compute/tfjs.js'
import { LEFT_EYE_OUTER, MIRROR_478, RIGHT_EYE_OUTER } from '../evidence/layouts.js'
import { type PhotoPyramid, patchToPhoto, type Square, samplePatch } from './patch.js'

const MESH_POINTS = 468
/** Names of the network's outputs. */
const POINTS = 'Identity_2'
const PRESENCE = 'Identity_1'
const INPUT = 192
/** Side of the crop over the extent of the points. */
const CROP_SCALE = 1.42
/** The points have settled when they move less than this share of the face's side from one round to the next. */
const SETTLED = 0.002
const MAX_ROUNDS = 6
/** Presence score of the network below which its crop shows no face. */
const PRESENT = 0.5
/** The crops that the result is averaged over: relative side, turn in radians. */
const JITTER: ReadonlyArray<readonly [number, number]> = [
  [1, 0],
  [0.95, 0.08],
  [1.05, -0.08],
]

export interface MeshResult {
  /** [468, 2] photo pixels. */
  points: Float64Array
  /** [468] how far each point lies behind the others, photo pixels; a guess, and only differences mean anything. */
  depths: Float64Array
  /** Presence of a face, 0..1. */
  presence: number
}

/** The network on one square of the photo, upright and mirrored, averaged. */
function runPair(network: GraphProgram, pyramid: PhotoPyramid, square: Square): MeshResult {
  const points = new Float64Array(MESH_POINTS * 2)
  const depths = new Float64Array(MESH_POINTS)
  let presence = 0
  for (const mirrored of [false, true]) {
    const patch = samplePatch(pyramid, square, INPUT, { scale: 1 / 255, offset: 0, mirrored })
    const outputs = network.run(patch)
    const raw = outputs[POINTS]
    const mesh = patchToPhoto(raw, 3, square, INPUT, mirrored)
    presence += outputs[PRESENCE][0] / 2
    for (let i = 0; i < MESH_POINTS; i++) {
      const from = mirrored ? MIRROR_478[i] : i
      points[2 * i] += mesh[2 * from] / 2
      points[2 * i + 1] += mesh[2 * from + 1] / 2
      depths[i] += (raw[3 * from + 2] * square.side) / INPUT / 2
    }
  }
  return { points, depths, presence }
}

/** The smallest square around a mesh's points, turned by the eye line. */
export function alignedSquare(points: Float64Array): Square {
  const [r, l] = [2 * RIGHT_EYE_OUTER, 2 * LEFT_EYE_OUTER]
  const angle = Math.atan2(points[l + 1] - points[r + 1], points[l] - points[r])
  const cos = Math.cos(angle)
  const sin = Math.sin(angle)
  let [x0, x1, y0, y1] = [Infinity, -Infinity, Infinity, -Infinity]
  for (let i = 0; i < MESH_POINTS; i++) {
    const x = cos * points[2 * i] + sin * points[2 * i + 1]
    const y = cos * points[2 * i + 1] - sin * points[2 * i]
    x0 = Math.min(x0, x)
    x1 = Math.max(x1, x)
    y0 = Math.min(y0, y)
    y1 = Math.max(y1, y)
  }
  const mx = (x0 + x1) / 2
  const my = (y0 + y1) / 2
  return {
    cx: cos * mx - sin * my,
    cy: sin * mx + cos * my,
    side: Math.max(x1 - x0, y1 - y0),
    angle,
  }
}

/**
 * Settles the mesh on the face that `start` shows roughly.
 * @returns undefined where the network sees no face
 */
export function settleMesh(network: GraphProgram, pyramid: PhotoPyramid, start: Square): MeshResult | undefined {
  let square = start
  let previous: Float64Array | undefined
  for (let round = 0; round < MAX_ROUNDS; round++) {
    const { points, presence } = runPair(network, pyramid, square)
    // The first crop comes from the detector and may be too far off for the presence score to mean much.
    if (presence < (round === 0 ? PRESENT / 10 : PRESENT)) return undefined
    const around = alignedSquare(points)
    square = { ...around, side: CROP_SCALE * around.side }
    if (previous !== undefined && meanDistance(points, previous) < (SETTLED * square.side) / CROP_SCALE) break
    previous = points
  }
  const mean = { points: new Float64Array(MESH_POINTS * 2), depths: new Float64Array(MESH_POINTS), presence: 0 }
  for (const [scale, turn] of JITTER) {
    const jittered = { ...square, side: square.side * scale, angle: square.angle + turn }
    const { points, depths, presence } = runPair(network, pyramid, jittered)
    mean.presence += presence / JITTER.length
    for (let i = 0; i < points.length; i++) mean.points[i] += points[i] / JITTER.length
    for (let i = 0; i < depths.length; i++) mean.depths[i] += depths[i] / JITTER.length
  }
  return mean.presence < PRESENT ? undefined : mean
}

function meanDistance(a: Float64Array, b: Float64Array): number {
  let sum = 0
  for (let i = 0; i < a.length; i += 2) sum += Math.hypot(a[i] - b[i], a[i + 1] - b[i + 1])
  return sum / (a.length / 2)
}
