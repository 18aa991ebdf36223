/** Irises where only the mesh's 468 points are known. */
import {
  LEFT_EYE_INNER,
  LEFT_EYE_OUTER,
  LEFT_IRIS,
  RIGHT_EYE_INNER,
  RIGHT_EYE_OUTER,
  RIGHT_IRIS,
} from '../evidence/layouts.js'

/** Diameter of the iris over the width of the eye: 11.7 mm over 28 mm. */
const IRIS_SHARE = 11.7 / 28

/**
 * Writes irises as circles in the middle of the eye openings. A stand-in, good for layout but not for the direction of gaze.
 *
 * @param points [478, 2] photo pixels; the mesh's 468 are given, the irises (468..477) are written
 */
export function deriveIrises(points: Float64Array): void {
  for (const [a, b, iris] of [
    [RIGHT_EYE_OUTER, RIGHT_EYE_INNER, RIGHT_IRIS],
    [LEFT_EYE_INNER, LEFT_EYE_OUTER, LEFT_IRIS],
  ] as const) {
    // Half the iris, along the line of the eye's corners and across it.
    const rx = ((points[2 * b] - points[2 * a]) * IRIS_SHARE) / 2
    const ry = ((points[2 * b + 1] - points[2 * a + 1]) * IRIS_SHARE) / 2
    const cx = (points[2 * a] + points[2 * b]) / 2
    const cy = (points[2 * a + 1] + points[2 * b + 1]) / 2
    const ring = [
      [0, 0],
      [rx, ry],
      [ry, -rx],
      [-rx, -ry],
      [-ry, rx],
    ] // prettier-ignore
    ring.forEach(([x, y], i) => {
      points[2 * iris[i]] = cx + x
      points[2 * iris[i] + 1] = cy + y
    })
  }
}
