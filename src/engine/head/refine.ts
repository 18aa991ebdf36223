/**
 * The head fitted anew to what the learned evidence says of its first fit: where each of its points should appear in the picture and
 * how deep it should lie. The unknowns, priors and solver are those of the fit to landmarks.
 */
import type { Settings } from '../config.js'
import type { Evidence } from '../evidence/network.js'
import { cropCamera } from '../geometry/camera.js'
import type { Face, HeadFit } from '../stages.js'
import { fitContext, finish, type FitContext } from './fit.js'
import type { Observation } from './fit-residuals.js'
import { projectPoint } from './fit-residuals.js'
import { minimise } from './fit-solver.js'
import { contactsOf } from './fit-observe.js'
import { type FitState, PosedPoints } from './fit-state.js'

const SIGMA = +(process.env.RSIGMA ?? 1)
const DEEP = +(process.env.RDEEP ?? 1)
const XY = +(process.env.RXY ?? 1)

export function refineHead(
  fit: HeadFit,
  state: FitState,
  face: Face,
  photo: { width: number; height: number; exifFocalPx: number | undefined },
  evidence: Evidence,
  settings: Pick<Settings, 'head' | 'photo'>,
): HeadFit {
  const context = fitContext(fit.model, face, photo, settings)
  const { model, plan, priors, targets } = context
  const { crop } = evidence
  const size = crop.size
  const scale = crop.width / size
  const posed = new PosedPoints(model, state)
  const p = new Float64Array(3)
  const s = Math.exp(state.logScale)
  const f = Math.exp(state.logFocal)
  const observations: Observation[] = []
  const depths: number[] = []
  const { normals, mean } = model.points
  void mean
  for (let i = 0; i < plan.weights.length; i++) {
    if (plan.weights[i] === 0 || i >= 468) continue
    projectPoint(model, state, posed, i, p)
    const x = p[0] + photo.width / 2
    const y = p[1] + photo.height / 2
    const u = Math.floor((x - crop.x) / scale)
    const v = Math.floor((y - crop.y) / scale)
    if (u < 0 || v < 0 || u >= size || v >= size) continue
    const k = v * size + u
    if (evidence.triangle[k] < 0) continue
    const { rotation: r } = state
    const facing = -(r[6] * normals[3 * i] + r[7] * normals[3 * i + 1] + r[8] * normals[3 * i + 2])
    if (facing < 0.1) continue
    const [dx, dy, dz] = evidence.move.subarray(3 * k, 3 * k + 3)
    const [ep, ed] = evidence.moveDoubt.subarray(2 * k, 2 * k + 2)
    const w = plan.weights[i] * SIGMA
    const along = (XY * w) / Math.max(ep * scale, 0.5 * scale) ** 2
    observations.push({
      point: i, x: p[0] + dx * scale, y: p[1] + dy * scale, nx: 1, ny: 0, along, across: along,
      depth: p[2] / s - f + dz * scale, deep: (DEEP * w) / Math.max(ed * scale, 0.5 * scale) ** 2,
    })
    depths.push(0)
  }
  const contacts = contactsOf(plan, targets, context.interocular / s, s)
  const all = context.all
  let next = state
  for (let k = 0; k < 3; k++) {
    // Depths are relative: the offset between what is wanted and what is follows.
    const now = new PosedPoints(model, next)
    const sn = Math.exp(next.logScale)
    const fn = Math.exp(next.logFocal)
    let sum = 0
    let weight = 0
    for (const o of observations) {
      projectPoint(model, next, now, o.point, p)
      sum += o.deep * (p[2] / sn - fn - o.depth)
      weight += o.deep
    }
    for (const o of observations) o.depth += sum / weight
    next = minimise(model, next, { observations, contacts }, priors, all, 2).state
  }
  return finish(context, next)
}
void cropCamera
void ({} as FitContext)
