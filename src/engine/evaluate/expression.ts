/**
 * Whether a result opens and shuts mouth and eyes as the truth does: heights of the three openings, and how far the contours of
 * lips and lids are from the true ones in the picture. Definitions: docs/evaluation.md.
 */

import { invalidFile, type Side } from '../formats/read-mesh.js'
import { project } from '../geometry/camera.js'
import { type PolylinePoint, pointsAlong } from '../geometry/polyline.js'
import { isHidden } from '../geometry/rasterize.js'
import type { ContourName } from '../head/contours.js'
import type { Camera } from '../stages.js'
import { readJson } from './truth.js'

type Vector = readonly number[]

/** The true edges of mouth and lids in a view's `regions.json`. */
export interface TrueOpenings {
  /** iBUG points by their number: head frame, metres; photo pixels; whether the camera sees them. */
  points: ReadonlyMap<number, { place: Vector; pixel: Vector; visible: boolean }>
  contours: Record<ContourName, { places: Vector[]; pixels: Vector[] }>
}

/** Lips and lids of a result, head frame, metres. */
export interface FoundOpenings {
  /** [68, 3] iBUG points. */
  points: Float64Array
  contours: Record<ContourName, Vector[]>
}

/** Height of an opening, mm, at the truth's size; 0: shut. */
export interface OpeningScore {
  trueMm: number
  foundMm: number
}

export interface ExpressionScore {
  mouth: OpeningScore
  rightLids: OpeningScore
  leftLids: OpeningScore
  /** Mean distance between found and true contours, percent of the distance of the true outer eye corners in the photo. */
  lipsPercent: number | undefined
  lidsPercent: number | undefined
  /** The same of the single iBUG points that the truth sees. */
  pointsPercent: number
}

/** Means over several cases. */
export interface ExpressionSummary {
  cases: number
  /** Mean absolute errors of the openings, mm; lids: of both eyes. */
  mouthMm: number
  lidsMm: number
  lipsPercent: number
  lidsPercent: number
}

/** Undefined without cases. */
export function expressionSummary(scores: readonly ExpressionScore[]): ExpressionSummary | undefined {
  if (scores.length === 0) return undefined
  const mean = (values: (number | undefined)[]): number => {
    const known = values.filter((x) => x !== undefined)
    return known.reduce((a, b) => a + b, 0) / known.length
  }
  const error = ({ trueMm, foundMm }: OpeningScore): number => Math.abs(foundMm - trueMm)
  return {
    cases: scores.length,
    mouthMm: mean(scores.map(({ mouth }) => error(mouth))),
    lidsMm: mean(scores.flatMap(({ rightLids, leftLids }) => [error(rightLids), error(leftLids)])),
    lipsPercent: mean(scores.map(({ lipsPercent }) => lipsPercent)),
    lidsPercent: mean(scores.map(({ lidsPercent }) => lidsPercent)),
  }
}

/** iBUG's points from the picture's left to its right: contours of results that hold no finer ones. */
const IBUG_CONTOURS: Record<ContourName, readonly number[]> = {
  lipsUpper: [60, 61, 62, 63, 64],
  lipsLower: [60, 67, 66, 65, 64],
  rightUpper: [36, 37, 38, 39],
  rightLower: [36, 41, 40, 39],
  leftUpper: [42, 43, 44, 45],
  leftLower: [42, 47, 46, 45],
}
const OUTER_CORNERS = [36, 45] as const
const OPENINGS = {
  mouth: [[62], [66]],
  rightLids: [
    [37, 38],
    [41, 40],
  ],
  leftLids: [
    [43, 44],
    [47, 46],
  ],
} as const
/** Metres behind what the camera sees by which a point of a contour is hidden: contours lie in grooves. */
const GROOVE = 0.003
/** Samples along a contour, as shares of its length. */
const SHARES = Array.from({ length: 60 }, (_, i) => i / 59)

/**
 * @param depth [height, width] true depth, by which hidden parts of contours are left out; undefined: all count
 */
export function expressionScore(
  truth: TrueOpenings,
  trueCamera: Camera,
  depth: Float32Array | undefined,
  found: FoundOpenings,
  camera: Camera,
): ExpressionScore {
  const at = (i: number): Vector => truth.points.get(i)!.place
  const foundAt = (i: number): Vector => [...found.points.subarray(3 * i, 3 * i + 3)]
  const [outer, other] = OUTER_CORNERS
  const scale = distance(at(outer), at(other)) / distance(foundAt(outer), foundAt(other))
  const opening = ([upper, lower]: (typeof OPENINGS)[keyof typeof OPENINGS]): OpeningScore => ({
    trueMm: 1000 * gap(at, upper, lower),
    foundMm: 1000 * scale * gap(foundAt, upper, lower),
  })
  const eyes = distance(truth.points.get(outer)!.pixel, truth.points.get(other)!.pixel)
  const onPhoto = (places: readonly Vector[]): Vector[] => {
    const pixels = project(camera, Float64Array.from(places.flat()))
    return places.map((_, i) => [pixels[3 * i], pixels[3 * i + 1]])
  }
  const percent = (names: readonly ContourName[]): number | undefined => {
    const parts = names.flatMap((name) => {
      const true_ = truth.contours[name]
      return apart(true_.pixels, visible(true_, trueCamera, depth), onPhoto(found.contours[name])) ?? []
    })
    return parts.length > 0 ? (100 * parts.reduce((a, b) => a + b, 0)) / parts.length / eyes : undefined
  }
  const seen = [...truth.points].filter(([, { visible }]) => visible)
  const projected = onPhoto(seen.map(([i]) => foundAt(i)))
  return {
    mouth: opening(OPENINGS.mouth),
    rightLids: opening(OPENINGS.rightLids),
    leftLids: opening(OPENINGS.leftLids),
    lipsPercent: percent(['lipsUpper', 'lipsLower']),
    lidsPercent: percent(['rightUpper', 'rightLower', 'leftUpper', 'leftLower']),
    pointsPercent:
      (100 * seen.reduce((sum, [, { pixel }], i) => sum + distance(pixel, projected[i]), 0)) / seen.length / eyes,
  }
}

const distance = (a: Vector, b: Vector): number => Math.hypot(...a.map((x, k) => x - b[k]))

/** Between the middles of the upper and the lower points; 0 where the upper ones are not above. */
function gap(at: (i: number) => Vector, upper: readonly number[], lower: readonly number[]): number {
  const middle = (list: readonly number[]): number[] =>
    [0, 1, 2].map((k) => list.reduce((sum, i) => sum + at(i)[k] / list.length, 0))
  const [u, l] = [middle(upper), middle(lower)]
  return u[1] > l[1] ? distance(u, l) : 0
}

function visible(
  { places, pixels }: TrueOpenings['contours'][ContourName],
  camera: Camera,
  depth: Float32Array | undefined,
): boolean[] {
  if (!depth) return places.map(() => true)
  const projected = project(camera, Float64Array.from(places.flat()))
  return pixels.map(([x, y], i) => {
    const inside = x >= 0 && y >= 0 && x < camera.width && y < camera.height
    return inside && !isHidden(depth, camera.width, x, y, projected[3 * i + 2], GROOVE)
  })
}

/**
 * Mean distance between two curves in the picture, both ways; undefined where nothing of the true one is seen.
 * @param seen of the true curve's points
 */
function apart(truth: readonly Vector[], seen: readonly boolean[], found: readonly Vector[]): number | undefined {
  const [a, b] = [truth, found].map((line) => pointsAlong(line, SHARES))
  const seenAt = a.map(({ at }) => seen[Math.round(at)])
  const there = a.filter((_, i) => seenAt[i]).map(({ point }) => nearest(b, point).distance)
  const back = b.map(({ point }) => nearest(a, point)).filter(({ index }) => seenAt[index])
  if (there.length === 0 || back.length === 0) return undefined
  const mean = (values: readonly number[]): number => values.reduce((sum, x) => sum + x, 0) / values.length
  return (mean(there) + mean(back.map(({ distance: d }) => d))) / 2
}

/** The nearest place on the polyline through the samples. */
function nearest(line: readonly PolylinePoint[], [x, y]: Vector): { distance: number; index: number } {
  let [best, index] = [Number.POSITIVE_INFINITY, 0]
  for (let i = 0; i + 1 < line.length; i++) {
    const [[ax, ay], [bx, by]] = [line[i].point, line[i + 1].point]
    const [dx, dy] = [bx - ax, by - ay]
    const squared = dx * dx + dy * dy
    const t = squared > 0 ? Math.min(1, Math.max(0, ((x - ax) * dx + (y - ay) * dy) / squared)) : 0
    const d = Math.hypot(x - ax - t * dx, y - ay - t * dy)
    if (d < best) {
      best = d
      index = i + Math.round(t)
    }
  }
  return { distance: best, index }
}

/** Contours through a result's 68 points. */
export function contoursOfPoints(points: Float64Array): Record<ContourName, Vector[]> {
  const line = (list: readonly number[]): Vector[] => list.map((i) => [...points.subarray(3 * i, 3 * i + 3)])
  return Object.fromEntries(
    Object.entries(IBUG_CONTOURS).map(([name, list]) => [name, line(list)]),
  ) as FoundOpenings['contours']
}

/**
 * Reads a `regions.json`.
 * @throws SiderError TRUTH_INVALID
 */
export async function readTrueOpenings(path: string): Promise<TrueOpenings> {
  const side: Side = 'TRUTH_INVALID'
  const json = (await readJson(path, side)) as {
    outlines?: Record<string, Record<string, { points3d: number[][]; px: number[][] }>>
    ibug?: Record<string, { point3d: number[]; px: number[]; visible?: boolean }>
  }
  try {
    const { outlines, ibug } = json as Required<typeof json>
    const points = new Map(
      Object.entries(ibug).map(([i, { point3d, px, visible = true }]) => [
        Number(i),
        { place: numbers(point3d, 3), pixel: numbers(px, 2), visible },
      ]),
    )
    const contour = (region: string, edge: string, first: number, last: number) => {
      const { points3d, px } = outlines[region][edge]
      const [a, b] = [points.get(first)!, points.get(last)!]
      return {
        places: [a.place, ...points3d.map((p) => numbers(p, 3)), b.place],
        pixels: [a.pixel, ...px.map((p) => numbers(p, 2)), b.pixel],
      }
    }
    for (const list of [...Object.values(IBUG_CONTOURS), OUTER_CORNERS])
      for (const i of list) if (!points.has(i)) throw new RangeError(`ibug has no point ${i}`)
    return {
      points,
      contours: {
        lipsUpper: contour('mouth', 'upper_inner', 60, 64),
        lipsLower: contour('mouth', 'lower_inner', 60, 64),
        rightUpper: contour('eye_right', 'upper', 36, 39),
        rightLower: contour('eye_right', 'lower', 36, 39),
        leftUpper: contour('eye_left', 'upper', 42, 45),
        leftLower: contour('eye_left', 'lower', 42, 45),
      },
    }
  } catch (cause) {
    const why = `outlines of mouth and eyes and ibug points are needed (${(cause as Error).message})`
    throw invalidFile(side, path, why, cause)
  }
}

function numbers(list: readonly number[], count: number): number[] {
  if (list.length !== count || !list.every(Number.isFinite)) throw new RangeError(`${count} finite numbers are needed`)
  return [...list]
}
