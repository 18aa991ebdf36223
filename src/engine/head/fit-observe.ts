/**
 * From landmarks to observations: which model point stands for each landmark under the present pose, and how much it counts.
 * Done anew between rounds of the solver, as the pose settles.
 */
import { median } from '../geometry/algebra.js'
import type { ContourPaths } from './fit-contour.js'
import type { LandmarkKind, LandmarkPlan } from './fit-landmarks.js'
import { type Contact, type Observation, projectPoint } from './fit-residuals.js'
import { type FitModel, type FitState, PosedPoints } from './fit-state.js'

/** Share of a jaw landmark's weight that its residual along the outline keeps: detectors place it loosely there. */
const ALONG_OUTLINE = 0.1

/** Weight left to a landmark that the head itself hides: detectors guess it. */
const HIDDEN = 0.05

/** The same for a point of a lid or lip along its curve. */
const ALONG_CURVE = 0.2

/** Weight of a landmark that the user has put in its place: it is five times as exact as a detector's on lids and lips. */
const BELIEVED = 50

/** Residuals beyond about this many typical ones of their kind count as outliers (Geman-McClure). */
const OUTLIER = 3

export interface ObservationSet {
  observations: Observation[]
  contacts: Contact[]
  /** [landmarks] pixels between each landmark and its model point (jaw: across the outline only); NaN for unused ones. */
  distances: Float64Array
  /** [landmarks, 2] where the model shows each landmark, pixels from the principal point; NaN for unused ones. */
  shown: Float64Array
}

export interface ObserveOptions {
  /** Expected landmark error, and the distance of the outer eye corners at the head's place. */
  sigmaPx: number
  interocularPx: number
  /** How many times wider than in the end outliers are told: large while unknowns that may explain them are not settled. */
  patience: number
  /** [landmarks] how far each point lies behind the others, pixels; undefined: not known. */
  depths: Float64Array | undefined
  /** Landmarks that count in full whatever the others say. */
  believed: ReadonlySet<number>
  /** What the others count of their weight, by kind. */
  share: (kind: LandmarkKind) => number
}

/** What is looked at: a model, its landmarks, and the paths on which those of the jaw wander. */
interface Observed {
  model: FitModel
  plan: LandmarkPlan
  paths: ContourPaths
}

/** @param targets [landmarks, 2] pixels from the principal point */
export function observe(
  { model, plan, paths }: Observed,
  state: FitState,
  targets: Float64Array,
  { sigmaPx, interocularPx, patience, depths, believed, share }: ObserveOptions,
): ObservationSet {
  const posed = new PosedPoints(model, state)
  const n = plan.weights.length
  const observations: Observation[] = []
  const distances = new Float64Array(n).fill(Number.NaN)
  const shown = new Float64Array(2 * n).fill(Number.NaN)
  const jawIndex = new Map(plan.jaw.map((landmark, j) => [landmark, j]))
  const p = new Float64Array(3)
  for (let i = 0; i < n; i++) {
    if (plan.weights[i] === 0) continue
    const x = targets[2 * i]
    const y = targets[2 * i + 1]
    const sure = believed.has(i)
    const weight = (sure ? BELIEVED : share(plan.kinds[i]) * plan.weights[i]) / sigmaPx ** 2
    const j = jawIndex.get(i)
    if (j === undefined) {
      projectPoint(model, state, posed, i, p)
      const seen = sure ? weight : weight * visibility(model, state, i)
      const beside = sure ? undefined : plan.neighbours[i]
      const [nx, ny] = beside ? normalOf(targets, beside[0], beside[1]) : [1, 0]
      const [dx, dy] = [p[0] - x, p[1] - y]
      distances[i] = beside ? Math.hypot(dx * nx + dy * ny, ALONG_CURVE * (dy * nx - dx * ny)) : Math.hypot(dx, dy)
      observations.push({
        ...{ point: i, x, y, nx, ny },
        ...{ along: seen, across: beside ? ALONG_CURVE ** 2 * seen : seen },
        ...{ depth: depths?.[i] ?? Number.NaN, deep: 0 },
      })
    } else {
      const project = (k: number) => projectPoint(model, state, posed, k, p)
      const point = outermost(project, outwards(model, state, i), i, {
        from: n + paths.starts[j],
        to: n + paths.starts[j + 1],
      })
      projectPoint(model, state, posed, point, p)
      const [nx, ny] = outlineNormal(plan.jaw, targets, j)
      distances[i] = Math.abs((p[0] - x) * nx + (p[1] - y) * ny)
      observations.push({ point, x, y, nx, ny, along: weight, across: weight * ALONG_OUTLINE, depth: 0, deep: 0 })
    }
    shown.set(p.subarray(0, 2), 2 * i)
  }
  const widths = outlierWidths(plan, distances, patience * OUTLIER, sigmaPx)
  let k = 0
  for (let i = 0; i < n; i++) {
    if (plan.weights[i] === 0) continue
    const o = observations[k++]
    if (believed.has(i)) continue
    const robust = 1 / (1 + (distances[i] / widths[plan.kinds[i]]) ** 2) ** 2
    o.along *= robust
    o.across *= robust
  }
  if (depths) addDepths(model, state, posed, plan, observations)
  return {
    observations,
    contacts: contactsOf(plan, targets, interocularPx, Math.exp(state.logScale)),
    distances,
    shown,
  }
}

/** Standard deviation of the height of gaps that the detector sees shut, and of borders that have crossed, metres. */
const SHUT = 0.0005
/**
 * Openings in the picture, as shares of the interocular distance: what the detector leaves of a shut one, the widest gap up to which one
 * is surely shut or nearly so, and from which not.
 */
const SHUT_GAPS = { lids: [0.008, 0.025, 0.045], lips: [0.002, 0.01, 0.02] } as const

function contactsOf(
  { openings }: LandmarkPlan,
  targets: Float64Array,
  interocularPx: number,
  metresPerPixel: number,
): Contact[] {
  return openings.flatMap(({ between, pairs }) => {
    const gaps = pairs.map(([upper, lower]) =>
      Math.hypot(targets[2 * upper] - targets[2 * lower], targets[2 * upper + 1] - targets[2 * lower + 1]),
    )
    const [left, shut, open] = SHUT_GAPS[between].map((share) => share * interocularPx)
    const t = Math.min(1, Math.max(0, (open - Math.max(...gaps)) / (open - shut)))
    return pairs.map(([upper, lower], k) => {
      const height = metresPerPixel * Math.max(0, gaps[k] - left)
      return { upper, lower, height, crossed: 1 / SHUT ** 2, apart: t / SHUT ** 2 }
    })
  })
}

/** Distance at which the landmarks of each kind begin to count as outliers, pixels: a mouth may fit worse than a brow. */
function outlierWidths(
  plan: LandmarkPlan,
  distances: Float64Array,
  times: number,
  sigmaPx: number,
): Record<LandmarkKind, number> {
  const of = new Map<LandmarkKind, number[]>()
  plan.kinds.forEach((kind, i) => {
    if (Number.isNaN(distances[i])) return
    if (!of.has(kind)) of.set(kind, [])
    of.get(kind)!.push(distances[i])
  })
  const widths = {} as Record<LandmarkKind, number>
  for (const [kind, list] of of) widths[kind] = times * Math.max(1.4826 * median(list), sigmaPx)
  return widths
}

/**
 * Weight of a landmark's depth beside its place in the picture. Above 1, although a depth is less exact than a place: in the
 * picture the errors are mostly common to neighbours and to what the model cannot do, and depth is what the picture leaves open.
 */
const DEPTH_WEIGHT = 4

/**
 * How far an expression may carry a point, metres, before the detector's guess of its depth is worth little: it knows faces at rest
 * (the chin of a mouth 34 mm open lies 26 mm behind the bridge of the nose; it says 13).
 */
const CARRIED = 0.005

function addDepths(
  model: FitModel,
  state: FitState,
  posed: PosedPoints,
  plan: LandmarkPlan,
  observations: Observation[],
): void {
  const p = new Float64Array(3)
  const q = new Float64Array(3)
  const s = Math.exp(state.logScale)
  const f = Math.exp(state.logFocal)
  const rest = new PosedPoints(model, {
    ...state,
    expression: state.expression.map(() => 0),
    angles: state.angles.map(() => 0),
  })
  const fixed = observations.filter(
    (o) => o.point < plan.weights.length && !plan.jaw.includes(o.point) && !Number.isNaN(o.depth),
  )
  const differences = fixed.map((o) => projectPoint(model, state, posed, o.point, p)[2] / s - f - o.depth)
  const offset = median(differences)
  const width = OUTLIER * 1.4826 * median(differences.map((d) => Math.abs(d - offset)))
  fixed.forEach((o, k) => {
    posed.position(o.point, p)
    rest.position(o.point, q)
    const carried = Math.hypot(p[0] - q[0], p[1] - q[1], p[2] - q[2])
    const known = 1 / (1 + (carried / CARRIED) ** 2) ** 2
    o.depth += offset
    o.deep = (DEPTH_WEIGHT * known * o.along) / (1 + ((differences[k] - offset) / width) ** 2) ** 2
  })
}

/** 1 where the surface faces the camera, falling to HIDDEN where it faces away. */
function visibility(model: FitModel, state: FitState, i: number): number {
  const { normals, mean } = model.points
  const { rotation: r } = state
  const f = Math.exp(state.logFocal)
  const s = Math.exp(state.logScale)
  let facing = 0
  let distance = 0
  for (let axis = 0; axis < 3; axis++) {
    let normal = 0
    let point = s * (axis === 0 ? state.u : axis === 1 ? state.v : f)
    for (let k = 0; k < 3; k++) {
      normal += r[3 * axis + k] * normals[3 * i + k]
      point += r[3 * axis + k] * (mean[3 * i + k] - model.center[k])
    }
    facing -= normal * point
    distance += point * point
  }
  const cosine = facing / Math.sqrt(distance)
  const t = Math.min(1, Math.max(0, (cosine + 0.15) / 0.4))
  return HIDDEN + (1 - HIDDEN) * t * t * (3 - 2 * t)
}

/** Outwards in the picture: where the mean head's landmark lies from the middle of the head, turned by the pose. */
function outwards(model: FitModel, { rotation: r }: FitState, landmark: number): [number, number] {
  const { mean } = model.points
  const radial = [mean[3 * landmark], mean[3 * landmark + 1] - model.center[1], 0]
  return [r[0] * radial[0] + r[1] * radial[1], r[3] * radial[0] + r[4] * radial[1]]
}

/** The point of a jaw landmark's path (or the landmark itself) that lies outermost in the picture. */
function outermost(
  project: (point: number) => Float64Array,
  [dx, dy]: readonly [number, number],
  landmark: number,
  path: { from: number; to: number },
): number {
  const length = Math.hypot(dx, dy)
  if (length < 1e-9) return landmark
  const reachOf = (point: number): number => {
    const p = project(point)
    return (p[0] * dx + p[1] * dy) / length
  }
  let best = landmark
  let reach = reachOf(landmark)
  for (let point = path.from; point < path.to; point++) {
    const candidate = reachOf(point)
    if (candidate > reach) {
      reach = candidate
      best = point
    }
  }
  return best
}

/** Unit normal of the landmark polyline at its j-th point. */
function outlineNormal(jaw: readonly number[], targets: Float64Array, j: number): [number, number] {
  return normalOf(targets, jaw[Math.max(0, j - 1)], jaw[Math.min(jaw.length - 1, j + 1)])
}

/** Unit normal of the line from landmark a to landmark b. */
function normalOf(targets: Float64Array, a: number, b: number): [number, number] {
  const dx = targets[2 * b] - targets[2 * a]
  const dy = targets[2 * b + 1] - targets[2 * a + 1]
  const length = Math.hypot(dx, dy)
  return length > 0 ? [-dy / length, dx / length] : [1, 0]
}
