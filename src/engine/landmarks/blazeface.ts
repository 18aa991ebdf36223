/**
 * Face detection: BlazeFace (Bazarevsky et al. 2019), the 256-pixel "back camera" network, on tiles of the photo.
 *
 * The network sees faces between about a tenth and the whole of its input. Tiles of halving size make it find small faces in
 * large photos; the finer levels are searched only while they can hold faces that matter beside those already found.
 */
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

/** Anchor centres of the two output grids, in the order of the network's rows: 16x16 cells of 2, then 8x8 of 6. */
const ANCHORS: ReadonlyArray<{ rows: number; grid: number; perCell: number }> = [
  { rows: 512, grid: 16, perCell: 2 },
  { rows: 384, grid: 8, perCell: 6 },
]

/** Runs the network on one square of the photo. */
function detectTile(network: GraphProgram, pyramid: PhotoPyramid, square: Square, threshold: number): Detection[] {
  const input = samplePatch(pyramid, square, INPUT, { scale: 1 / 127.5, offset: -1, outside: 'black' })
  const outputs = network.run(input)
  const found: Detection[] = []
  for (const { rows, grid, perCell } of ANCHORS) {
    const scores = outputs.find((o) => o.length === rows)!
    const boxes = outputs.find((o) => o.length === rows * 16)!
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
export function mergeDetections(detections: Detection[]): Detection[] {
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

/** Tiles of `side` that cover the photo with half their side in common, each centred and as few as that needs. */
function tiles(width: number, height: number, side: number): Square[] {
  const along = (length: number): number[] => {
    if (length <= side) return [length / 2]
    const count = Math.ceil((length - side) / (side * 0.6)) + 1
    return Array.from({ length: count }, (_, i) => side / 2 + ((length - side) * i) / (count - 1))
  }
  return along(height).flatMap((cy) => along(width).map((cx) => ({ cx, cy, side, angle: 0 })))
}

/** Smallest face, as a share of a tile, that the network finds reliably. */
const SMALLEST_IN_TILE = 0.12

export interface SearchOptions {
  /** Faces below this many pixels are not looked for. */
  minFace: number
  threshold: number
}

/**
 * Finds faces of all sizes from `minFace` up. Finer levels are skipped once faces were found beside which anything they
 * could add is tiny (a fifth of the largest found): people in the background are not what a portrait shows.
 * Where nothing is found upright, the photo is tried on its side and upside down.
 */
export function searchFaces(network: GraphProgram, pyramid: PhotoPyramid, options: SearchOptions): Detection[] {
  const { width, height } = pyramid.photo
  const long = Math.max(width, height)
  let found: Detection[] = []
  // The first level lays a margin around the photo: a face that fills it would otherwise be cut by the tile.
  const whole = { cx: width / 2, cy: height / 2, side: long, angle: 0 }
  found.push(...detectTile(network, pyramid, { ...whole, side: long * 1.5 }, options.threshold))
  for (let side = long; ; side /= 2) {
    for (const tile of tiles(width, height, side)) {
      found.push(...detectTile(network, pyramid, tile, options.threshold))
    }
    found = mergeDetections(found)
    const largest = found.reduce((most, d) => Math.max(most, d.side), 0)
    const nextFinds = (side / 2) * SMALLEST_IN_TILE
    const enough = found.length > 0 && side * SMALLEST_IN_TILE < largest / 5
    if (enough || nextFinds * 2 <= options.minFace || side / 2 < INPUT / 2) break
  }
  if (found.length > 0) return found
  for (const angle of [Math.PI / 2, -Math.PI / 2, Math.PI]) {
    found.push(...detectTile(network, pyramid, { ...whole, angle }, options.threshold))
    found.push(...detectTile(network, pyramid, { ...whole, side: long * 1.5, angle }, options.threshold))
  }
  return mergeDetections(found)
}
