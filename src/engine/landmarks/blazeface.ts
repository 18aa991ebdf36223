/**
 * Face detection: BlazeFace (Bazarevsky et al. 2019), the 256-pixel "back camera" network, on tiles of the photo.
 *
 * The network sees faces between a twentieth and seven tenths of its input (measured: scores stay above 0.75 there). Tiles
 * of falling size make it find small faces in large photos.
 */
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { GraphProgram } from '../compute/tfjs.js'
import { type PhotoPyramid, patchToPhoto, type Square, samplePatch } from './patch.js'

const INPUT = 256

/** One detection in photo pixels. */
export interface Detection {
  cx: number
  cy: number
  /** Side of the square box (brows to chin). */
  side: number
  /** [6, 2] right eye, left eye (the subject's), nose tip, mouth, right ear, left ear. */
  keypoints: Float64Array
  score: number
}

/** The two output grids, with anchor centres in the order of their rows: 16x16 cells of 2, and 8x8 of 6. */
const ANCHORS: ReadonlyArray<{ scores: string; boxes: string; rows: number; grid: number; perCell: number }> = [
  { scores: 'Identity', boxes: 'Identity_2', rows: 512, grid: 16, perCell: 2 },
  { scores: 'Identity_1', boxes: 'Identity_3', rows: 384, grid: 8, perCell: 6 },
]

/** Runs the network on one square of the photo. */
function detectTile(network: GraphProgram, pyramid: PhotoPyramid, square: Square, threshold: number): Detection[] {
  const input = samplePatch(pyramid, square, INPUT, { scale: 1 / 127.5, offset: -1, outside: 'black' })
  const outputs = network.run(input)
  const found: Detection[] = []
  for (const { rows, grid, perCell, ...names } of ANCHORS) {
    const scores = outputs[names.scores]
    const boxes = outputs[names.boxes]
    for (let i = 0; i < rows; i++) {
      const score = 1 / (1 + Math.exp(-scores[i]))
      if (score < threshold) continue
      const cell = Math.floor(i / perCell)
      const ax = (((cell % grid) + 0.5) * INPUT) / grid
      const ay = ((Math.floor(cell / grid) + 0.5) * INPUT) / grid
      const row = boxes.subarray(i * 16, i * 16 + 16)
      const points = new Float64Array(14)
      for (let p = 0; p < 7; p++) {
        // The first pair is the box centre, the third on are keypoints; the second is its size.
        const from = p === 0 ? 0 : 2 + p * 2
        points[p * 2] = ax + row[from]
        points[p * 2 + 1] = ay + row[from + 1]
      }
      const photo = patchToPhoto(points, 2, square, INPUT)
      found.push({
        cx: photo[0],
        cy: photo[1],
        side: (Math.max(row[2], row[3]) * square.side) / INPUT,
        keypoints: photo.slice(2),
        score,
      })
    }
  }
  return found
}

/** Intersection of two square boxes, over their union and over the smaller of them. */
function overlap(a: Detection, b: Detection): { union: number; smaller: number } {
  const reach = (a.side + b.side) / 2
  const w = Math.min(reach - Math.abs(a.cx - b.cx), a.side, b.side)
  const h = Math.min(reach - Math.abs(a.cy - b.cy), a.side, b.side)
  if (w <= 0 || h <= 0) return { union: 0, smaller: 0 }
  const both = w * h
  return { union: both / (a.side ** 2 + b.side ** 2 - both), smaller: both / Math.min(a.side, b.side) ** 2 }
}

/**
 * Weighted non-maximum suppression: the boxes that overlap the best one well are averaged by score into one detection (less
 * jitter than the best alone), those that overlap it a little are dropped.
 */
function mergeDetections(detections: Detection[]): Detection[] {
  const rest = [...detections].sort((a, b) => b.score - a.score)
  const merged: Detection[] = []
  while (rest.length > 0) {
    const best = rest[0]
    const group: Detection[] = []
    for (let i = rest.length - 1; i >= 0; i--) {
      const { union, smaller } = overlap(best, rest[i])
      if (union > 0.45) group.push(rest[i])
      if (union > 0.25 || smaller > 0.7) rest.splice(i, 1)
    }
    const weight = group.reduce((sum, d) => sum + d.score, 0)
    const mean = (value: (d: Detection) => number): number =>
      group.reduce((sum, d) => sum + d.score * value(d), 0) / weight
    merged.push({
      cx: mean((d) => d.cx),
      cy: mean((d) => d.cy),
      side: mean((d) => d.side),
      keypoints: best.keypoints.map((_, k) => mean((d) => d.keypoints[k])),
      score: best.score,
    })
  }
  return merged
}

/**
 * Looks at a face the other way up: the network takes some upside-down faces for upright ones, with less confidence.
 * @returns the face as found in the photo turned by 180 degrees, where that is the better guess
 */
export function detectTurned(
  network: GraphProgram,
  pyramid: PhotoPyramid,
  found: Detection,
  threshold: number,
): Detection | undefined {
  const [rx, ry, lx, ly] = found.keypoints
  const angle = Math.atan2(ly - ry, lx - rx) + Math.PI
  const square = { cx: found.cx, cy: found.cy, side: found.side * 3, angle }
  const turned = mergeDetections(detectTile(network, pyramid, square, threshold))
  const near = turned.filter((d) => Math.hypot(d.cx - found.cx, d.cy - found.cy) < found.side * 0.5)
  return near.find((d) => d.score > found.score + 0.05)
}

/** Squares of `side` that cover the photo, each sharing two fifths with the next, as few as that needs. */
function tiles(width: number, height: number, side: number): Square[] {
  const along = (length: number): number[] => {
    if (length <= side) return [length / 2]
    const count = Math.ceil((length - side) / (side * 0.6)) + 1
    return Array.from({ length: count }, (_, i) => side / 2 + ((length - side) * i) / (count - 1))
  }
  return along(height).flatMap((cy) => along(width).map((cx) => ({ cx, cy, side, angle: 0 })))
}

/** Smallest face, as a share of a tile, that the network finds reliably. */
const SMALLEST_IN_TILE = 0.06
/** Tiles shrink by this from level to level: what one level sees at its best, the next sees well. */
const LEVEL_RATIO = 2.5
/** Bound on the work for one photo (a tile takes about 50 ms on one core). */
const MAX_TILES = 250

export interface SearchOptions {
  /** Faces below this many pixels are not looked for. */
  minFace: number
  threshold: number
  signal?: AbortSignal | undefined
  /** Whether upright faces were found so far: the photo is turned only where there are none. */
  foundUpright: () => boolean
}

/** What one level of the search found. */
export interface SearchLevel {
  detections: Detection[]
  /** Smallest face that this level finds reliably, side in photo pixels. */
  smallest: number
}

/**
 * Searches the photo from coarse to fine, one level at a time, so that the caller can stop when it has what it wants. The
 * first level sees the whole photo with and without a margin (a face that fills the photo would otherwise be cut by the
 * tile). A photo without upright faces after the
 * second level is tried on its side and upside down.
 */
export async function* searchLevels(
  network: GraphProgram,
  pyramid: PhotoPyramid,
  options: SearchOptions,
): AsyncGenerator<SearchLevel, void> {
  const { width, height } = pyramid.photo
  const long = Math.max(width, height)
  const search = async (squares: Square[], smallest: number): Promise<SearchLevel> => {
    const detections: Detection[] = []
    for (const square of squares) {
      await nextTurn()
      options.signal?.throwIfAborted()
      detections.push(...detectTile(network, pyramid, square, options.threshold))
    }
    return { detections: mergeDetections(detections), smallest }
  }
  const whole = (scale: number, angle: number): Square => ({
    cx: width / 2,
    cy: height / 2,
    side: long * scale,
    angle,
  })

  yield await search([whole(1.5, 0), whole(1, 0)], long * SMALLEST_IN_TILE)
  let count = 2
  for (let side = long / LEVEL_RATIO, level = 2; ; side /= LEVEL_RATIO, level++) {
    // The last level need not be finer than the smallest face asked for.
    const last = side * SMALLEST_IN_TILE <= options.minFace
    const size = last ? options.minFace / SMALLEST_IN_TILE : side
    if (size < long) {
      const squares = tiles(width, height, size)
      count += squares.length
      if (count > MAX_TILES) return
      yield await search(squares, size * SMALLEST_IN_TILE)
    }
    if (level === 2 && !options.foundUpright()) {
      const turns = [Math.PI / 2, -Math.PI / 2, Math.PI]
      yield await search(
        turns.flatMap((angle) => [whole(1.5, angle), whole(1, angle)]),
        size * SMALLEST_IN_TILE,
      )
    }
    if (last) return
  }
}
