/** Where a face's field is sampled. */
import { submesh } from '../geometry/mesh.js'
import type { HeadFit } from '../stages.js'

/** Room about the face region, metres. */
const MARGIN = 0.01

/** Lower and upper corner of the box about the fitted face region, with a margin of 1 cm; head frame, metres. */
export function faceBounds(fit: HeadFit): { low: [number, number, number]; high: [number, number, number] } {
  const { positions } = submesh(fit.mesh, fit.model.faceRegion).mesh
  const low: [number, number, number] = [1, 1, 1]
  const high: [number, number, number] = [-1, -1, -1]
  positions.forEach((p, i) => {
    low[i % 3] = Math.min(low[i % 3], p - MARGIN)
    high[i % 3] = Math.max(high[i % 3], p + MARGIN)
  })
  return { low, high }
}
