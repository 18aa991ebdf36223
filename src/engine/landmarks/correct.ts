/**
 * Single landmarks that a person puts where they belong.
 *
 * They are named by iBUG's numbers, which can be looked at in one picture ('37'), or by those of the face mesh ('478:160'). On the face
 * mesh an iBUG landmark stands for one point or for the middle of two; what lies between it and the next iBUG landmarks on the same curve
 * moves along, less the farther it is, so that a lid is mended by its six landmarks and not by sixteen points.
 */
import { SiderError } from '../errors.js'
import {
  FACE_OVAL,
  IBUG_COUNT,
  IRISES,
  ibugPoints,
  ibugSources,
  LEFT_BROW,
  LEFT_EYE,
  LIPS_BETWEEN,
  LIPS_INNER,
  LIPS_OUTER,
  RIGHT_BROW,
  RIGHT_EYE,
} from '../evidence/layouts.js'
import type { Face, Landmarks, Photo } from '../stages.js'
import { boundingBox } from './box.js'

/** A landmark's new place: the points of the layout that it is the middle of, and where that is to be. */
interface Correction {
  sources: readonly number[]
  x: number
  y: number
}

/** Closed curves of the face mesh on which points follow the landmarks before and after them. */
const CURVES = [FACE_OVAL, RIGHT_EYE, LEFT_EYE, LIPS_OUTER, LIPS_INNER]
/** Points that follow others in given shares: a brow's lower edge the upper one, the lips' inside both of their edges. */
const BESIDE: readonly (readonly [point: number, of: readonly (readonly [number, number])[]])[] = [
  ...[RIGHT_BROW, LEFT_BROW].flatMap((brow) => brow.slice(5).map((lower, k) => [lower, [[brow[k], 1]]] as const)),
  ...LIPS_BETWEEN.flatMap((ring, r) =>
    ring.map(
      (point, k) => [point, [[LIPS_OUTER[k], (2 - r) / 3] as const, [LIPS_INNER[k], (1 + r) / 3] as const]] as const,
    ),
  ),
]

/** Sweeps in which landmarks that share a point settle beside each other. */
const SWEEPS = 60

/**
 * A face whose landmarks lie where the user says; `landmarks.corrected` lists the points that were named.
 *
 * @param corrections parsed JSON: {"37": [x, y], "478:13": [x, y]}, photo pixels
 * @throws SiderError LANDMARKS_INVALID, naming the correction that is wrong
 */
export function correctLandmarks(face: Face, corrections: unknown, photo: Pick<Photo, 'width' | 'height'>): Face {
  const { layout } = face.landmarks
  const wanted = readCorrections(corrections, layout, photo)
  if (wanted.length === 0) return face
  const points = face.landmarks.points.slice()
  const corrected = [...new Set(wanted.flatMap(({ sources }) => sources))].sort((a, b) => a - b)
  for (const axis of [0, 1]) {
    const shift = shiftsOf(face, wanted, axis)
    if (layout === 478) follow(shift, new Set(corrected))
    for (const [i, by] of shift) points[2 * i + axis] += by
  }
  const depths = face.landmarks.depths?.slice()
  for (const i of corrected) if (depths) depths[i] = Number.NaN // it was guessed for another place
  return {
    ...face,
    box: boundingBox(points),
    landmarks: { ...face.landmarks, points, ...(depths && { depths }), corrected },
  }
}

/** A landmark by the name that a correction has for it. */
export interface NamedLandmark {
  name: string
  /** Photo pixels. */
  x: number
  y: number
}

/** The landmarks that a person can place by eye: iBUG's, and the middles of the irises where they are known. */
export function namedLandmarks({ layout, points }: Landmarks): NamedLandmark[] {
  const ibug = layout === 68 ? points : ibugPoints(points)
  const at = (name: string, from: Float64Array, i: number) => ({ name, x: from[2 * i], y: from[2 * i + 1] })
  const irises = layout === 68 ? [] : IRISES.map(([, [middle]]) => at(`478:${middle}`, points, middle))
  return [...Array.from({ length: IBUG_COUNT }, (_, i) => at(String(i), ibug, i)), ...irises]
}

/** How far the named points move along one axis, so that the landmarks come to lie where they are wanted. */
function shiftsOf({ landmarks: { points } }: Face, wanted: readonly Correction[], axis: number): Map<number, number> {
  const shift = new Map<number, number>()
  for (const { sources } of wanted) for (const i of sources) shift.set(i, 0)
  for (let sweep = 0; sweep < SWEEPS; sweep++)
    for (const { sources, x, y } of wanted) {
      const now = sources.reduce((sum, i) => sum + points[2 * i + axis] + shift.get(i)!, 0) / sources.length
      for (const i of sources) shift.set(i, shift.get(i)! + (axis === 0 ? x : y) - now)
    }
  return shift
}

/** Lets the points between landmarks of the face mesh follow those that moved. */
function follow(shift: Map<number, number>, named: ReadonlySet<number>): void {
  const fixed = (i: number): boolean => named.has(i) || IBUG_POINTS.has(i)
  for (const curve of CURVES) {
    const n = curve.length
    curve.forEach((point, k) => {
      if (fixed(point)) return
      const [before, after] = [-1, 1].map((way) => {
        let steps = 1
        while (!fixed(curve[(k + way * steps + n) % n])) steps++
        return { steps, by: shift.get(curve[(k + way * steps + n) % n]) ?? 0 }
      })
      const by = (before.by * after.steps + after.by * before.steps) / (before.steps + after.steps)
      if (by !== 0) shift.set(point, by)
    })
  }
  for (const [point, of] of BESIDE) {
    if (fixed(point)) continue
    const by = of.reduce((sum, [i, share]) => sum + share * (shift.get(i) ?? 0), 0)
    if (by !== 0) shift.set(point, by)
  }
}

/** Points of the face mesh that make iBUG's landmarks. */
const IBUG_POINTS = new Set(Array.from({ length: IBUG_COUNT }, (_, i) => ibugSources(i)).flat())

/** @throws SiderError LANDMARKS_INVALID, naming the correction that is wrong */
export function readCorrections(
  json: unknown,
  layout: 68 | 478,
  { width, height }: Pick<Photo, 'width' | 'height'>,
): Correction[] {
  if (json === undefined) return []
  if (json === null || typeof json !== 'object' || Array.isArray(json))
    throw invalid('the corrections are not an object of landmarks and their places')
  return Object.entries(json).map(([name, place]: [string, unknown]) => {
    const sources = sourcesOf(name, layout)
    const [x, y] = Array.isArray(place) && place.length === 2 ? (place as unknown[]) : []
    if (typeof x !== 'number' || typeof y !== 'number' || !Number.isFinite(x) || !Number.isFinite(y))
      throw invalid(`the place of landmark ${name} is ${JSON.stringify(place)}, not two numbers x and y`, { name })
    if (x < 0 || y < 0 || x > width || y > height)
      throw invalid(`landmark ${name} at (${x}, ${y}) lies outside the photo of ${width}x${height} pixels`, {
        name,
        x,
        y,
      })
    return { sources, x, y }
  })
}

/** Points of the layout that a landmark is the middle of. */
function sourcesOf(name: string, layout: 68 | 478): readonly number[] {
  const [, of = '68', digits] = /^(?:(68|478):)?(\d{1,4})$/.exec(name) ?? []
  if (digits === undefined) throw invalid(`'${name.slice(0, 40)}' is no number of a landmark`, { name })
  const index = Number(digits)
  const count = Number(of)
  if (index >= count)
    throw invalid(`there is no landmark ${name}: those of the ${count} go from 0 to ${count - 1}`, { name })
  if (count > layout) throw invalid(`landmark ${name} is one of 478, but 68 landmarks were given`, { name })
  return count === layout ? [index] : ibugSources(index)
}

function invalid(message: string, data: Record<string, unknown> = {}): SiderError {
  const what = 'Name a landmark 0 to 67 (iBUG), or 478:0 to 478:477 (face mesh), and a place in photo pixels'
  const cli = `${what}; sider faces PHOTO --overlay FILE draws them with their numbers.`
  const hint = { cli, page: `${what}.`, blender: `${what}.` }
  return new SiderError('LANDMARKS_INVALID', message, { stage: 'landmarks', hint, data })
}
