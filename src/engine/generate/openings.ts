/**
 * The edges of the mouth's and the eyes' openings on a generated head: what a reconstruction's lips and lids are measured
 * against. Edges are curves of the skin (the line along which lips touch; the lids' outer edge, which the lashes stand on), so
 * they are known whatever hides them.
 */

import { project } from '../geometry/camera.js'
import { pointsAlong } from '../geometry/polyline.js'
import { isHidden } from '../geometry/rasterize.js'
import { type ContourName, contoursOn } from '../head/contours.js'
import { embeddedPoints } from '../head/embedding.js'
import type { Camera, HeadModel } from '../stages.js'

type Vector = readonly number[]

/** Points of an edge with their places in the photo. */
interface Edge {
  /** Head frame, metres. */
  points3d: Vector[]
  /** Photo pixels. */
  px: Vector[]
}

interface IbugPoint {
  point3d: Vector
  px: Vector
  /** Whether the camera sees it. */
  visible: boolean
}

/** A view's `regions.json`; docs/ground-truth.md describes it. */
export interface Regions {
  mouth_gap_mm: number
  lid_gap_right_mm: number
  lid_gap_left_mm: number
  outlines: {
    mouth: { upper_inner: Edge; lower_inner: Edge; corners: Edge }
    eye_right: { upper: Edge; lower: Edge; corners: Edge }
    eye_left: { upper: Edge; lower: Edge; corners: Edge }
  }
  /** Points 36 to 48, 54 and 60 to 67 by their number. */
  ibug: Record<string, IbugPoint>
  /** In words. */
  expression: string
  occluders: string[]
  units: string
}

/** Edges nearer than this from above to below touch, metres: those of shut lids and lips lie a little behind each other. */
const TOUCH = 0.0005
/** Metres behind what the camera sees by which a point is hidden: edges lie in the grooves between lids and between lips. */
const GROOVE = 0.003
const POINTS = { lips: 21, lids: 15 }

/** iBUG's pairs of an upper and a lower point that meet when lids and lips are shut. */
const PAIRS = [
  [37, 41],
  [38, 40],
  [43, 47],
  [44, 46],
  [61, 67],
  [62, 66],
  [63, 65],
] as const // prettier-ignore
const IBUG = [...Array.from({ length: 13 }, (_, i) => 36 + i), 54, ...Array.from({ length: 8 }, (_, i) => 60 + i)]

/**
 * The openings of a generated head as its camera sees them.
 *
 * @param positions of the head's mesh; its first vertices are the model's
 * @param depth [height, width] of everything in front of the camera, metres
 * @param name the face's expression in words
 */
export function openingsOf(
  model: HeadModel,
  positions: Float32Array,
  camera: Camera,
  depth: Float32Array,
  name: string,
): Regions {
  const rows = (points: Float64Array): number[][] =>
    Array.from({ length: points.length / 3 }, (_, i) => [...points.subarray(3 * i, 3 * i + 3)])
  const ibug = rows(embeddedPoints(positions, model.indices, model.landmarks68))
  for (const [u, l] of PAIRS) [ibug[u], ibug[l]] = touching(ibug[u], ibug[l])

  const pixels = (points: readonly Vector[]): Vector[] => {
    const px = project(camera, Float64Array.from(points.flat()))
    return points.map((_, i) => [round(px[3 * i], 2), round(px[3 * i + 1], 2)])
  }
  const edge = (points: readonly Vector[]): Edge => ({
    points3d: points.map((p) => p.map((x) => round(x, 6))),
    px: pixels(points),
  })
  const contours = contoursOn(model, positions)
  const edges = (upper: ContourName, lower: ContourName, count: number): [upper: Edge, lower: Edge] => {
    // At equal steps, without the ends.
    const shares = Array.from({ length: count }, (_, n) => (n + 1) / (count + 1))
    const below = pointsAlong(contours[lower], shares)
    const met = pointsAlong(contours[upper], shares).map((u, i) => touching(u.point, below[i].point))
    return [edge(met.map(([u]) => u)), edge(met.map(([, l]) => l))]
  }
  const [lipUpper, lipLower] = edges('lipsUpper', 'lipsLower', POINTS.lips)
  const [rightUpper, rightLower] = edges('rightUpper', 'rightLower', POINTS.lids)
  const [leftUpper, leftLower] = edges('leftUpper', 'leftLower', POINTS.lids)
  const corners = (...numbers: number[]): Edge => edge(numbers.map((i) => ibug[i]))

  const gaps = [gap(ibug, [62], [66]), gap(ibug, [37, 38], [41, 40]), gap(ibug, [43, 44], [47, 46])]
  const [mouth, right, left] = gaps.map((metres) => round(1000 * metres, 3))
  const isVisible = (p: Vector): boolean => {
    const [x, y, z] = project(camera, Float64Array.from(p))
    return x >= 0 && y >= 0 && x < camera.width && y < camera.height && !isHidden(depth, camera.width, x, y, z, GROOVE)
  }
  return {
    mouth_gap_mm: mouth,
    lid_gap_right_mm: right,
    lid_gap_left_mm: left,
    outlines: {
      mouth: { upper_inner: lipUpper, lower_inner: lipLower, corners: corners(48, 54) },
      eye_right: { upper: rightUpper, lower: rightLower, corners: corners(36, 39) },
      eye_left: { upper: leftUpper, lower: leftLower, corners: corners(42, 45) },
    },
    ibug: Object.fromEntries(
      IBUG.map((i) => {
        const { points3d, px } = edge([ibug[i]])
        return [String(i), { point3d: points3d[0], px: px[0], visible: isVisible(ibug[i]) }]
      }),
    ),
    expression: [name, ...inWords(mouth, right, left)].join(', '),
    occluders: [],
    units: 'head frame, metres; px: photo pixels, centres at +0.5; gaps in mm (0: closed)',
  }
}

/** Both in one place where the upper one does not lie over the lower one: where the one in front is, which is what can be seen. */
function touching(upper: Vector, lower: Vector): [number[], number[]] {
  if (upper[1] - lower[1] >= TOUCH) return [[...upper], [...lower]]
  const front = upper[2] > lower[2] ? upper : lower
  return [[...front], [...front]]
}

/** Distance between the middles of the upper and of the lower points. */
function gap(points: readonly Vector[], upper: readonly number[], lower: readonly number[]): number {
  const middle = (list: readonly number[]): number[] =>
    [0, 1, 2].map((k) => list.reduce((sum, i) => sum + points[i][k] / list.length, 0))
  const [u, l] = [middle(upper), middle(lower)]
  return Math.hypot(...u.map((x, k) => x - l[k]))
}

function inWords(mouth: number, right: number, left: number): string[] {
  const words = [mouth > 2 ? `mouth ${mouth.toFixed(0)} mm open` : 'mouth shut']
  const shut = [right > 0 ? '' : 'right', left > 0 ? '' : 'left'].filter((side) => side !== '')
  if (shut.length > 0) words.push(shut.length === 2 ? 'both eyes shut' : `${shut[0]} eye shut`)
  return words
}

const round = (x: number, digits: number): number => Number(x.toFixed(digits))
