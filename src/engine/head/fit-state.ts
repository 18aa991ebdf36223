/**
 * The unknowns of the head fit and the camera they imply, and the posed position of a model point with its gradient.
 *
 * The translation is not fitted as metres. With focal length f, the head's centre goes to camera coordinates
 * `s · (u, v, f)`: (u, v) is where the centre appears in the picture (pixels from the principal point) and s is metres per
 * pixel there. A change of f then moves the head along, so the picture hardly changes: the unknowns stay decoupled, and
 * f → ∞ is the weak-perspective camera instead of a singularity.
 */
import { multiply3, rigidTransform } from '../geometry/camera.js'
import type { Camera, HeadModel } from '../stages.js'
import type { PointSet } from './fit-points.js'
import { leftJacobian } from './fit-rotation.js'
import { gatherJoints, type JointBasis, type JointPose, jointOffsetJacobian, poseJoints } from './fit-skinning.js'

/** All unknowns of the fit. */
export interface FitState {
  identity: Float64Array
  expression: Float64Array
  /** [joints, 3] axis-angle */
  angles: Float64Array
  /** [3, 3] head frame → camera frame */
  rotation: Float64Array
  /** Where the head's centre appears: pixels right of and below the principal point. */
  u: number
  v: number
  /** Logarithm of the metres per pixel at the head's centre (distance / focal length). */
  logScale: number
  /** Logarithm of the focal length in pixels. */
  logFocal: number
}

/** What does not change during a fit. */
export interface FitModel {
  head: HeadModel
  identityCount: number
  expressionCount: number
  /** The model's landmarks, then the candidates of the sliding contour landmarks. */
  points: PointSet
  joints: JointBasis | undefined
  /** [3] middle of the landmarks of the mean head: the point that `u, v, logScale` speak of. */
  center: Float64Array
}

/** Which unknowns a stage of the fit may change. */
export interface FreeUnknowns {
  /** Number of leading identity and expression components. */
  identity: number
  expression: number
  /** Indices into `angles`. */
  angles: readonly number[]
  focal: boolean
}

/** Number of pose unknowns: three rotations, u, v, logScale. */
export const POSE_UNKNOWNS = 6

export function buildFitModel(head: HeadModel, points: PointSet, landmarks: number): FitModel {
  const { identityCount, expressionCount } = points
  const center = new Float64Array(3)
  for (let i = 0; i < landmarks; i++) for (let k = 0; k < 3; k++) center[k] += points.mean[3 * i + k] / landmarks
  const joints = gatherJoints(head, identityCount, expressionCount)
  return { head, identityCount, expressionCount, points, joints, center }
}

export function copyState(state: FitState): FitState {
  return {
    ...state,
    identity: state.identity.slice(),
    expression: state.expression.slice(),
    angles: state.angles.slice(),
    rotation: state.rotation.slice(),
  }
}

/** The photo's camera that a state describes. */
export function stateCamera(model: FitModel, state: FitState, width: number, height: number): Camera {
  const f = Math.exp(state.logFocal)
  const s = Math.exp(state.logScale)
  const { rotation, u, v } = state
  const c = model.center
  const translation = [u * s, v * s, f * s].map(
    (t, i) => t - (rotation[3 * i] * c[0] + rotation[3 * i + 1] * c[1] + rotation[3 * i + 2] * c[2]),
  )
  return {
    width,
    height,
    fx: f,
    fy: f,
    cx: width / 2,
    cy: height / 2,
    headToCamera: rigidTransform(rotation, translation),
  }
}

/** Poses model points for one state and hands out their gradients. */
export class PosedPoints {
  private readonly pose: JointPose | undefined
  private readonly offsets: Float64Array | undefined
  /** Per free angle: its joint, angular velocity in the head frame, and the change of the joint's own R (row-major 3x3). */
  private readonly spins: { joint: number; omega: [number, number, number]; dR: Float64Array }[] = []
  /** [joints] bit mask of each joint's ancestors and itself. */
  private readonly lineage: number[] = []

  constructor(
    private readonly model: FitModel,
    private readonly state: FitState,
    private readonly free: FreeUnknowns = { identity: 0, expression: 0, angles: [], focal: false },
  ) {
    const { joints } = model
    if (!joints) return
    this.pose = poseJoints(joints, state.identity, state.expression, state.angles)
    if (this.pose.moved.includes(1)) this.offsets = jointOffsetJacobian(joints, this.pose)
    for (let j = 0; j < joints.count; j++)
      this.lineage.push((joints.parents[j] < 0 ? 0 : this.lineage[joints.parents[j]]) | (1 << j))
    for (const index of free.angles) this.spins.push(this.spin(index))
  }

  private spin(index: number): { joint: number; omega: [number, number, number]; dR: Float64Array } {
    const pose = this.pose!
    const { parents } = this.model.joints!
    const joint = Math.floor(index / 3)
    const [x, y, z] = this.state.angles.subarray(3 * joint, 3 * joint + 3)
    const jacobian = leftJacobian(x, y, z)
    const local = [0, 3, 6].map((row) => jacobian[row + (index % 3)])
    const parent = parents[joint]
    const up = parent < 0 ? undefined : pose.rotations[parent]
    const omega = [0, 1, 2].map((i) =>
      up ? up[3 * i] * local[0] + up[3 * i + 1] * local[1] + up[3 * i + 2] * local[2] : local[i],
    ) as [number, number, number]
    const skew = Float64Array.of(0, -local[2], local[1], local[2], 0, -local[0], -local[1], local[0], 0)
    const own = new Float64Array(9)
    if (joint > 0) for (let e = 0; e < 9; e++) own[e] = pose.features[9 * (joint - 1) + e] + (e % 4 === 0 ? 1 : 0)
    return { joint, omega, dR: multiply3(skew, own) }
  }

  /** Writes the unposed position of point i into out: mean + identity + expression + pose blendshapes. */
  private rest(i: number, out: Float64Array): void {
    const { points, identityCount, expressionCount } = this.model
    const { identity, expression } = this.state
    for (let axis = 0; axis < 3; axis++) {
      const row = 3 * i + axis
      let sum = points.mean[row]
      const a = row * identityCount
      for (let k = 0; k < identityCount; k++) sum += points.identity[a + k] * identity[k]
      const b = row * expressionCount
      for (let k = 0; k < expressionCount; k++) sum += points.expression[b + k] * expression[k]
      if (points.pose && this.pose) {
        const features = this.pose.features
        const c = row * features.length
        for (let e = 0; e < features.length; e++) sum += points.pose[c + e] * features[e]
      }
      out[axis] = sum
    }
  }

  /** Position of point i under joint j's transform alone. */
  private under(j: number, rest: Float64Array, out: Float64Array): void {
    const pose = this.pose!
    const g = pose.rotations[j]
    for (let axis = 0; axis < 3; axis++) {
      let sum = pose.posed[3 * j + axis]
      for (let m = 0; m < 3; m++) sum += g[3 * axis + m] * (rest[m] - pose.rest[3 * j + m])
      out[axis] = sum
    }
  }

  /**
   * Posed position of point i in the head frame.
   *
   * @param out [3] metres
   */
  position(i: number, out: Float64Array): void {
    this.rest(i, out)
    const skin = this.model.points.skin
    if (!skin || !this.pose || !this.offsets) return
    const joints = this.model.joints!.count
    const rest = out.slice()
    const part = new Float64Array(3)
    out.fill(0)
    for (let j = 0; j < joints; j++) {
      const w = skin[i * joints + j]
      if (w === 0) continue
      this.under(j, rest, part)
      for (let axis = 0; axis < 3; axis++) out[axis] += w * part[axis]
    }
  }

  /**
   * Derivative of `m · position(i)` by the free identity, expression and angle unknowns, in this order.
   *
   * @param m [3] derivative of some scalar by the point's position
   * @param row receives the derivatives from index 0 on
   */
  gradient(i: number, m: Float64Array, row: Float64Array): void {
    const { points, identityCount, expressionCount } = this.model
    const { free, offsets } = this
    let [mx, my, mz] = m
    const joints = this.model.joints?.count ?? 0
    const skin = points.skin
    if (skin && offsets) {
      // mᵀ Σ w G: the points' own bases are turned by the blended rotation.
      const t = [0, 0, 0]
      for (let j = 0; j < joints; j++) {
        const w = skin[i * joints + j]
        if (w === 0) continue
        const g = this.pose!.rotations[j]
        for (let axis = 0; axis < 3; axis++) t[axis] += w * (m[0] * g[axis] + m[1] * g[3 + axis] + m[2] * g[6 + axis])
      }
      ;[mx, my, mz] = t
    }
    axpy3(points.identity, 3 * i * identityCount, identityCount, mx, my, mz, row, 0, free.identity)
    axpy3(points.expression, 3 * i * expressionCount, expressionCount, mx, my, mz, row, free.identity, free.expression)
    if (!skin || !this.pose) return
    if (offsets)
      for (let j = 0; j < joints; j++) {
        const w = skin[i * joints + j]
        if (w === 0 || this.pose.moved[j] === 0) continue
        const columns = identityCount + expressionCount
        for (let axis = 0; axis < 3; axis++) {
          const wm = w * m[axis]
          const base = (3 * j + axis) * columns
          for (let k = 0; k < free.identity; k++) row[k] += wm * offsets[base + k]
          for (let k = 0; k < free.expression; k++) row[free.identity + k] += wm * offsets[base + identityCount + k]
        }
      }
    if (this.spins.length > 0) this.angleGradient(i, m, [mx, my, mz], row)
  }

  private angleGradient(i: number, m: Float64Array, turned: number[], row: Float64Array): void {
    const { points } = this.model
    const joints = this.model.joints!.count
    const rest = new Float64Array(3)
    const part = new Float64Array(3)
    const arm = new Float64Array(3)
    this.rest(i, rest)
    let column = this.free.identity + this.free.expression
    for (const { joint, omega, dR } of this.spins) {
      arm.fill(0)
      for (let j = 0; j < joints; j++) {
        const w = points.skin![i * joints + j]
        if (w === 0 || (this.lineage[j] & (1 << joint)) === 0) continue
        this.under(j, rest, part)
        for (let axis = 0; axis < 3; axis++) arm[axis] += w * (part[axis] - this.pose!.posed[3 * joint + axis])
      }
      let sum =
        m[0] * (omega[1] * arm[2] - omega[2] * arm[1]) +
        m[1] * (omega[2] * arm[0] - omega[0] * arm[2]) +
        m[2] * (omega[0] * arm[1] - omega[1] * arm[0])
      if (points.pose && joint > 0) {
        const elements = 9 * (joints - 1)
        for (let axis = 0; axis < 3; axis++)
          for (let e = 0; e < 9; e++)
            sum += turned[axis] * points.pose[(3 * i + axis) * elements + 9 * (joint - 1) + e] * dR[e]
      }
      row[column++] = sum
    }
  }
}

/** out[to + k] = x B[from + k] + y B[from + stride + k] + z B[from + 2 stride + k] for k < count. */
function axpy3(
  basis: Float64Array,
  from: number,
  stride: number,
  x: number,
  y: number,
  z: number,
  out: Float64Array,
  to: number,
  count: number,
): void {
  const second = from + stride
  const third = second + stride
  for (let k = 0; k < count; k++) out[to + k] = x * basis[from + k] + y * basis[second + k] + z * basis[third + k]
}
