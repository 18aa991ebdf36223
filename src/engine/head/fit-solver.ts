/**
 * Levenberg-Marquardt for the head fit (SIDER Eq. 3): weighted distances between projected model points and landmarks
 * plus the priors, over shape, expression, joints, pose and focal length together. Derivatives are analytic.
 */
import { solveCholesky } from '../geometry/algebra.js'
import { multiply3, rotationFromAxisAngle } from '../geometry/camera.js'
import {
  type Contact,
  contactResidual,
  contactRow,
  depthRow,
  type Observation,
  projectPoint,
  residualRow,
} from './fit-residuals.js'
import { copyState, type FitModel, type FitState, type FreeUnknowns, POSE_UNKNOWNS, PosedPoints } from './fit-state.js'

/** Gaussian priors, as weights and standard deviations. */
export interface FitPriors {
  /** Weights of the identity and the expression prior, 1 = as the model states. */
  identity: number
  expression: number
  /** [expressionCount, expressionCount] inverse covariance of the expression coefficients. */
  expressionPrecision: Float64Array
  /** [expressionCount, 2] */
  expressionRange: ArrayLike<number>
  /** [joints * 3] standard deviation of each joint angle, radians. */
  angleSigma: ArrayLike<number>
  /** Log-normal priors of the focal length (pixels) and of the distance (metres); sigma Infinity switches one off. */
  logFocal: { mean: number; sigma: number }
  logDistance: { mean: number; sigma: number }
}

/** What a picture says of the unknowns. */
export interface Evidence {
  observations: readonly Observation[]
  contacts: readonly Contact[]
}

/** Number of free unknowns. */
export function unknownCount(free: FreeUnknowns): number {
  return free.identity + free.expression + free.angles.length + POSE_UNKNOWNS + (free.focal ? 1 : 0)
}

/** The objective: Σ weighted squared residuals + priors. Infinite when a point falls behind the camera. */
export function energy(
  model: FitModel,
  state: FitState,
  { observations, contacts }: Evidence,
  priors: FitPriors,
): number {
  const posed = new PosedPoints(model, state)
  const p = new Float64Array(3)
  let sum = priorEnergy(state, priors)
  for (const o of observations) {
    projectPoint(model, state, posed, o.point, p)
    if (!(p[2] > 0)) return Number.POSITIVE_INFINITY
    const rx = p[0] - o.x
    const ry = p[1] - o.y
    const rn = rx * o.nx + ry * o.ny
    const rt = -rx * o.ny + ry * o.nx
    sum += o.along * rn * rn + o.across * rt * rt
    if (o.deep > 0) sum += o.deep * (p[2] / Math.exp(state.logScale) - Math.exp(state.logFocal) - o.depth) ** 2
  }
  for (const contact of contacts) {
    const { residual, weight } = contactResidual(posed, contact)
    sum += weight * residual * residual
  }
  return sum
}

function priorEnergy(state: FitState, priors: FitPriors): number {
  let sum = 0
  for (const a of state.identity) sum += priors.identity * a * a
  const { expression } = state
  expression.forEach((b, k) => {
    sum += priors.expression * b * timesPrecision(priors, expression, k)
  })
  state.angles.forEach((a, k) => {
    if (priors.angleSigma[k] > 0) sum += (a / priors.angleSigma[k]) ** 2
  })
  sum += ((state.logFocal - priors.logFocal.mean) / priors.logFocal.sigma) ** 2
  sum += ((state.logFocal + state.logScale - priors.logDistance.mean) / priors.logDistance.sigma) ** 2
  return sum
}

/** Row k of the expression prior's precision times the coefficients. */
function timesPrecision(priors: FitPriors, expression: Float64Array, k: number): number {
  let sum = 0
  const row = k * expression.length
  for (let l = 0; l < expression.length; l++) sum += priors.expressionPrecision[row + l] * expression[l]
  return sum
}

/** What a fit minimises, and over which unknowns. */
export interface FitProblem {
  model: FitModel
  evidence: Evidence
  priors: FitPriors
  free: FreeUnknowns
}

/** Normal equations of n unknowns. */
export interface System {
  n: number
  /** [n, n] of which the lower triangle counts. */
  a: Float64Array
  /** [n] Jᵀ W r and the priors' part. */
  g: Float64Array
}

/** Room for the equations of these unknowns. */
export function systemOf(free: FreeUnknowns): System {
  const n = unknownCount(free)
  return { n, a: new Float64Array(n * n), g: new Float64Array(n) }
}

/** Gauss-Newton normal equations, into `system`: half the gradient of the objective and half its approximate Hessian. */
export function normalEquations({ model, evidence, priors, free }: FitProblem, state: FitState, system: System): void {
  const { observations, contacts } = evidence
  const { a, g, n } = system
  a.fill(0)
  g.fill(0)
  const posed = new PosedPoints(model, state, free)
  const row = new Float64Array(n)
  const residual = new Float64Array(2)
  const batch = new RowBatch(a, g, n)
  for (const o of observations) {
    for (let direction = 0; direction < 2; direction++) {
      const weight = direction === 0 ? o.along : o.across
      if (weight === 0) continue
      residualRow(model, state, posed, o, direction, free, row, residual)
      batch.add(row, weight, residual[0])
    }
    if (o.deep === 0) continue
    depthRow(model, state, posed, o, free, row, residual)
    batch.add(row, o.deep, residual[0])
  }
  for (const contact of contacts) {
    const { residual: r, weight } = contactResidual(posed, contact)
    if (weight === 0) continue
    contactRow(posed, contact, free, row)
    batch.add(row, weight, r)
  }
  batch.flush()
  addPriors(system, state, priors, free)
}

/** Rows that `RowBatch` gathers before it adds them up. */
const BATCH = 4

/** Adds weighted rows to the normal equations, four at a time: each pass over the matrix then does four times the work. */
class RowBatch {
  private readonly rows: Float64Array[]
  private filled = 0

  constructor(
    private readonly a: Float64Array,
    private readonly g: Float64Array,
    private readonly n: number,
  ) {
    this.rows = Array.from({ length: BATCH }, () => new Float64Array(n))
  }

  add(row: Float64Array, weight: number, residual: number): void {
    const { g, n } = this
    const root = Math.sqrt(weight)
    const scaled = this.rows[this.filled++]
    for (let i = 0; i < n; i++) {
      scaled[i] = root * row[i]
      g[i] += weight * residual * row[i]
    }
    if (this.filled === BATCH) this.flush()
  }

  flush(): void {
    const { a, n } = this
    for (let k = this.filled; k < BATCH; k++) this.rows[k].fill(0)
    const [p, q, r, s] = this.rows
    for (let i = 0; i < n; i++) {
      const pi = p[i]
      const qi = q[i]
      const ri = r[i]
      const si = s[i]
      const base = i * n
      for (let j = 0; j <= i; j++) a[base + j] += pi * p[j] + qi * q[j] + ri * r[j] + si * s[j]
    }
    this.filled = 0
  }
}

function addPriors({ a, g, n }: System, state: FitState, priors: FitPriors, free: FreeUnknowns): void {
  const add = (i: number, weight: number, value: number): void => {
    a[i * n + i] += weight
    g[i] += weight * value
  }
  let i = 0
  for (let k = 0; k < free.identity; k++) add(i++, priors.identity, state.identity[k])
  const first = i
  for (let k = 0; k < free.expression; k++, i++) {
    for (let l = 0; l <= k; l++)
      a[i * n + first + l] += priors.expression * priors.expressionPrecision[k * state.expression.length + l]
    g[i] += priors.expression * timesPrecision(priors, state.expression, k)
  }
  for (const index of free.angles) add(i++, 1 / priors.angleSigma[index] ** 2, state.angles[index])
  const scale = i + 5
  const distance = 1 / priors.logDistance.sigma ** 2
  const far = state.logFocal + state.logScale - priors.logDistance.mean
  add(scale, distance, far)
  if (!free.focal) return
  add(scale + 1, distance, far)
  a[(scale + 1) * n + scale] += distance
  add(scale + 1, 1 / priors.logFocal.sigma ** 2, state.logFocal - priors.logFocal.mean)
}

/** Takes a step; expression coefficients stay within their ranges. */
export function applyStep(state: FitState, step: Float64Array, free: FreeUnknowns, range: ArrayLike<number>): FitState {
  const next = copyState(state)
  let i = 0
  for (let k = 0; k < free.identity; k++) next.identity[k] += step[i++]
  for (let k = 0; k < free.expression; k++)
    next.expression[k] = Math.min(range[2 * k + 1], Math.max(range[2 * k], next.expression[k] + step[i++]))
  for (const index of free.angles) next.angles[index] += step[i++]
  next.rotation = multiply3(rotationFromAxisAngle(step[i], step[i + 1], step[i + 2]), state.rotation)
  next.u += step[i + 3]
  next.v += step[i + 4]
  next.logScale += step[i + 5]
  if (free.focal) next.logFocal += step[i + 6]
  return next
}

/**
 * Minimises the objective from a start.
 *
 * Coefficients at a bound of their range whose gradient points outwards are held for the step (active set); the others
 * are clipped to the range, and a step that does not lower the objective is tried again with more damping.
 *
 * @returns the best state and its energy; never worse than the start
 */
export function minimise(
  problem: FitProblem,
  start: FitState,
  iterations: number,
): { state: FitState; energy: number } {
  const { model, evidence, priors, free } = problem
  const system = systemOf(free)
  const { a, g, n } = system
  const damped = new Float64Array(n * n)
  const step = new Float64Array(n)
  let state = start
  let value = energy(model, state, evidence, priors)
  let damping = 1e-3
  for (let iteration = 0; iteration < iterations; iteration++) {
    normalEquations(problem, state, system)
    holdBounds(system, state, priors, free)
    let accepted = false
    for (let attempt = 0; attempt < 8 && !accepted; attempt++) {
      damped.set(a)
      for (let i = 0; i < n; i++) damped[i * n + i] *= 1 + damping
      for (let i = 0; i < n; i++) step[i] = -g[i]
      const next = solveCholesky(damped, step, n) ? applyStep(state, step, free, priors.expressionRange) : undefined
      const nextValue = next ? energy(model, next, evidence, priors) : Number.POSITIVE_INFINITY
      if (next && nextValue < value) {
        const gain = (value - nextValue) / value
        state = next
        value = nextValue
        damping = Math.max(damping * 0.2, 1e-9)
        if (gain < 1e-5) return { state, energy: value }
        accepted = true
      } else {
        damping = Math.max(damping * 6, 1e-4)
      }
    }
    if (!accepted) break
  }
  return { state, energy: value }
}

function holdBounds({ a, g, n }: System, state: FitState, priors: FitPriors, free: FreeUnknowns): void {
  for (let k = 0; k < free.expression; k++) {
    const i = free.identity + k
    const low = state.expression[k] <= priors.expressionRange[2 * k] && g[i] > 0
    const high = state.expression[k] >= priors.expressionRange[2 * k + 1] && g[i] < 0
    if (!low && !high) continue
    for (let j = 0; j < i; j++) a[i * n + j] = 0
    for (let j = i + 1; j < n; j++) a[j * n + i] = 0
    a[i * n + i] = 1
    g[i] = 0
  }
}
