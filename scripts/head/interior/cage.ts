/**
 * The interior's own part of the cage: the vertices of the lips' inner sides that the skin does not need, and the frames of the
 * skull's and the lower jaw's teeth. How they move with who it is (as MakeHuman's teeth do), and with the expression: the lower
 * frame with the jaw, rigidly; the upper one never.
 */
import { solveCholesky } from '../../../src/engine/geometry/algebra.js'
import { transformPoints } from '../../../src/engine/geometry/camera.js'
import { alignPoints } from '../../../src/engine/geometry/similarity.js'
import type { CutHead } from '../cut.js'
import type { Expression } from '../expressions.js'
import { DECIMETRE } from '../frame.js'
import type { IdentitySpace } from '../identity.js'
import type { Source } from '../source.js'
import type { Jaw } from './arch.js'
import { FRAME_COLUMNS, FRAME_POINTS } from './frames.js'
import { buildInterior, type Interior } from './interior.js'
import { liningVertices } from './soft.js'

/** Base vertices of the tongue and the teeth in MakeHuman's mesh. */
const TONGUE = [13380, 13606] as const
const MAKEHUMAN_TEETH: Record<Jaw, readonly [number, number]> = { lower: [14992, 15060], upper: [15060, 15128] }
const JAWS: readonly Jaw[] = ['upper', 'lower']
/** Expressions in which the lower jaw moves. */
const JAW_MOTIONS = ['jawOpen', 'jawForward', 'jawLeft', 'jawRight']

export interface InteriorCage {
  interior: Interior
  /** Number of each of the interior's own columns, behind the head's. */
  column: Map<number, number>
  /** [columns, 3] metres; displacements for each component. */
  mean: Float64Array
  identity: Float64Array[]
  expressions: Float64Array[]
}

/**
 * @param head all base vertices of MakeHuman's undeformed mesh in the head frame, metres
 * @param shift taken from the drawn heads' mean so that the origin is where it should be
 * @param known columns of the head's cage
 */
export function interiorCage(
  source: Source,
  cut: CutHead,
  space: IdentitySpace,
  head: Float64Array,
  shift: readonly number[],
  known: ReadonlyMap<number, number>,
  expressions: readonly Expression[],
): InteriorCage {
  const range = ([first, end]: readonly [number, number]): number[] =>
    Array.from({ length: end - first }, (_, i) => first + i)
  const teeth = { upper: range(MAKEHUMAN_TEETH.upper), lower: range(MAKEHUMAN_TEETH.lower) }
  const vertices = [...new Set([...range(TONGUE), ...teeth.lower, ...teeth.upper, ...liningVertices(cut)])]
  const place = new Map(vertices.map((v, i) => [v, i]))
  const pick = (list: readonly number[], field: Float64Array): Float64Array =>
    Float64Array.from(list.flatMap((v) => [...field.subarray(3 * v, 3 * v + 3)]))
  /** Of a field over `vertices`. */
  const pickHere = (list: readonly number[], field: Float64Array): Float64Array =>
    pick(
      list.map((v) => place.get(v)!),
      field,
    )
  const shapes = space.elsewhere(pick(vertices, head), (name) =>
    pick(vertices, source.target(name)).map((x) => DECIMETRE * x),
  )
  const mean = shapes.mean.map((x, i) => x - shift[i % 3])
  const interior = buildInterior(source, cut, (v) => [...pickHere([v], mean)])

  const used = new Set(interior.rows.flatMap((row) => [...row.keys()]))
  const own = [...used].filter((c) => c < FRAME_COLUMNS.upper && !known.has(c)).sort((a, b) => a - b)
  const columns = [...own, ...JAWS.flatMap((jaw) => FRAME_POINTS.map((_, i) => FRAME_COLUMNS[jaw] + i))]
  const still = new Float64Array(framePoints.length)
  return {
    interior,
    column: new Map(columns.map((c, i) => [c, i])),
    mean: joined(pickHere(own, mean), framePoints, framePoints),
    identity: shapes.components.map((component) => {
      const [upper, lower] = JAWS.map((jaw) =>
        linearMotion(pickHere(teeth[jaw], mean), pickHere(teeth[jaw], component)),
      )
      return joined(pickHere(own, component), upper, lower)
    }),
    expressions: expressions.map(({ name, field }) => {
      const moves = JAW_MOTIONS.includes(name)
      const lower = moves ? rigidMotion(pickHere(teeth.lower, mean), pick(teeth.lower, field)) : still
      return joined(pick(own, field), still, lower)
    }),
  }
}

const framePoints = Float64Array.from(FRAME_POINTS.flat())
const joined = (...parts: Float64Array[]): Float64Array => Float64Array.from(parts.flatMap((part) => [...part]))

/**
 * Displacement [4, 3] of a frame's points that a displacement of the teeth asks for: the closest linear map.
 * @param points [n, 3] @param field [n, 3]
 */
function linearMotion(points: Float64Array, field: Float64Array): Float64Array {
  const about = FRAME_POINTS[0]
  const terms = (p: ArrayLike<number>, at: number): number[] => [1, ...about.map((x, k) => 30 * (p[at + k] - x))]
  const out = new Float64Array(12)
  for (let axis = 0; axis < 3; axis++) {
    const [normal, right] = [new Float64Array(16), new Float64Array(4)]
    for (let i = 0; i < points.length; i += 3) {
      const row = terms(points, i)
      row.forEach((x, a) => {
        right[a] += x * field[i + axis]
        row.forEach((y, b) => {
          normal[4 * a + b] += x * y
        })
      })
    }
    if (!solveCholesky(normal, right, 4)) throw new Error('the teeth lie in a plane')
    for (let n = 0; n < 4; n++)
      out[3 * n + axis] = terms(framePoints, 3 * n).reduce((sum, x, a) => sum + x * right[a], 0)
  }
  return out
}

/** The same, but rigid: teeth do not stretch. Those that move furthest count most: the front ones, which show. */
function rigidMotion(points: Float64Array, field: Float64Array): Float64Array {
  const weights = Float64Array.from({ length: field.length / 3 }, (_, i) =>
    [0, 1, 2].reduce((sum, k) => sum + field[3 * i + k] ** 2, 0),
  )
  const motion = alignPoints(
    points,
    points.map((x, i) => x + field[i]),
    { scale: 'fixed', weights },
  )
  return transformPoints(motion, framePoints).map((x, i) => x - framePoints[i])
}
