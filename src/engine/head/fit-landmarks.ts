/**
 * What each landmark of the two layouts is, and how much the fit trusts it.
 *
 * Indices are those of the public definitions: iBUG 300-W (68) and MediaPipe's face mesh (478, the last ten the irises).
 */
import type { HeadModel, LandmarkEmbedding } from '../stages.js'

/** How the fit reads one landmark layout. */
export interface LandmarkPlan {
  embedding: LandmarkEmbedding
  /** [landmarks] relative weight of each squared residual, 0 = unused. Sums to the number of independent observations. */
  weights: Float64Array
  /** Landmarks of the jaw outline in order, from the subject's right ear over the chin to the left ear; they may slide. */
  jaw: readonly number[]
  /** Outer corners of the subject's right and left eye: their distance is the unit of residuals. */
  eyeCorners: readonly [number, number]
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

/** Weights of the kinds of landmark. Found on rendered scans and photos: see docs/head-fit.md. */
const KIND_WEIGHTS = { jaw: 1, forehead: 0.5, eyes: 0.8, brows: 0.6, lips: 0.6, nose: 1, skin: 0.35, iris: 0.3 }

/**
 * How many independent observations a layout is worth. The 478 points come from one network and share its errors, so they
 * do not count 478 times against the priors.
 */
const INDEPENDENT_LANDMARKS = { 68: 68, 478: 110 }

/** Reads a layout for a model. */
export function landmarkPlan(model: HeadModel, layout: 68 | 478): LandmarkPlan {
  const weights = new Float64Array(layout)
  const kind = layout === 68 ? kind68 : kind478
  for (let i = 0; i < layout; i++) {
    const name = kind(i)
    const trust = layout === 478 ? model.landmarkWeights478[i] : 1
    weights[i] = KIND_WEIGHTS[name] * trust
  }
  const embedding = layout === 68 ? model.landmarks68 : model.landmarks478
  for (let i = 0; i < layout; i++) if (!embedded(embedding, i)) weights[i] = 0
  const total = weights.reduce((sum, w) => sum + w, 0)
  if (total > 0) for (let i = 0; i < layout; i++) weights[i] *= INDEPENDENT_LANDMARKS[layout] / total
  return {
    embedding,
    weights,
    jaw: (layout === 68 ? JAW_68 : JAW_478).filter((i) => weights[i] > 0),
    eyeCorners: layout === 68 ? [36, 45] : [33, 263],
  }
}

/** A landmark that a model lacks has no barycentric weights. */
function embedded(embedding: LandmarkEmbedding, i: number): boolean {
  const sum = embedding.barycentric[3 * i] + embedding.barycentric[3 * i + 1] + embedding.barycentric[3 * i + 2]
  return Math.abs(sum - 1) < 1e-2
}

function kind68(i: number): keyof typeof KIND_WEIGHTS {
  if (i < 17) return 'jaw'
  if (i < 27) return 'brows'
  if (i < 36) return 'nose'
  return i < 48 ? 'eyes' : 'lips'
}

const KINDS_478 = new Map<number, keyof typeof KIND_WEIGHTS>([
  ...JAW_478.map((i) => [i, 'jaw'] as const),
  ...FOREHEAD_478.map((i) => [i, 'forehead'] as const),
  ...EYES_478.map((i) => [i, 'eyes'] as const),
  ...BROWS_478.map((i) => [i, 'brows'] as const),
  ...LIPS_478.map((i) => [i, 'lips'] as const),
  ...NOSE_478.map((i) => [i, 'nose'] as const),
])

function kind478(i: number): keyof typeof KIND_WEIGHTS {
  return i >= 468 ? 'iris' : (KINDS_478.get(i) ?? 'skin')
}
