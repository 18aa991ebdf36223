/** The skin about a brow as a patch of columns along it and rows across it, the same on both sides, and the paths of hairs on it. */
import { barycentric } from '../geometry/barycentric.js'
import { smoothstep } from '../geometry/smoothstep.js'
import { TriangleTree } from '../geometry/triangle-tree.js'
import type { Mesh } from '../stages.js'
import { Bound, minus, plus, scaled, unit, type Vec } from './cards.js'

/** Places of the patch along the brow (0 its end at the nose, 1 that at the temple) and across it (0 and 1 its lower and upper edge). */
export const ALONG = [-0.12, 1.25] as const
export const ACROSS = [-1.1, 1.9] as const
export const COLUMNS = 48
export const ROWS = 32

export const columnOf = (u: number): number => ((u - ALONG[0]) / (ALONG[1] - ALONG[0])) * (COLUMNS - 1)
export const rowOf = (v: number): number => ((v - ACROSS[0]) / (ACROSS[1] - ACROSS[0])) * (ROWS - 1)
/** Where a column and a row of the patch are on the brow. */
export const alongOf = (i: number): number => ALONG[0] + (i / (COLUMNS - 1)) * (ALONG[1] - ALONG[0])
export const acrossOf = (j: number): number => ACROSS[0] + (j / (ROWS - 1)) * (ACROSS[1] - ACROSS[0])

export interface BrowSkin {
  /** The closed head's mean. */
  mean: Mesh
  /** [triangles, 3] of the skin about the brows, and which of the mesh's triangles each is. */
  skin: Uint32Array
  triangles: Uint32Array
  uv: Float32Array
  uvIndices: Uint32Array
}

export interface BrowPatch {
  /** [ROWS, COLUMNS] places on the skin. */
  bound: Bound
  /** [ROWS, COLUMNS, 2] their texture coordinates. */
  uv: Float32Array
}

/** @param upper and @param lower [n, 3] the brow's edges on the mean head, from the nose to the temple */
export function browPatch({ mean, skin, triangles, uv, uvIndices }: BrowSkin, upper: Vec[], lower: Vec[]): BrowPatch {
  const tree = new TriangleTree({ positions: mean.positions, indices: skin })
  const corners: number[] = []
  const uvRows: number[] = []
  const weights: number[] = []
  const point = new Float32Array(3)
  for (let j = 0; j < ROWS; j++)
    for (let i = 0; i < COLUMNS; i++) {
      const [a, b] = [lower, upper].map((line) => onLine(line, alongOf(i)))
      const at = plus(a, minus(b, a), acrossOf(j))
      const hit = tree.closest(at[0], at[1], at[2])
      const triangle = [0, 1, 2].map((c) => skin[3 * hit.triangle + c])
      point.set([hit.x, hit.y, hit.z])
      const share = [0, 0, 0]
      barycentric(mean.positions, triangle, point, 0, share)
      corners.push(...triangle)
      weights.push(...share)
      uvRows.push(...[0, 1, 2].map((c) => uvIndices[3 * triangles[hit.triangle] + c]))
    }
  const bound = new Bound(Uint32Array.from(corners), Float32Array.from(weights))
  return { bound, uv: bound.of(uv, Uint32Array.from(uvRows), 2) }
}

/** A point of a line at a share of its points, beyond its ends too. */
function onLine(line: Vec[], share: number): Vec {
  const at = share * (line.length - 1)
  const i = Math.min(line.length - 2, Math.max(0, Math.floor(at)))
  return plus(line[i], minus(line[i + 1], line[i]), at - i)
}

/** Of values for each column, at a place between two. */
export function valueAt(values: readonly number[], at: number): number {
  const i = Math.min(values.length - 2, Math.max(0, Math.floor(at)))
  return values[i] + Math.min(1, Math.max(0, at - i)) * (values[i + 1] - values[i])
}

/** A hair on the patch: its root, its direction from along the brow upwards, its length in metres. */
export interface BrowHair {
  u: number
  v: number
  angle: number
  length: number
}

/**
 * How hairs rise from along the brow, radians: at the nose they stand, below the middle they rise, above it they lie down.
 * @param share along the brow @param w across it, -1 its lower and 1 its upper edge
 */
export const riseAt = (share: number, w: number): number =>
  1.25 * (1 - smoothstep(0, 0.35, share)) + 0.45 * (1 - share) - 0.55 * Math.max(0, w) - 0.25 * share

/** A point of a hair on the patch, and the patch's directions there, metres for each column and row. */
export interface PathPoint {
  column: number
  line: number
  right: Vec
  up: Vec
  /** The hair's direction there, from along the brow upwards. */
  lying: number
}

/** A hair from its root to its tip; it lies down towards its tip. @param points [ROWS, COLUMNS, 3] @param count of points along it */
export function hairPath({ u, v, angle, length }: BrowHair, points: Float32Array, count: number): PathPoint[] {
  const at = (column: number, line: number): number[] => onPatch(points, column, line)
  const step = length / (count - 1)
  let [column, line] = [columnOf(u), rowOf(v)]
  return Array.from({ length: count }, (_, r) => {
    const right = scaled(minus(at(column + 1, line), at(column - 1, line)), 0.5)
    const up = scaled(minus(at(column, line + 1), at(column, line - 1)), 0.5)
    const lying = angle * (1 - (0.45 * r) / (count - 1))
    const here = { column, line, right, up, lying }
    column += (step * Math.cos(lying)) / Math.max(1e-5, Math.hypot(...right))
    line += (step * Math.sin(lying)) / Math.max(1e-5, Math.hypot(...up))
    return here
  })
}

/** The hair's direction at one of its points. */
export const directionAt = ({ right, up, lying }: PathPoint): Vec =>
  plus(scaled(unit(right), Math.cos(lying)), unit(up), Math.sin(lying))

/** A value of the patch between its columns and rows. @param values [ROWS, COLUMNS, dims] */
export function onPatch(values: Float32Array, column: number, line: number, dims = 3): number[] {
  const i = Math.min(COLUMNS - 2, Math.max(0, Math.floor(column)))
  const j = Math.min(ROWS - 2, Math.max(0, Math.floor(line)))
  const [s, t] = [column - i, line - j]
  const first = dims * (j * COLUMNS + i)
  return Array.from({ length: dims }, (_, k) => {
    const [a, b, c, d] = [0, 1, COLUMNS, COLUMNS + 1].map((step) => values[first + dims * step + k])
    return (1 - t) * (a + s * (b - a)) + t * (c + s * (d - c))
  })
}
