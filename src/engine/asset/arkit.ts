/**
 * ARKit's 52 blend shapes, made of a head model's expression units of the same names (whole ones, and those of the two sides
 * together) and, where no unit does what ARKit's shape does, of movements drawn about the model's landmarks.
 */
import { LIPS_INNER, type Side } from '../evidence/layouts.js'
import { smoothstep } from '../geometry/smoothstep.js'

/** The mean head that movements are drawn on. */
export interface DrawingBoard {
  /** [vertices, 3] of the model's mean, metres. */
  mean: Float32Array
  /** [478, 3] landmarks on it. */
  landmarks: Float64Array
  /** [vertices, 3] displacement of the jaw's opening as the key has it. */
  jaw: Float32Array
}

/** A movement of the model's vertices beyond its units, [vertices, 3] metres. */
type Movement = (board: DrawingBoard) => Float32Array

/** How a key is made: strengths of units, and a movement. */
export interface Recipe {
  name: string
  units: Readonly<Record<string, number>>
  /** The side whose upper lid it raises: by no more than there is room for. */
  raises?: { side: Side; least: number; staysShut: boolean }
  /** The side whose eye it shuts, also where it is wide open. */
  shuts?: Side
  /** Units that end with the key: those that would keep it from being what it is called. */
  without?: readonly string[]
  movement?: Movement
  /** Made to be added to an open jaw: alone it would carry the lips past each other. */
  underOpenJaw?: boolean
}

const SIDES = ['Left', 'Right'] as const
/** The units' strength where it is not 1: a jaw that is open at 1 would be a scream, puffed cheeks would hardly be seen. */
export const JAW_OPEN = 0.62
const PUFF = 1.9
/** How far the upper lids go with eyes that look up, beyond what the model's unit does. */
const LIDS_FOLLOW = 0.9
/** `eyeWide` does at least this share of what it can, also on eyes that are wide: a key that does nothing would be missed. */
const LEAST_WIDE = 0.4

const own = (name: string, strength = 1): Recipe => ({ name, units: { [name]: strength } })
const both = (name: string, strength = 1): Recipe => ({
  name,
  units: Object.fromEntries(SIDES.map((side) => [`${name}${side}`, strength])),
})
const sides = (name: string): Recipe[] => SIDES.map((side) => own(`${name}${side}`))

/** What draws a corner of the mouth outwards and up: no mouth is round or sad with it, and their sum is creased. */
const smiling = (side: Side): string[] =>
  ['mouthSmile', 'mouthLaugh', 'mouthDimple', 'mouthStretch'].map((name) => `${name}${side}`)

/** In ARKit's order. `tongueOut` moves the tongue alone, which is no part of the skin. */
export const ARKIT: readonly Recipe[] = [
  ...SIDES.flatMap((side) => [
    { ...own(`eyeBlink${side}`), without: [`eyeWide${side}`, `eyeSquint${side}`], shuts: side },
    ...['eyeLookDown', 'eyeLookIn', 'eyeLookOut'].map((name) => own(`${name}${side}`)),
    {
      name: `eyeLookUp${side}`,
      units: { [`eyeLookUp${side}`]: 1, [`eyeWide${side}`]: LIDS_FOLLOW },
      raises: { side, least: 0, staysShut: true },
    },
    own(`eyeSquint${side}`),
    { ...own(`eyeWide${side}`), raises: { side, least: LEAST_WIDE, staysShut: false } },
  ]),
  ...['jawForward', 'jawLeft', 'jawRight'].map((name) => own(name)),
  own('jawOpen', JAW_OPEN),
  { name: 'mouthClose', units: {}, movement: closeLips, underOpenJaw: true },
  ...['mouthFunnel', 'mouthPucker'].map((name) => ({ ...own(name), without: SIDES.flatMap(smiling) })),
  ...['mouthLeft', 'mouthRight'].map((name) => own(name)),
  ...SIDES.flatMap((side) => [
    { ...own(`mouthSmile${side}`), without: [`mouthFrown${side}`] },
    { ...own(`mouthFrown${side}`), without: smiling(side) },
  ]),
  ...['mouthDimple', 'mouthStretch'].flatMap(sides),
  { name: 'mouthRollLower', units: {}, movement: (board) => squeezeLips(board, { lower: 0.55, back: 0.0026 }) },
  { name: 'mouthRollUpper', units: {}, movement: (board) => squeezeLips(board, { upper: 0.45, back: 0.002 }) },
  { name: 'mouthShrugLower', units: {}, movement: shrugLower },
  { name: 'mouthShrugUpper', units: {}, movement: shrugUpper },
  ...SIDES.map((side) => ({
    name: `mouthPress${side}`,
    units: {},
    movement: (board: DrawingBoard) => squeezeLips(board, { lower: 0.34, upper: 0.34, back: 0.001, side }),
  })),
  ...['mouthLowerDown', 'mouthUpperUp', 'browDown'].flatMap(sides),
  both('browInnerUp'),
  ...sides('browOuterUp'),
  both('cheekPuff', PUFF),
  ...SIDES.map((side) => ({
    name: `cheekSquint${side}`,
    units: { [`eyeSquint${side}`]: 0.3 },
    movement: (board: DrawingBoard) => raiseCheek(board, side),
  })),
  ...sides('noseSneer'),
  { name: 'tongueOut', units: {} },
]

/** Whether a model has the units that ARKit's keys are made of. */
export function hasArkitUnits(names: readonly string[]): boolean {
  const known = new Set(names)
  return ARKIT.every(({ units }) => Object.keys(units).every((unit) => known.has(unit)))
}

type Point = readonly [number, number, number]

const landmark = ({ landmarks }: DrawingBoard, i: number): Point => [
  landmarks[3 * i],
  landmarks[3 * i + 1],
  landmarks[3 * i + 2],
]
/** MediaPipe's points: below the lower lip, the chin, under the nose, the nose's tip, the middles of the irises, the cheeks' tops. */
const UNDER_LIP = 18
const CHIN = 199
const PHILTRUM = 164
const CHEEK = { Right: 50, Left: 280 } as const

/** Bell of a point's distance from another one: 1 there, 1/e at the radius. */
function bell(p: ArrayLike<number>, at: Point, radius: number): number {
  return Math.exp(-((p[0] - at[0]) ** 2 + (p[1] - at[1]) ** 2 + (p[2] - at[2]) ** 2) / radius ** 2)
}

/** A movement from what each vertex does. */
function moved(
  { mean }: DrawingBoard,
  move: (p: Float32Array, v: number) => readonly [number, number, number] | undefined,
): Float32Array {
  const out = new Float32Array(mean.length)
  const p = new Float32Array(3)
  for (let v = 0; v < mean.length / 3; v++) {
    for (let k = 0; k < 3; k++) p[k] = mean[3 * v + k]
    const by = move(p, v)
    if (by) out.set(by, 3 * v)
  }
  return out
}

/** The line along which the closed lips touch. */
interface Contact {
  /** From the subject's right to the left. */
  points: Point[]
  /** Height and depth of the line at x. */
  at(x: number): {
    y: number
    z: number
    /** 0 at the corners of the mouth, 1 between them; `corner` rises sooner. */
    within: number
    corner: number
  }
}

function contactOf(board: DrawingBoard): Contact {
  const half = LIPS_INNER.length / 2
  const upper = LIPS_INNER.slice(0, half + 1)
  const lower = [LIPS_INNER[0], ...LIPS_INNER.slice(half).reverse()]
  const points = upper
    .map((i, n): Point => {
      const [a, b] = [landmark(board, i), landmark(board, lower[n])]
      return [(a[0] + b[0]) / 2, (a[1] + b[1]) / 2, (a[2] + b[2]) / 2]
    })
    .sort((a, b) => a[0] - b[0])
  const [first, last] = [points[0][0], points[points.length - 1][0]]
  return {
    points,
    at(x) {
      let i = 1
      while (i < points.length - 1 && points[i][0] < x) i++
      const [a, b] = [points[i - 1], points[i]]
      const t = Math.min(1, Math.max(0, (x - a[0]) / (b[0] - a[0])))
      const inner = Math.min(x - first, last - x)
      return {
        y: a[1] + t * (b[1] - a[1]),
        z: a[2] + t * (b[2] - a[2]),
        within: smoothstep(-0.004, 0.01, inner),
        corner: smoothstep(-0.008, 0.002, inner),
      }
    },
  }
}

/** Distances from the line of contact up to which lips are lips, and from which on nothing moves with them, metres. */
const RED = 0.006
const LIP_END = 0.014
/** Vertices this far behind the line of contact are inside the mouth, metres. */
const INSIDE = 0.012

/** Lips drawn in towards the line along which they touch, by a share of their height, and back. */
function squeezeLips(
  board: DrawingBoard,
  { lower = 0, upper = 0, back, side }: { lower?: number; upper?: number; back: number; side?: (typeof SIDES)[number] },
): Float32Array {
  const contact = contactOf(board)
  return moved(board, ([x, y, z]) => {
    const line = contact.at(x)
    const height = y - line.y
    const share = height < 0 ? lower : upper
    if (share === 0 || z < line.z - INSIDE) return undefined
    const ofSide = side ? 1 / (1 + Math.exp((side === 'Left' ? -1 : 1) * (x / 0.005))) : 1
    const w = line.within * ofSide * smoothstep(LIP_END, RED, Math.abs(height))
    // what touches stays where it is: the red rolls over it
    const away = smoothstep(0.0005, 0.004, Math.abs(height))
    return w > 0 ? [0, -share * w * height, -back * w * away] : undefined
  })
}

/** The lips meet again under an open jaw: each goes its share of the way. */
function closeLips(board: DrawingBoard): Float32Array {
  const contact = contactOf(board)
  const { mean, jaw } = board
  const bottom = landmark(board, CHIN)[1]
  const top = landmark(board, PHILTRUM)[1]
  // how far the jaw carries the lower lip at each place along the mouth: the most of what lies just under the line
  const carried = new Float64Array(3 * contact.points.length)
  const each = (visit: (v: number, i: number) => void): void => {
    for (let v = 0; v < mean.length / 3; v++) {
      const [x, y, z] = mean.subarray(3 * v, 3 * v + 3)
      const line = contact.at(x)
      if (line.y - y < 0.004 && line.y - y > -0.001 && z > line.z - INSIDE / 2)
        contact.points.forEach((p, i) => {
          if (Math.abs(p[0] - x) < 0.004) visit(v, i)
        })
    }
  }
  each((v, i) => {
    if (jaw[3 * v + 1] < carried[3 * i + 1]) carried.set(jaw.subarray(3 * v, 3 * v + 3), 3 * i)
  })
  const carriedAt = (x: number, k: number): number => {
    let i = 1
    while (i < contact.points.length - 1 && contact.points[i][0] < x) i++
    const [a, b] = [contact.points[i - 1][0], contact.points[i][0]]
    const t = Math.min(1, Math.max(0, (x - a) / (b - a)))
    return carried[3 * (i - 1) + k] + t * (carried[3 * i + k] - carried[3 * (i - 1) + k])
  }
  return moved(board, ([x, y, z], v) => {
    const line = contact.at(x)
    if (z < line.z - INSIDE) return undefined
    const opens = carriedAt(x, 1)
    if (opens > -1e-4) return undefined
    const follows = Math.min(1, Math.max(0, jaw[3 * v + 1] / opens))
    const reach =
      y < line.y ? smoothstep(bottom - line.y, -0.003, y - line.y) : smoothstep(top - line.y, 0.002, y - line.y)
    const share = reach * line.corner * (UPPER_SHARE - follows)
    return [share * carriedAt(x, 0), share * opens, share * carriedAt(x, 2)]
  })
}
/** Share of the way that the upper lip goes down to meet the lower one. */
const UPPER_SHARE = 0.35

/** The chin pushed up, and the lips with it. */
function shrugLower(board: DrawingBoard): Float32Array {
  const [chin, lip] = [landmark(board, CHIN), landmark(board, UNDER_LIP)]
  return moved(board, (p) => {
    const up = 0.0042 * bell(p, chin, 0.017) + 0.0032 * bell(p, lip, 0.013)
    return [0, up, 0.0022 * bell(p, [lip[0], lip[1] + 0.005, lip[2]], 0.01)]
  })
}

/** The upper lip pushed up and forwards, and the lower one with it. */
function shrugUpper(board: DrawingBoard): Float32Array {
  const [x, y, z] = landmark(board, PHILTRUM)
  return moved(board, (p) => {
    const w = bell(p, [x, y - 0.006, z], 0.014)
    return [0, 0.0032 * w, 0.0024 * w]
  })
}

/** The cheek raised under the eye. */
function raiseCheek(board: DrawingBoard, side: (typeof SIDES)[number]): Float32Array {
  const at = landmark(board, CHEEK[side])
  const out = side === 'Left' ? 1 : -1
  return moved(board, (p) => {
    const w = bell(p, at, 0.016)
    return [0.0006 * out * w, 0.0042 * w, 0.0022 * w]
  })
}
