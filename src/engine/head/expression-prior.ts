/**
 * Which movements of a face go together: the prior of the expression coefficients.
 *
 * Muscles do not move one at a time. An open mouth is cheap whatever its width, a shut eye is as plausible as an open one, and a
 * stretched mouth with a sideways jaw is neither; independent spreads say none of that. So a face is a sum of movements, each of
 * which moves several coefficients together by a random amount, and a little of everything else:
 *
 *   β = Σ_m a_m d_m + e,   a_m ~ N(0, s_m²),   e ~ N(0, (r σ)²)
 *
 * This is a Gaussian with the covariance Σ s_m² d_m d_mᵀ + r² diag(σ²). Movements are told by ARKit's names of the coefficients, so every
 * model that has them shares the prior; models without (FLAME's are principal components) keep their own independent spreads.
 */
import { inverseOf } from '../geometry/algebra.js'
import type { HeadModel } from '../stages.js'
import { embeddedPoint } from './embedding.js'

/** One movement: its spread, and what moves with it. A name that ends in | stands for both sides. */
type Movement = readonly [spread: number, moves: Readonly<Record<string, number>>]

const MOVEMENTS: readonly Movement[] = [
  // Mouth: opening, laughing, rounding, pressing
  [0.8, { jawOpen: 1 }],
  [0.25, { jawOpen: 0.7, mouthLipsPartWide: 0.5, 'mouthUpperUp|': 0.4, 'mouthLowerDown|': 0.4 }],
  [0.45, { 'mouthSmile|': 0.9, 'cheekSquint|': 0.3, 'eyeSquint|': 0.25, 'mouthDimple|': 0.15 }],
  [
    0.35,
    {
      'mouthSmile|': 0.6,
      'mouthLaugh|': 0.6,
      jawOpen: 0.4,
      'mouthUpperUp|': 0.5,
      mouthLipsPart: 0.3,
      'eyeSquint|': 0.5,
    },
  ],
  [0.4, { 'mouthLaugh|': 0.7, 'mouthUpperUp|': 0.4, 'mouthLowerDown|': 0.3, mouthLipsPart: 0.3 }],
  [0.3, { mouthLipsPart: 0.7, mouthLipsPartWide: 0.2, 'mouthUpperUp|': 0.2, 'mouthLowerDown|': 0.2 }],
  [0.35, { mouthPucker: 1 }],
  [0.35, { mouthFunnel: 1, jawOpen: 0.3 }],
  [0.2, { mouthEversion: 1 }],
  [0.3, { 'mouthFrown|': 1, mouthShrugLower: 0.4 }],
  [0.15, { 'mouthStretch|': 1, 'mouthLowerDown|': 0.4, neckPlatysma: 0.5 }],
  [0.25, { 'mouthUpperUp|': 1 }],
  [0.15, { 'mouthLowerDown|': 1 }],
  [0.25, { 'mouthDimple|': 1, 'mouthPress|': 0.5 }],
  [0.2, { mouthClose: 1 }],
  [0.2, { mouthRollLower: 1, mouthRollUpper: 1 }],
  [0.2, { mouthShrugUpper: 1, mouthShrugLower: 1 }],
  [0.25, { 'cheekPuff|': 1, cheekPuff: 1 }],
  [0.2, { jawForward: 1 }],
  [0.2, { jawLeft: 1, mouthLeft: 0.5 }],
  [0.2, { jawRight: 1, mouthRight: 0.5 }],
  [0.25, { mouthLeft: 1 }],
  [0.25, { mouthRight: 1 }],
  // Eyes: shut, narrow, wide, turned
  [0.6, { 'eyeBlink|': 1 }],
  [0.35, { 'eyeSquint|': 1, 'cheekSquint|': 0.5 }],
  [0.35, { 'eyeWide|': 1 }],
  [0.3, { 'eyeLookUp|': 1 }],
  [0.35, { 'eyeLookDown|': 1 }],
  [0.35, { eyeLookOutLeft: 1, eyeLookInRight: 1 }],
  [0.35, { eyeLookInLeft: 1, eyeLookOutRight: 1 }],
  // Brows
  [0.4, { 'browUp|': 1, browInnerUp: 0.5, 'browInnerUp|': 0.4, 'browOuterUp|': 0.5 }],
  [0.3, { 'browInnerUp|': 1, browInnerUp: 1 }],
  [0.35, { 'browDown|': 1, 'noseSneer|': 0.2, 'eyeSquint|': 0.2 }],
  // Whole faces
  [0.3, { 'browUp|': 0.7, browInnerUp: 0.6, 'browOuterUp|': 0.6, 'eyeWide|': 0.7, jawOpen: 0.6 }],
  [0.3, { 'noseSneer|': 1, 'mouthUpperUp|': 0.6, 'browDown|': 0.4, noseCompress: 0.5, 'eyeSquint|': 0.4 }],
]

/** Spread of one side alone, as a share of the spread of both sides together. */
const ONE_SIDED = 0.4
/** What no movement explains, as a share of the model's own spreads. */
const REST = 0.2

/**
 * Covariance of a model's first expression coefficients a priori.
 *
 * @returns [count, count] symmetric
 */
function expressionCovariance(model: HeadModel, count: number): Float64Array {
  const covariance = new Float64Array(count * count)
  const names = new Map(model.expressionNames.slice(0, count).map((name, k) => [name, k]))
  const add = (spread: number, moves: readonly (readonly [string, number])[]): void => {
    const known = moves.flatMap(([name, by]) => (names.has(name) ? [[names.get(name)!, by * spread] as const] : []))
    for (const [i, a] of known) for (const [j, b] of known) covariance[i * count + j] += a * b
  }
  const rest = names.has('jawOpen') ? REST : 1
  for (let k = 0; k < count; k++) covariance[k * count + k] = (rest * model.expressionSigma[k]) ** 2
  for (const [spread, moves] of MOVEMENTS) {
    const all = Object.entries(moves)
    const both = all.flatMap(([name, by]) => sides(name).map((one) => [one, by] as const))
    add(spread, both)
    if (both.length === all.length) continue
    for (const side of ['Left', 'Right'])
      add(
        ONE_SIDED * spread,
        both.filter(([name]) => name.endsWith(side) || !/(Left|Right)$/.test(name)),
      )
  }
  return covariance
}

const sides = (name: string): string[] =>
  name.endsWith('|') ? ['Left', 'Right'].map((s) => name.slice(0, -1) + s) : [name]

/** How far lips part without the jaw, metres, standard deviation: where nothing is known of the teeth, and over teeth that meet. */
const PARTED_LIPS = 0.003
const PARTED_OVER_TEETH = 0.01
/** `jawOpen` of teeth that meet, standard deviation. */
const MET = 0.03
/** iBUG's middle of the inner lips. */
const UPPER_LIP = 62
const LOWER_LIP = 66

/**
 * Inverse covariance of a model's first expression coefficients: the movements above, and that lips alone do not open a mouth wide
 * unless teeth that meet are seen between them, which hold the jaw.
 *
 * @param teethMeet how surely they do, 0..1
 * @returns [count, count] symmetric
 */
export function expressionPrecision(model: HeadModel, count: number, teethMeet = 0): Float64Array {
  const out = inverseOf(expressionCovariance(model, count), count)!
  const jaw = model.expressionNames.indexOf('jawOpen')
  if (jaw < 0) return out
  const spread = PARTED_LIPS + teethMeet * (PARTED_OVER_TEETH - PARTED_LIPS)
  const parted = Float64Array.from({ length: count }, (_, k) => {
    if (k === jaw) return 0
    const field = model.expression.subarray(k * model.mean.length, (k + 1) * model.mean.length)
    const [upper, lower] = [UPPER_LIP, LOWER_LIP].map((i) => embeddedPoint(field, model.indices, model.landmarks68, i))
    return (upper[1] - lower[1]) / spread
  })
  for (let i = 0; i < count; i++) for (let j = 0; j < count; j++) out[i * count + j] += parted[i] * parted[j]
  out[jaw * count + jaw] += teethMeet / MET ** 2
  return out
}
