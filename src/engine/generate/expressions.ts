/**
 * Faces that people make: whole faces, not single units drawn at random, so that mouth, eyes and brows belong together. Each
 * range of strength has a list of its own.
 */
import type { Rng } from '../geometry/rng.js'
import type { HeadModel } from '../stages.js'

/** `rest`: relaxed; `mild`: shut mouths, open eyes; `strong`: wide mouths, closed eyes, grimaces. */
export type ExpressionRange = 'rest' | 'mild' | 'strong'

export interface DrawnExpression {
  /** In words, e.g. 'laughing'. */
  name: string
  /** [expressionCount] */
  coefficients: Float64Array
  /** 0..1: how far the tongue is put out. */
  tongueOut: number
}

/** Draws a face of the given range. */
export function drawExpression(model: HeadModel, range: ExpressionRange, rng: Rng): DrawnExpression {
  return range === 'strong' ? drawStrong(model, rng) : drawMild(model, rng, range === 'rest')
}

/** Groups of expression units that people make together, with how strong they get. */
const MIENS: readonly { name: string; units: Record<string, number> }[] = [
  { name: 'at rest', units: {} },
  { name: 'smiling', units: { mouthSmile: 0.75, eyeSquint: 0.35, mouthDimple: 0.2 } },
  { name: 'brows raised', units: { browInnerUp: 0.6, browOuterUp: 0.6, browUp: 0.5, eyeWide: 0.15 } },
  { name: 'frowning', units: { browDown: 0.7, eyeSquint: 0.35, mouthFrown: 0.25 } },
  { name: 'sad', units: { mouthFrown: 0.5, browInnerUp: 0.5 } },
  { name: 'disgusted', units: { noseSneer: 0.35, mouthUpperUp: 0.2, browDown: 0.4, eyeSquint: 0.4 } },
  { name: 'smiling, brows raised', units: { mouthSmile: 0.45, browUp: 0.4, browOuterUp: 0.3 } },
]

function drawMild(model: HeadModel, rng: Rng, rest: boolean): DrawnExpression {
  const { name, units } = MIENS[rest ? 0 : rng.integer(MIENS.length)]
  const strength = rng.uniform(0.5, 1)
  const tilt = { Left: rng.normal(1, 0.12), Right: rng.normal(1, 0.12) }
  // Lids at rest hang over the iris's upper edge.
  const lids = rng.uniform(0.1, 0.24)
  const glance = [rng.normal(0, 0.12), rng.normal(0, 0.08)]
  const coefficients = Float64Array.from(model.expressionNames, (full, k) => {
    const { unit, side } = parse(full)
    if (unit === 'eyeBlink') return lids
    if (unit.startsWith('eyeLook')) return gaze(unit, side ?? 'Left', glance)
    const wanted = (units[unit] ?? 0) * strength * (side ? tilt[side] : 1)
    // Faces at rest are never quite neutral; their mouths stay shut.
    const opens = /jawOpen|LipsPart|LowerDown|UpperUp|Laugh|Funnel|Blink|Wide/.test(full)
    const idle = rest || opens ? 0 : Math.max(0, rng.normal(0, 0.25)) * model.expressionSigma[k]
    return Math.min(model.expressionRange[2 * k + 1], wanted + idle)
  })
  return { name, coefficients, tongueOut: 0 }
}

type Side = 'Left' | 'Right'

/** 'mouthSmileLeft' → the unit and its side. */
function parse(name: string): { unit: string; side: Side | undefined } {
  const side = name.endsWith('Left') ? 'Left' : name.endsWith('Right') ? 'Right' : undefined
  // jawLeft and mouthLeft are motions to a side, not one side's share of a unit.
  return side === undefined || /^(jaw|mouth)(Left|Right)$/.test(name)
    ? { unit: name, side: undefined }
    : { unit: name.slice(0, -side.length), side }
}

/** Both eyes look the same way. */
function gaze(unit: string, side: Side, [across, up]: number[]): number {
  const outwards = side === 'Left' ? across : -across
  const along = { eyeLookUp: up, eyeLookDown: -up, eyeLookOut: outwards, eyeLookIn: -outwards }[unit] ?? 0
  return Math.max(0, along)
}

/** Lowest and highest strength of a unit. */
type Span = readonly [low: number, high: number]

/** What the lids do; 'wink' closes one eye. */
type Lids = 'open' | 'wide' | 'narrowed' | 'closed' | 'wink'

interface Face {
  name: string
  units: Record<string, Span>
  lids: readonly Lids[]
  /** The weaker side's share of the stronger one; sides are nearly alike without it. */
  weakSide?: Span
  tongueOut?: Span
  /** Moves jaw and mouth towards the stronger side, or to one at random. */
  sideways?: Record<'jaw' | 'mouth', Span>
}

const NO: Span = [0, 0]
const FACES: readonly Face[] = [
  {
    name: 'shouting',
    units: {
      jawOpen: [0.6, 1],
      mouthLowerDown: [0.1, 0.5],
      mouthUpperUp: [0.2, 0.6],
      browDown: [0.3, 0.9],
      noseSneer: [0.1, 0.5],
    },
    lids: ['open', 'narrowed', 'closed'],
  },
  {
    name: 'surprised',
    units: {
      jawOpen: [0.45, 0.9],
      browInnerUp: [0.6, 1],
      browOuterUp: [0.6, 1],
      browUp: [0.5, 1],
      mouthFunnel: [0, 0.3],
    },
    lids: ['wide', 'wide', 'open'],
  },
  {
    name: 'mouth wide open',
    units: { jawOpen: [0.75, 1], browUp: [0, 0.5] },
    lids: ['open', 'wide', 'closed'],
  },
  {
    name: 'laughing',
    units: {
      jawOpen: [0.2, 0.65],
      mouthLaugh: [0.45, 1],
      mouthSmile: [0.4, 0.9],
      mouthDimple: [0, 0.3],
      browOuterUp: [0, 0.3],
    },
    lids: ['narrowed', 'narrowed', 'closed'],
  },
  {
    name: 'grinning',
    units: {
      mouthSmile: [0.6, 1],
      mouthLaugh: [0.3, 0.7],
      mouthDimple: [0, 0.4],
      mouthLowerDown: [0, 0.25],
      jawOpen: [0, 0.1],
    },
    lids: ['open', 'narrowed'],
  },
  {
    name: 'yawning',
    units: { jawOpen: [0.8, 1], browDown: [0.2, 0.6], noseFlare: [0.2, 0.6], mouthStretch: [0, 0.3] },
    lids: ['closed', 'closed', 'narrowed'],
  },
  {
    name: 'afraid',
    units: {
      jawOpen: [0.15, 0.5],
      mouthStretch: [0.4, 0.9],
      mouthLowerDown: [0.2, 0.6],
      browInnerUp: [0.6, 1],
      browUp: [0.2, 0.6],
    },
    lids: ['wide', 'wide', 'open'],
  },
  {
    name: 'teeth bared',
    units: { mouthUpperUp: [0.5, 1], mouthLowerDown: [0.4, 0.9], mouthStretch: [0.2, 0.8], browDown: [0.3, 0.8] },
    lids: ['narrowed', 'open'],
  },
  {
    name: 'snarling',
    units: {
      noseSneer: [0.7, 1],
      mouthUpperUp: [0.5, 1],
      browDown: [0.6, 1],
      mouthFrown: [0, 0.4],
      jawOpen: [0, 0.25],
    },
    lids: ['narrowed', 'open'],
    weakSide: [0.2, 1],
  },
  {
    name: 'lips pursed',
    units: { mouthPucker: [0.7, 1], browDown: [0, 0.5] },
    lids: ['open', 'closed', 'wink'],
  },
  {
    name: 'lips funnelled',
    units: { mouthFunnel: [0.6, 1], jawOpen: [0.1, 0.35], browUp: [0, 0.6] },
    lids: ['open', 'wide'],
  },
  {
    name: 'pouting',
    units: { mouthEversion: [0.6, 1], mouthFrown: [0.3, 0.7], browInnerUp: [0.3, 0.9], browDown: [0, 0.5] },
    lids: ['open', 'narrowed'],
  },
  {
    name: 'scowling',
    units: { browDown: [0.7, 1], mouthFrown: [0.6, 1], noseSneer: [0.1, 0.5], noseCompress: [0, 0.5] },
    lids: ['narrowed', 'open', 'closed'],
  },
  {
    name: 'crying',
    units: {
      mouthFrown: [0.5, 1],
      mouthStretch: [0.3, 0.8],
      jawOpen: [0.1, 0.45],
      browInnerUp: [0.5, 1],
      browDown: [0.2, 0.6],
    },
    lids: ['closed', 'narrowed'],
  },
  {
    name: 'cheeks puffed',
    units: { cheekPuff: [0.7, 1], mouthPucker: [0.1, 0.4], browUp: [0, 0.5] },
    lids: ['open', 'wide', 'closed'],
    weakSide: [0.3, 1],
  },
  {
    name: 'smirking',
    units: { mouthSmile: [0.7, 1], mouthDimple: [0.2, 0.6], browOuterUp: [0.3, 1], eyeSquint: [0.1, 0.5] },
    lids: ['open', 'wink'],
    weakSide: NO,
    sideways: { jaw: NO, mouth: [0.1, 0.6] },
  },
  {
    name: 'grimacing to one side',
    units: {
      mouthStretch: [0.4, 1],
      mouthUpperUp: [0.2, 0.8],
      mouthFrown: [0, 0.5],
      noseSneer: [0.2, 0.8],
      browDown: [0.2, 0.8],
    },
    lids: ['wink', 'narrowed', 'open'],
    weakSide: [0, 0.4],
    sideways: { jaw: [0.2, 1], mouth: [0.3, 1] },
  },
  {
    name: 'jaw to one side',
    units: { jawOpen: [0.15, 0.5], jawForward: [0, 0.8], browOuterUp: [0, 0.8] },
    lids: ['open', 'narrowed'],
    weakSide: [0, 1],
    sideways: { jaw: [0.6, 1], mouth: [0.2, 0.8] },
  },
  {
    name: 'tongue out',
    units: { jawOpen: [0.4, 0.6], browUp: [0, 0.8], browOuterUp: [0, 0.6] },
    lids: ['open', 'wide', 'wink', 'narrowed'],
    tongueOut: [0.9, 1],
  },
  { name: 'winking', units: { mouthSmile: [0.3, 0.8], mouthDimple: [0, 0.4] }, lids: ['wink'], weakSide: [0.3, 1] },
  { name: 'eyes closed', units: { mouthSmile: [0, 0.3], browInnerUp: [0, 0.4] }, lids: ['closed'] },
]

/** Coefficients of the lids; `winks`: this is the eye that closes. */
function lidUnits(lids: Lids, winks: boolean, rng: Rng): Record<string, number> {
  switch (lids) {
    case 'wide':
      return { eyeWide: rng.uniform(0.5, 1), eyeBlink: 0 }
    case 'narrowed':
      return { eyeSquint: rng.uniform(0.4, 0.75), eyeBlink: rng.uniform(0.1, 0.25) }
    case 'closed':
      return { eyeBlink: 1, eyeSquint: rng.uniform(0, 0.25) }
    case 'wink':
      return winks
        ? { eyeBlink: 1, eyeSquint: rng.uniform(0.1, 0.4) }
        : { eyeBlink: rng.uniform(0.1, 0.25), eyeSquint: rng.uniform(0, 0.3) }
    case 'open':
      return { eyeBlink: rng.uniform(0.1, 0.24) }
  }
}

function drawStrong(model: HeadModel, rng: Rng): DrawnExpression {
  const face = FACES[rng.integer(FACES.length)]
  const lids = face.lids[rng.integer(face.lids.length)]
  const strong: Side = rng.uniform() < 0.5 ? 'Left' : 'Right'
  const within = ([low, high]: Span): number => rng.uniform(low, high)
  const weak = face.weakSide ? within(face.weakSide) : rng.uniform(0.8, 1)
  const share = (side: Side): number => (side === strong ? 1 : weak)
  const drawn = Object.fromEntries(Object.entries(face.units).map(([unit, span]) => [unit, within(span)]))
  const eye = { Left: lidUnits(lids, strong === 'Left', rng), Right: lidUnits(lids, strong === 'Right', rng) }
  // Two in three look at the camera, the others past it; squeezed lids hide where to.
  const glance =
    rng.uniform() < 0.65 ? [rng.normal(0, 0.12), rng.normal(0, 0.08)] : [rng.uniform(-1, 1), rng.normal(0, 0.3)]
  const sideways: Record<string, number> = face.sideways
    ? { [`jaw${strong}`]: within(face.sideways.jaw), [`mouth${strong}`]: within(face.sideways.mouth) }
    : {}
  const coefficients = Float64Array.from(model.expressionNames, (full, k) => {
    const { unit, side } = parse(full)
    if (side && unit.startsWith('eyeLook')) return gaze(unit, side, glance)
    const ofLids = side && (eye[side][unit] ?? 0)
    const wanted = side ? Math.max(ofLids ?? 0, (drawn[unit] ?? 0) * share(side)) : (drawn[unit] ?? sideways[unit] ?? 0)
    return Math.min(model.expressionRange[2 * k + 1], wanted)
  })
  return { name: face.name, coefficients, tongueOut: face.tongueOut ? within(face.tongueOut) : 0 }
}
