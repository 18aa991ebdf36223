/** Contours of mouth and lids on a head: its MediaPipe points in the order of iBUG's, from the picture's left to its right. */

import { LEFT_EYE, LIPS_INNER, RIGHT_EYE } from '../evidence/layouts.js'
import type { HeadModel } from '../stages.js'
import { embeddedPoints } from './embedding.js'

/** Inner edges of the lips and edges of the lids; right and left are the subject's. */
export type ContourName = 'lipsUpper' | 'lipsLower' | 'rightUpper' | 'rightLower' | 'leftUpper' | 'leftLower'

/** A ring of points from a corner over the upper edge to the other corner and back below, as its two edges. */
function edges(ring: readonly number[]): [upper: readonly number[], lower: readonly number[]] {
  const half = ring.length / 2
  return [ring.slice(0, half + 1), [ring[0], ...ring.slice(half).reverse()]]
}

const [lipsUpper, lipsLower] = edges(LIPS_INNER)
const [rightUpper, rightLower] = edges(RIGHT_EYE)
const [leftUpper, leftLower] = edges(LEFT_EYE).map((edge) => [...edge].reverse())

/** The points of each contour, its corners included; upper and lower edges have equally many. */
const CONTOURS: Record<ContourName, readonly number[]> = {
  lipsUpper,
  lipsLower,
  rightUpper,
  rightLower,
  leftUpper,
  leftLower,
}

/** Contours on a head whose vertices are at `positions`: lists of [x, y, z]. */
export function contoursOn(
  model: Pick<HeadModel, 'indices' | 'landmarks478'>,
  positions: ArrayLike<number>,
): Record<ContourName, number[][]> {
  const points = embeddedPoints(positions, model.indices, model.landmarks478)
  return Object.fromEntries(
    Object.entries(CONTOURS).map(([name, list]) => [name, list.map((i) => [...points.subarray(3 * i, 3 * i + 3)])]),
  ) as Record<ContourName, number[][]>
}
