/**
 * Faces and their 478 landmarks: BlazeFace finds faces, the face mesh network settles on each, the attention network refines lips,
 * lids and irises.
 */
import type { PortableBackend } from '../compute/tfjs.js'
import { SiderError } from '../errors.js'
import { LEFT_EYE_OUTER, RIGHT_EYE_OUTER } from '../evidence/layouts.js'
import type { Box, Face, Photo } from '../stages.js'
import { pass } from '../system/pass.js'
import { refineFeatures } from './attention.js'
import { type Detection, detectTurned, searchLevels } from './blazeface.js'
import { boundingBox } from './box.js'
import { settleMesh } from './mesh.js'
import { type LandmarkNetworks, loadNetworks } from './models.js'
import { PhotoPyramid, type Square } from './patch.js'

/** Side of the mesh network's first crop over the detector's box. */
const FIRST_CROP = 1.5
/** A finer search is worth its time while it could add faces above this share of the largest found. */
const WORTH_FINDING = 0.3
/** Confidence of the detector above which a face is not upside down. */
const SURELY_UPRIGHT = 0.85

export interface DetectOptions {
  /** Smallest face that is looked for where there are no larger ones: side of its box in pixels. */
  minFace?: number
  /** Confidence of the detector below which a candidate is not looked at; the mesh network judges the others. */
  threshold?: number
  signal?: AbortSignal
}

/** Finds faces and their landmarks. Make one and keep it: loading the networks takes a quarter of a second. */
export class LandmarkDetector {
  readonly #networks: LandmarkNetworks

  private constructor(networks: LandmarkNetworks) {
    this.#networks = networks
  }

  /**
   * @param backend tfjs backend; 'auto' is wasm, or the (forty times slower) plain JavaScript one where wasm does not start
   * @throws SiderError BACKEND_MISSING, COMPUTE_FAILED where the networks cannot be loaded
   */
  static async create(backend: PortableBackend | 'auto' = 'auto'): Promise<LandmarkDetector> {
    if (backend !== 'auto') return new LandmarkDetector(await loadNetworks(backend))
    try {
      return new LandmarkDetector(await loadNetworks('wasm'))
    } catch (error) {
      if (!(error instanceof SiderError) || error.code !== 'BACKEND_MISSING') throw error
      return new LandmarkDetector(await loadNetworks('cpu'))
    }
  }

  /**
   * All faces of the photo, the largest first, boxes and landmarks (layout 478) in photo pixels. Landmarks may lie beyond the
   * photo where a face is cut by its border. Same photo, same result. Other work gets its turn between two tiles.
   */
  async detect(photo: Photo, options: DetectOptions = {}): Promise<Face[]> {
    const { minFace = 30, threshold = 0.5, signal } = options
    const pyramid = new PhotoPyramid(photo)
    const faces: Face[] = []
    const rejected: Detection[] = []
    const search = { minFace, threshold, signal, foundUpright: () => faces.some(isUpright) }
    for await (const level of searchLevels(this.#networks.blazeface, pyramid, search)) {
      for (const found of level.detections) {
        if (faces.some(({ box }) => covers(box, found)) || rejected.some((r) => sameSpot(r, found))) continue
        await pass(signal)
        // Confidence below this is what an upside-down face gets; looking again costs one more run of the detector.
        const sure = found.score > SURELY_UPRIGHT
        const turned = sure ? undefined : detectTurned(this.#networks.blazeface, pyramid, found, threshold)
        const face = await this.#landmarks(pyramid, turned ?? found, signal)
        if (face === undefined) rejected.push(found)
        else if (!faces.some((other) => sameFace(other.box, face.box))) faces.push(face)
      }
      const largest = faces.reduce((most, { box }) => Math.max(most, box.width, box.height), 0)
      if (faces.length > 0 && level.smallest <= largest * WORTH_FINDING) break
    }
    return faces.sort((a, b) => area(b.box) - area(a.box))
  }

  /** Frees the networks' weights. */
  dispose(): void {
    for (const network of Object.values(this.#networks)) network.dispose()
  }

  /** Landmarks of one detection, or undefined where the mesh network sees no face. */
  async #landmarks(pyramid: PhotoPyramid, found: Detection, signal?: AbortSignal): Promise<Face | undefined> {
    const [rx, ry, lx, ly] = found.keypoints
    const start: Square = {
      cx: found.cx,
      cy: found.cy,
      side: found.side * FIRST_CROP,
      angle: Math.atan2(ly - ry, lx - rx),
    }
    const mesh = settleMesh(this.#networks.facemesh, pyramid, start)
    if (mesh === undefined) return undefined
    await pass(signal)
    const points = new Float64Array(478 * 2)
    points.set(mesh.points)
    const disagreement = refineFeatures(this.#networks.attention, pyramid, points)
    const depths = new Float64Array(478).fill(Number.NaN) // the irises' depths are not known
    depths.set(mesh.depths)
    return {
      box: boundingBox(points),
      landmarks: { layout: 478, points, depths, disagreement },
      score: mesh.presence * found.score,
    }
  }
}

const area = (box: Box): number => box.width * box.height

/** Whether a face is turned by less than 80 degrees. */
function isUpright({ landmarks: { points } }: Face): boolean {
  const [r, l] = [2 * RIGHT_EYE_OUTER, 2 * LEFT_EYE_OUTER]
  return Math.abs(Math.atan2(points[l + 1] - points[r + 1], points[l] - points[r])) < (80 / 180) * Math.PI
}

/** Whether a detection lies in the box of a face that was found already. */
function covers(box: Box, found: Detection): boolean {
  const inside = found.cx > box.x && found.cx < box.x + box.width && found.cy > box.y && found.cy < box.y + box.height
  return inside && found.side < 1.5 * Math.max(box.width, box.height)
}

function sameSpot(a: Detection, b: Detection): boolean {
  return Math.hypot(a.cx - b.cx, a.cy - b.cy) < 0.2 * a.side && Math.abs(Math.log2(a.side / b.side)) < 0.3
}

/** Two detections that settled on one face. */
function sameFace(a: Box, b: Box): boolean {
  const w = Math.min(a.x + a.width, b.x + b.width) - Math.max(a.x, b.x)
  const h = Math.min(a.y + a.height, b.y + b.height) - Math.max(a.y, b.y)
  return w > 0 && h > 0 && w * h > 0.5 * Math.min(area(a), area(b))
}
