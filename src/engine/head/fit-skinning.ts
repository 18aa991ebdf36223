/**
 * Linear blend skinning of models with joints, with derivatives.
 *
 * Rest joints follow the coefficients; joint j turns everything below it about its rest position:
 * G_j = G_parent · R_j, and a vertex v goes to Σ_j w_j (G_j (v − J_j) + o_j), where o_j is the posed joint. Pose
 * blendshapes add P · (R − I) to v before that (Loper et al. 2015, SMPL; Li et al. 2017, FLAME).
 */
import { multiply3, rotationFromAxisAngle } from '../geometry/camera.js'
import type { HeadModel } from '../stages.js'

/** Rest positions of the joints as a linear function of the coefficients. */
export interface JointBasis {
  count: number
  /** [joints] */
  parents: Int32Array
  /** [joints, 3] */
  mean: Float64Array
  /** [joints, 3, identityCount + expressionCount] */
  basis: Float64Array
  coefficients: number
}

/** Skinning transforms of one pose. */
export interface JointPose {
  /** Per joint the 3x3 rotation from rest to posed, head frame. */
  rotations: Float64Array[]
  /** [joints, 3] rest positions. */
  rest: Float64Array
  /** [joints, 3] posed positions. */
  posed: Float64Array
  /** [9 * (joints - 1)] R − I of the non-root joints, the arguments of the pose blendshapes. */
  features: Float64Array
  /** 1 for joints whose transform is not the identity. */
  moved: Uint8Array
}

/** The joints of a model with its first coefficients. Joints must come after their parents. */
export function gatherJoints(model: HeadModel, identityCount: number, expressionCount: number): JointBasis | undefined {
  const skinning = model.skinning
  if (!skinning) return undefined
  const { joints, rest } = skinning
  const rows = 3 * joints.length
  const coefficients = identityCount + expressionCount
  const basis = new Float64Array(rows * coefficients)
  for (let row = 0; row < rows; row++) {
    for (let k = 0; k < identityCount; k++) basis[row * coefficients + k] = rest.identity[k * rows + row]
    for (let k = 0; k < expressionCount; k++)
      basis[row * coefficients + identityCount + k] = rest.expression[k * rows + row]
  }
  return {
    count: joints.length,
    parents: Int32Array.from(joints, (joint) => joint.parent),
    mean: Float64Array.from(rest.mean),
    basis,
    coefficients,
  }
}

/**
 * Poses the joints.
 *
 * @param identity @param expression coefficients
 * @param angles [joints, 3] axis-angle
 */
export function poseJoints(
  joints: JointBasis,
  identity: Float64Array,
  expression: Float64Array,
  angles: Float64Array,
): JointPose {
  const { count, parents, coefficients } = joints
  const rest = Float64Array.from(joints.mean)
  for (let i = 0; i < rest.length; i++) {
    const row = i * coefficients
    for (let k = 0; k < identity.length; k++) rest[i] += joints.basis[row + k] * identity[k]
    for (let k = 0; k < expression.length; k++) rest[i] += joints.basis[row + identity.length + k] * expression[k]
  }
  const rotations: Float64Array[] = []
  const posed = new Float64Array(count * 3)
  const features = new Float64Array(9 * (count - 1))
  const moved = new Uint8Array(count)
  for (let j = 0; j < count; j++) {
    const local = rotationFromAxisAngle(angles[3 * j], angles[3 * j + 1], angles[3 * j + 2])
    const parent = parents[j]
    const turned = angles[3 * j] !== 0 || angles[3 * j + 1] !== 0 || angles[3 * j + 2] !== 0
    moved[j] = turned || (parent >= 0 && moved[parent] === 1) ? 1 : 0
    rotations.push(parent < 0 ? local : multiply3(rotations[parent], local))
    for (let axis = 0; axis < 3; axis++) {
      if (parent < 0) {
        posed[3 * j + axis] = rest[3 * j + axis]
        continue
      }
      let sum = posed[3 * parent + axis]
      for (let k = 0; k < 3; k++) sum += rotations[parent][3 * axis + k] * (rest[3 * j + k] - rest[3 * parent + k])
      posed[3 * j + axis] = sum
    }
    if (j > 0) for (let e = 0; e < 9; e++) features[9 * (j - 1) + e] = local[e] - (e % 4 === 0 ? 1 : 0)
  }
  return { rotations, rest, posed, features, moved }
}

/**
 * Derivative of each joint's offset `o_j − G_j J_j` by the coefficients: what moves a skinned point besides its own bases.
 *
 * @returns [joints, 3, coefficients], zero for joints that are not moved
 */
export function jointOffsetJacobian(joints: JointBasis, pose: JointPose): Float64Array {
  const { count, coefficients, basis, parents } = joints
  const posedJacobian = new Float64Array(basis.length)
  const out = new Float64Array(basis.length)
  for (let j = 0; j < count; j++) {
    const parent = parents[j]
    for (let axis = 0; axis < 3; axis++) {
      const row = (3 * j + axis) * coefficients
      for (let k = 0; k < coefficients; k++) {
        if (parent < 0) {
          posedJacobian[row + k] = basis[row + k]
        } else {
          let sum = posedJacobian[(3 * parent + axis) * coefficients + k]
          for (let m = 0; m < 3; m++)
            sum +=
              pose.rotations[parent][3 * axis + m] *
              (basis[(3 * j + m) * coefficients + k] - basis[(3 * parent + m) * coefficients + k])
          posedJacobian[row + k] = sum
        }
        if (!pose.moved[j]) continue
        let rotated = 0
        for (let m = 0; m < 3; m++) rotated += pose.rotations[j][3 * axis + m] * basis[(3 * j + m) * coefficients + k]
        out[row + k] = posedJacobian[row + k] - rotated
      }
    }
  }
  return out
}
