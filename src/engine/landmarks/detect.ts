/**
 * Faces and their 478 landmarks: BlazeFace finds faces, the face mesh network places 468 points, and is run again on crops
 * aligned by its own result until the points settle (its first pass is visibly off on tilted faces); the iris network then
 * refines the lids and adds the irises. Networks: MediaPipe (Apache-2.0), as converted in `@vladmandic/human` (MIT).
 */
import type { PortableBackend } from '../compute/tfjs.js'
import type { Face, Photo } from '../stages.js'
import { searchFaces } from './blazeface.js'
import { type LandmarkNetworks, loadNetworks } from './models.js'
import { PhotoPyramid, patchToPhoto, type Square, samplePatch } from './patch.js'
import { IRIS_NET_TO_LEFT_EYE, IRIS_NET_TO_RIGHT_EYE } from './topology.js'

const MESH_INPUT = 192
const IRIS_INPUT = 64
/** Side of the mesh network's crop over the extent of the points, as MediaPipe has it. */
const CROP_SCALE = 1.5
/** The points have settled when they move less than this share of the face's side from one round to the next. */
const SETTLED = 0.002
const ROUNDS = 8
/** The result is averaged over crops of these relative sizes: it halves the network's jitter. */
const JITTER = [0.95, 1, 1.06]
/** Presence score (of the mesh network) below which a detection is no face. */
const PRESENT = 0.5

export interface DetectOptions {
  /** Smallest face that is looked for, side in pixels. */
  minFace?: number
}

export class LandmarkDetector {
  private constructor(private readonly networks: LandmarkNetworks) {}

  /** @throws SiderError BACKEND_MISSING, COMPUTE_FAILED where the networks cannot be loaded */
  static async create(backend: PortableBackend = 'wasm'): Promise<LandmarkDetector> {
    return new LandmarkDetector(await loadNetworks(backend))
  }

  /** All faces of the photo, the largest first. */
  detect(photo: Photo, { minFace = 24 }: DetectOptions = {}): Face[] {
    const pyramid = new PhotoPyramid(photo)
    const faces: Face[] = []
    for (const found of searchFaces(this.networks.blazeface, pyramid, { minFace, threshold: 0.5 })) {
      const [rx, ry, lx, ly] = found.keypoints
      const square = { cx: found.cx, cy: found.cy, side: found.side * CROP_SCALE, angle: Math.atan2(ly - ry, lx - rx) }
      const settled = this.settle(pyramid, square)
      if (!settled) continue
      const points = new Float64Array(478 * 2)
      points.set(settled.points)
      const depths = new Float64Array(478).fill(Number.NaN)
      depths.set(settled.depths)
      this.refineEye(pyramid, points, 33, 133, IRIS_NET_TO_RIGHT_EYE, 468, true)
      this.refineEye(pyramid, points, 263, 362, IRIS_NET_TO_LEFT_EYE, 473, false)
      faces.push({ box: boundingBox(points), landmarks: { layout: 478, points, depths }, score: found.score })
    }
    const area = ({ box }: Face): number => box.width * box.height
    return faces.sort((a, b) => area(b) - area(a)).filter((face, i, all) => !all.slice(0, i).some((o) => same(o, face)))
  }

  dispose(): void {
    for (const network of Object.values(this.networks)) network.dispose()
  }

  /** The mesh network on one square: 468 photo points, their relative depths in photo pixels, and the presence score. */
  private mesh(
    pyramid: PhotoPyramid,
    square: Square,
  ): { points: Float64Array; depths: Float64Array; presence: number } {
    const outputs = this.networks.facemesh.run(samplePatch(pyramid, square, MESH_INPUT, { scale: 1 / 255, offset: 0 }))
    const mesh = outputs.find((o) => o.length === 468 * 3)!
    const presence = outputs.find((o) => o.length === 1)![0]
    const depths = Float64Array.from({ length: 468 }, (_, i) => (mesh[3 * i + 2] * square.side) / MESH_INPUT)
    return { points: patchToPhoto(mesh, 3, square, MESH_INPUT), depths, presence }
  }

  /** Runs the mesh network until its points settle; undefined where it sees no face. */
  private settle(pyramid: PhotoPyramid, start: Square): { points: Float64Array; depths: Float64Array } | undefined {
    let square = start
    let previous: Float64Array | undefined
    for (let round = 0; round < ROUNDS; round++) {
      const { points, presence } = this.mesh(pyramid, square)
      if (presence < PRESENT && round > 0) return undefined
      square = alignedSquare(points)
      if (previous && meanDistance(points, previous) < (SETTLED * square.side) / CROP_SCALE) break
      previous = points
    }
    const mean = { points: new Float64Array(468 * 2), depths: new Float64Array(468) }
    for (const scale of JITTER) {
      const { points, depths } = this.mesh(pyramid, { ...square, side: square.side * scale })
      for (let i = 0; i < points.length; i++) mean.points[i] += points[i] / JITTER.length
      for (let i = 0; i < depths.length; i++) mean.depths[i] += depths[i] / JITTER.length
    }
    return mean
  }

  /** Lids and iris of one eye. The network is made for left eyes; right ones are shown mirrored. */
  private refineEye(
    pyramid: PhotoPyramid,
    points: Float64Array,
    outer: number,
    inner: number,
    lids: readonly number[],
    iris: number,
    mirrored: boolean,
  ): void {
    const at = (i: number): [number, number] => [points[2 * i], points[2 * i + 1]]
    const [[ox, oy], [ix, iy]] = [at(outer), at(inner)]
    const width = Math.hypot(ox - ix, oy - iy)
    const angle = mirrored ? Math.atan2(iy - oy, ix - ox) : Math.atan2(oy - iy, ox - ix)
    const square = { cx: (ox + ix) / 2, cy: (oy + iy) / 2, side: width * 2.3, angle }
    const patch = samplePatch(pyramid, square, IRIS_INPUT, { scale: 1 / 255, offset: 0, mirrored })
    const outputs = this.networks.iris.run(patch)
    const all = outputs.length === 1 ? outputs[0] : undefined
    const eye = all ? all.subarray(0, 71 * 3) : outputs.find((o) => o.length === 71 * 3)!
    const pupil = all ? all.subarray(71 * 3) : outputs.find((o) => o.length === 5 * 3)!
    const contour = patchToPhoto(eye, 3, square, IRIS_INPUT, mirrored)
    // Both networks see the lids; the iris network sees them larger.
    lids.forEach((landmark, i) => {
      for (const k of [0, 1]) points[2 * landmark + k] = (points[2 * landmark + k] + 2 * contour[2 * i + k]) / 3
    })
    points.set(patchToPhoto(pupil, 3, square, IRIS_INPUT, mirrored), 2 * iris)
  }
}

/** The square that the mesh network wants around points: turned by the eye line, 1.5 times their extent. */
function alignedSquare(points: Float64Array): Square {
  const angle = Math.atan2(points[2 * 263 + 1] - points[2 * 33 + 1], points[2 * 263] - points[2 * 33])
  const [cos, sin] = [Math.cos(angle), Math.sin(angle)]
  const low = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY]
  const high = [Number.NEGATIVE_INFINITY, Number.NEGATIVE_INFINITY]
  for (let i = 0; i < points.length; i += 2) {
    const turned = [cos * points[i] + sin * points[i + 1], cos * points[i + 1] - sin * points[i]]
    for (const k of [0, 1]) {
      low[k] = Math.min(low[k], turned[k])
      high[k] = Math.max(high[k], turned[k])
    }
  }
  const [mx, my] = [(low[0] + high[0]) / 2, (low[1] + high[1]) / 2]
  const side = CROP_SCALE * Math.max(high[0] - low[0], high[1] - low[1])
  return { cx: cos * mx - sin * my, cy: sin * mx + cos * my, side, angle }
}

function meanDistance(a: Float64Array, b: Float64Array): number {
  let sum = 0
  for (let i = 0; i < a.length; i += 2) sum += Math.hypot(a[i] - b[i], a[i + 1] - b[i + 1])
  return sum / (a.length / 2)
}

/** Bounding box of landmarks [n, 2]. */
export function boundingBox(points: Float64Array): Face['box'] {
  const xs = points.filter((_, i) => i % 2 === 0)
  const ys = points.filter((_, i) => i % 2 === 1)
  const [x, y] = [Math.min(...xs), Math.min(...ys)]
  return { x, y, width: Math.max(...xs) - x, height: Math.max(...ys) - y }
}

/** Two detections that settled on one face. */
function same(a: Face, b: Face): boolean {
  const w = Math.min(a.box.x + a.box.width, b.box.x + b.box.width) - Math.max(a.box.x, b.box.x)
  const h = Math.min(a.box.y + a.box.height, b.box.y + b.box.height) - Math.max(a.box.y, b.box.y)
  return w > 0 && h > 0 && w * h > 0.4 * b.box.width * b.box.height
}
