/** The implicit field as the surface stage sees it: batched evaluators in field coordinates. */
import { SiderError } from '../errors.js'
import type { Points } from '../geometry/camera.js'
import type { FieldFrame } from '../stages.js'

export type { ImplicitField } from '../stages.js'

/** Head-frame metres to field coordinates, [n, 3]. */
export function toField(frame: FieldFrame, points: Points): Float32Array {
  const { center, scale } = frame
  const out = new Float32Array(points.length)
  for (let i = 0; i < out.length; i++) out[i] = (points[i] - center[i % 3]) / scale
  return out
}

/** Field coordinates to head-frame metres, [n, 3]. */
export function toHead(frame: FieldFrame, points: Points): Float32Array {
  const { center, scale } = frame
  const out = new Float32Array(points.length)
  for (let i = 0; i < out.length; i++) out[i] = points[i] * scale + center[i % 3]
  return out
}

/** The error for fields without a surface. */
export function emptySurface(what: string): SiderError {
  return new SiderError('SURFACE_EMPTY', what, {
    stage: 'surface',
    hint: 'The optimisation probably went wrong: look at the losses in report.json, and try another seed or preset.',
  })
}
