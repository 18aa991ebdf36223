/** Residuals of the head fit in the picture and in depth, with their derivatives. */
import type { FitModel, FitState, FreeUnknowns, PosedPoints } from './fit-state.js'

/** One landmark: a model point, where it should appear, and how much its two residual directions count. */
export interface Observation {
  point: number
  /** Target in pixels from the principal point. */
  x: number
  y: number
  /** Unit direction in the picture; (1, 0) for an ordinary landmark, the outline's normal for a sliding one. */
  nx: number
  ny: number
  /** Weights (1 / pixel²) of the squared residual along n and across it. */
  along: number
  across: number
  /** Depth behind the head's centre in pixels of its place (metres / scale), and its weight; 0 where unknown. */
  depth: number
  deep: number
}

/** Points of an upper and a lower border of lids or lips: they may meet but not cross. */
export interface Contact {
  upper: number
  lower: number
  /** Height of the gap that the picture shows where it is small, metres, and the weight (1 / metre²) of the squared distance from it. */
  height: number
  apart: number
  /** Weight of the squared height where the borders have crossed. */
  crossed: number
}

/** How far a contact is from what it should be in height (head frame, metres), and the weight of that squared. */
export function contactResidual(posed: PosedPoints, c: Contact): { residual: number; weight: number } {
  const [p, q] = [new Float64Array(3), new Float64Array(3)]
  posed.position(c.upper, p)
  posed.position(c.lower, q)
  const gap = p[1] - q[1]
  return gap < 0 && c.apart === 0 ? { residual: gap, weight: c.crossed } : { residual: gap - c.height, weight: c.apart }
}

/**
 * Derivatives of a contact's gap; they do not depend on the pose.
 *
 * @param row [n] as in `residualRow`
 */
export function contactRow(posed: PosedPoints, { upper, lower }: Contact, free: FreeUnknowns, row: Float64Array): void {
  const up = Float64Array.of(0, 1, 0)
  const other = new Float64Array(row.length)
  posed.gradient(upper, up, row)
  posed.gradient(lower, up, other)
  const shape = free.identity + free.expression + free.angles.length
  for (let i = 0; i < shape; i++) row[i] -= other[i]
  row.fill(0, shape)
}

/** Projection of model point i: pixels from the principal point, depth in units of the focal length times the scale. */
export function projectPoint(
  model: FitModel,
  state: FitState,
  posed: PosedPoints,
  i: number,
  out: Float64Array,
): Float64Array {
  const position = new Float64Array(3)
  posed.position(i, position)
  const { rotation: r } = state
  const f = Math.exp(state.logFocal)
  const s = Math.exp(state.logScale)
  const dx = position[0] - model.center[0]
  const dy = position[1] - model.center[1]
  const dz = position[2] - model.center[2]
  const z = r[6] * dx + r[7] * dy + r[8] * dz + f * s
  out[0] = (f * (r[0] * dx + r[1] * dy + r[2] * dz + state.u * s)) / z
  out[1] = (f * (r[3] * dx + r[4] * dy + r[5] * dz + state.v * s)) / z
  out[2] = z
  return out
}

/**
 * One residual and its derivatives.
 *
 * @param direction 0: along the observation's n, 1: across it
 * @param row [n] receives the derivatives in the order identity, expression, angles, rotation (3), u, v, logScale, logFocal
 * @param residual [0] receives the residual in pixels
 */
export function residualRow(
  model: FitModel,
  state: FitState,
  posed: PosedPoints,
  o: Observation,
  direction: number,
  free: FreeUnknowns,
  row: Float64Array,
  residual: Float64Array,
): void {
  const ex = direction === 0 ? o.nx : -o.ny
  const ey = direction === 0 ? o.ny : o.nx
  const { rotation: r, u, v } = state
  const f = Math.exp(state.logFocal)
  const s = Math.exp(state.logScale)
  const position = new Float64Array(3)
  posed.position(o.point, position)
  for (let k = 0; k < 3; k++) position[k] -= model.center[k]
  const [px, py, pz] = position
  const qx = r[0] * px + r[1] * py + r[2] * pz
  const qy = r[3] * px + r[4] * py + r[5] * pz
  const qz = r[6] * px + r[7] * py + r[8] * pz
  const x = qx + u * s
  const y = qy + v * s
  const z = qz + f * s
  const fz = f / z
  residual[0] = ex * (fz * x - o.x) + ey * (fz * y - o.y)
  // Derivative of the residual by the camera-frame point, then by the head-frame point.
  const cx = ex * fz
  const cy = ey * fz
  const cz = (-fz / z) * (ex * x + ey * y)
  const m = Float64Array.of(
    cx * r[0] + cy * r[3] + cz * r[6],
    cx * r[1] + cy * r[4] + cz * r[7],
    cx * r[2] + cy * r[5] + cz * r[8],
  )
  posed.gradient(o.point, m, row)
  let k = free.identity + free.expression + free.angles.length
  // R ← exp(δ) R: the point moves by δ × q.
  row[k++] = -cy * qz + cz * qy
  row[k++] = cx * qz - cz * qx
  row[k++] = -cx * qy + cy * qx
  row[k++] = cx * s
  row[k++] = cy * s
  row[k++] = s * (cx * u + cy * v + cz * f)
  if (free.focal) row[k++] = fz * (ex * x + ey * y) + cz * f * s
}

/** The depth residual of an observation and its derivatives; arguments as in `residualRow`. */
export function depthRow(
  model: FitModel,
  state: FitState,
  posed: PosedPoints,
  o: Observation,
  free: FreeUnknowns,
  row: Float64Array,
  residual: Float64Array,
): void {
  const { rotation: r } = state
  const s = Math.exp(state.logScale)
  const position = new Float64Array(3)
  posed.position(o.point, position)
  for (let k = 0; k < 3; k++) position[k] -= model.center[k]
  const [px, py, pz] = position
  const depth = (r[6] * px + r[7] * py + r[8] * pz) / s
  residual[0] = depth - o.depth
  posed.gradient(o.point, Float64Array.of(r[6] / s, r[7] / s, r[8] / s), row)
  const k = free.identity + free.expression + free.angles.length
  row.fill(0, k)
  row[k] = (r[3] * px + r[4] * py + r[5] * pz) / s
  row[k + 1] = -(r[0] * px + r[1] * py + r[2] * pz) / s
  row[k + 5] = -depth
}
