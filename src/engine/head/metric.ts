/**
 * Metric size. One photo does not tell how large a head is; the distance between the pupils hardly differs between adults (about
 * 63 mm, standard deviation below 4 mm), so it sets the scale unless it was measured.
 */
import { transformPoints } from '../geometry/camera.js'
import { HEAD_PARTS, type HeadFit } from '../stages.js'

/** Mean of adults, the default of the setting. */
const PRIOR_MM = 63

export interface Metric {
  /** Millimetres between the pupils of the result. */
  ipdMm: number
  /** What the head fit was scaled by to get there. */
  scale: number
  /** Where the distance is from. */
  source: 'prior' | 'given' | 'head model'
}

/** Distance between the middles of the eyes, metres; undefined for models without eyeballs. */
export function interpupillaryDistance({ mesh, model }: Pick<HeadFit, 'mesh' | 'model'>): number | undefined {
  const sides = [-1, 1].map((side) => {
    const middle = [0, 0, 0]
    let count = 0
    for (let v = 0; v < model.parts.length; v++) {
      if (model.parts[v] !== HEAD_PARTS.eyeball || Math.sign(model.mean[3 * v]) !== side) continue
      for (let k = 0; k < 3; k++) middle[k] += mesh.positions[3 * v + k]
      count++
    }
    return count > 0 ? middle.map((sum) => sum / count) : undefined
  })
  const [right, left] = sides
  return right && left && Math.hypot(...right.map((x, k) => x - left[k]))
}

/**
 * The fit at its metric size: head and camera distance scaled alike, so that the photo looks the same.
 * @param ipdMm millimetres; 0 leaves the size to the head model
 */
export function metricFit(fit: HeadFit, ipdMm: number): { fit: HeadFit; metric: Metric } {
  const found = interpupillaryDistance(fit)
  if (ipdMm === 0 || found === undefined)
    return { fit, metric: { ipdMm: 1000 * (found ?? Number.NaN), scale: 1, source: 'head model' } }
  const scale = ipdMm / 1000 / found
  const headToCamera = fit.camera.headToCamera.slice()
  for (const k of [3, 7, 11]) headToCamera[k] *= scale
  const grow = Float64Array.of(scale, 0, 0, 0, 0, scale, 0, 0, 0, 0, scale, 0, 0, 0, 0, 1)
  const positions = transformPoints(grow, fit.mesh.positions, new Float32Array(fit.mesh.positions.length))
  return {
    fit: { ...fit, mesh: { ...fit.mesh, positions }, camera: { ...fit.camera, headToCamera } },
    metric: { ipdMm, scale, source: ipdMm === PRIOR_MM ? 'prior' : 'given' },
  }
}
