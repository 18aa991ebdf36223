/** The two frames that teeth and gums stand still in: the skull's and the lower jaw's. Four points of the cage each. */
import type { Row } from '../topology.js'
import type { Jaw } from './arch.js'

/** Columns of the frames' points: far beyond MakeHuman's vertices. The origin and the ends of the axes. */
export const FRAME_COLUMNS: Record<Jaw, number> = { upper: 1_000_000, lower: 1_000_004 }
/** The frames' points in the mean head, metres. */
export const FRAME_POINTS: readonly (readonly number[])[] = [
  [0, -0.07, 0.08],
  [0.03, -0.07, 0.08],
  [0, -0.04, 0.08],
  [0, -0.07, 0.11],
]
const AXIS = 0.03

/** A point (head frame of the mean head, metres) that stands still in the frames: `jaw` 0 in the skull's, 1 in the lower jaw's. */
export function frameRow(p: readonly number[], jaw: number): Row {
  const shares = p.map((x, k) => (x - FRAME_POINTS[0][k]) / AXIS)
  const weights = [1 - shares[0] - shares[1] - shares[2], ...shares]
  const row: Row = new Map()
  for (const [column, share] of [
    [FRAME_COLUMNS.upper, 1 - jaw],
    [FRAME_COLUMNS.lower, jaw],
  ])
    if (share > 0)
      weights.forEach((w, k) => {
        row.set(column + k, share * w)
      })
  return row
}

/** A displacement that is the same whoever it is, but turns and grows with the skull's frame. */
export const skullShift = (d: readonly number[]): Row =>
  new Map([
    [FRAME_COLUMNS.upper, -d.reduce((a, b) => a + b, 0) / AXIS],
    ...d.map((x, k): [number, number] => [FRAME_COLUMNS.upper + 1 + k, x / AXIS]),
  ])
