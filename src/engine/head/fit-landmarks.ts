/**
 * What each landmark of the two layouts is, and how much the fit trusts it.
 *
 * Indices are those of the public definitions: iBUG 300-W (68) and MediaPipe's face mesh (478, the last ten the irises).
 */
import { CURVES, OPENINGS, type Opening } from '../evidence/layouts.js'
import type { HeadModel, LandmarkEmbedding } from '../stages.js'
import { embeddedPoint } from './embedding.js'

/** How the fit reads one landmark layout. */
export interface LandmarkPlan {
  embedding: LandmarkEmbedding
  /** [landmarks] relative weight of each squared residual, 0 = unused. Sums to the number of independent observations. */
  weights: Float64Array
  /** Landmarks of the jaw outline in order, from the subject's right ear over the chin to the left ear; they may slide. */
  jaw: readonly number[]
  /** Outer corners of the subject's right and left eye: their distance is the unit of residuals. */
  eyeCorners: readonly [number, number]
  /** [landmarks] what each is: robust weights are worked out for each kind by itself. */
  kinds: readonly LandmarkKind[]
  /** [landmarks] for points of lids and lips that may slide along their curve: the points before and after them. */
  neighbours: readonly (readonly [number, number] | undefined)[]
  /** Eyes and mouth: borders that may meet but not cross. */
  openings: readonly Opening[]
}

const JAW_68 = Array.from({ length: 17 }, (_, i) => i)

/** Right ear to left ear over the chin. */
const JAW_478 = [234, 93, 132, 58, 172, 136, 150, 149, 176, 148, 152, 377, 400, 378, 379, 365, 397, 288, 361, 323, 454]

/** The oval's upper half: the hair line, which no detector sees well. */
const FOREHEAD_478 = [127, 162, 21, 54, 103, 67, 109, 10, 338, 297, 332, 284, 251, 389, 356]

const EYES_478 = [
  263, 249, 390, 373, 374, 380, 381, 382, 362, 466, 388, 387, 386, 385, 384, 398, 33, 7, 163, 144, 145, 153, 154, 155,
  133, 246, 161, 160, 159, 158, 157, 173,
]

const BROWS_478 = [276, 283, 282, 295, 285, 300, 293, 334, 296, 336, 46, 53, 52, 65, 55, 70, 63, 105, 66, 107]

const LIPS_478 = [
  61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291, 185, 40, 39, 37, 0, 267, 269, 270, 409, 78, 95, 88, 178, 87, 14,
  317, 402, 318, 324, 308, 191, 80, 81, 82, 13, 312, 311, 310, 415,
]

const NOSE_478 = [168, 6, 197, 195, 5, 4, 1, 19, 94, 2, 98, 97, 326, 327, 294, 278, 344, 440, 275, 45, 220, 115, 48, 64]

/**
 * Weights of the kinds of landmark: how many independent observations of the usual error one is worth. Far below 1 on bare skin, where
 * neighbours share their errors; above where the network looks closely. Found on rendered scans and photos: see docs/head-fit.md.
 */
const KIND_WEIGHTS = { jaw: 0.68, forehead: 0.34, eyes: 2, brows: 0.41, lips: 1.2, nose: 0.68, skin: 0.24, iris: 0.2 }

export type LandmarkKind = keyof typeof KIND_WEIGHTS

/** Reads a layout for a model. */
export function landmarkPlan(model: HeadModel, layout: 68 | 478): LandmarkPlan {
  const kinds = Array.from({ length: layout }, (_, i) => (layout === 68 ? kind68 : kind478)(i))
  const trust = (i: number): number => (layout === 478 ? model.landmarkWeights478[i] : 1)
  const embedding = layout === 68 ? model.landmarks68 : model.landmarks478
  const weights = Float64Array.from(kinds, (kind, i) => (embedded(embedding, i) ? KIND_WEIGHTS[kind] * trust(i) : 0))
  return {
    embedding,
    weights,
    jaw: (layout === 68 ? JAW_68 : JAW_478).filter((i) => weights[i] > 0),
    eyeCorners: layout === 68 ? [36, 45] : [33, 263],
    kinds,
    neighbours: curveNeighbours(layout),
    openings: OPENINGS[layout].map(({ between, pairs }) => ({
      between,
      pairs: pairs.filter((pair) => pair.every((i) => weights[i] > 0) && opensBy(model, embedding, pair, between)),
    })),
  }
}

/** Heights of openings of a head at rest, metres: where a model places its landmarks otherwise, they are no borders that could meet. */
const REST_HEIGHTS = { lids: [0.002, 0.03], lips: [-0.002, 0.006] } as const

function opensBy(
  model: HeadModel,
  embedding: LandmarkEmbedding,
  [upper, lower]: readonly [number, number],
  between: Opening['between'],
): boolean {
  const [p, q] = [upper, lower].map((i) => embeddedPoint(model.mean, model.indices, embedding, i))
  const [least, most] = REST_HEIGHTS[between]
  return p[1] - q[1] > least && p[1] - q[1] < most
}

function curveNeighbours(layout: 68 | 478): LandmarkPlan['neighbours'] {
  const neighbours = new Array<readonly [number, number] | undefined>(layout).fill(undefined)
  for (const { points, corners } of CURVES[layout])
    points.forEach((i, n) => {
      if (corners.includes(i)) return
      neighbours[i] = [points[(n + points.length - 1) % points.length], points[(n + 1) % points.length]]
    })
  return neighbours
}

/** A landmark that a model lacks has no barycentric weights. */
function embedded(embedding: LandmarkEmbedding, i: number): boolean {
  const sum = embedding.barycentric[3 * i] + embedding.barycentric[3 * i + 1] + embedding.barycentric[3 * i + 2]
  return Math.abs(sum - 1) < 1e-2
}

function kind68(i: number): LandmarkKind {
  if (i < 17) return 'jaw'
  if (i < 27) return 'brows'
  if (i < 36) return 'nose'
  return i < 48 ? 'eyes' : 'lips'
}

const KINDS_478 = new Map<number, LandmarkKind>([
  ...JAW_478.map((i) => [i, 'jaw'] as const),
  ...FOREHEAD_478.map((i) => [i, 'forehead'] as const),
  ...EYES_478.map((i) => [i, 'eyes'] as const),
  ...BROWS_478.map((i) => [i, 'brows'] as const),
  ...LIPS_478.map((i) => [i, 'lips'] as const),
  ...NOSE_478.map((i) => [i, 'nose'] as const),
])

function kind478(i: number): LandmarkKind {
  return i >= 468 ? 'iris' : (KINDS_478.get(i) ?? 'skin')
}
