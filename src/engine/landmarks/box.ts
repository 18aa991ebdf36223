/** Boxes about landmarks. */
import type { Box } from '../stages.js'

/** Bounding box of landmarks [n, 2]. */
export function boundingBox(points: Float64Array): Box {
  let [x0, x1, y0, y1] = [Infinity, -Infinity, Infinity, -Infinity]
  for (let i = 0; i < points.length; i += 2) {
    x0 = Math.min(x0, points[i])
    x1 = Math.max(x1, points[i])
    y0 = Math.min(y0, points[i + 1])
    y1 = Math.max(y1, points[i + 1])
  }
  return { x: x0, y: y0, width: x1 - x0, height: y1 - y0 }
}
