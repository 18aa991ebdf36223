/** The whole head, posed: shape, expression and joints applied to all vertices. */
import type { HeadModel, Mesh } from '../stages.js'
import { gatherJoints, poseJoints } from './fit-skinning.js'

/**
 * Posed mesh in the head frame.
 *
 * @param identity up to [identityCount]; missing coefficients are 0
 * @param expression up to [expressionCount]
 * @param jointRotations [joints, 3] axis-angle, or empty
 * @returns all vertices and triangles of the model, metres
 */
export function posedMesh(
  model: HeadModel,
  identity: ArrayLike<number>,
  expression: ArrayLike<number>,
  jointRotations: ArrayLike<number> = [],
): Mesh {
  const size = model.mean.length
  const rest = Float64Array.from(model.mean)
  addBasis(rest, model.identity, identity, size)
  addBasis(rest, model.expression, expression, size)
  const skinning = model.skinning
  if (!skinning || !Array.from(jointRotations).some((a) => a !== 0))
    return { positions: Float32Array.from(rest), indices: model.indices }

  const joints = gatherJoints(model, model.identityCount, model.expressionCount)!
  const pad = (values: ArrayLike<number>, count: number): Float64Array => {
    const out = new Float64Array(count)
    out.set(Array.from(values))
    return out
  }
  const pose = poseJoints(
    joints,
    pad(identity, model.identityCount),
    pad(expression, model.expressionCount),
    Float64Array.from(jointRotations),
  )
  if (skinning.poseBlendshapes) addBasis(rest, skinning.poseBlendshapes, pose.features, size)
  const positions = new Float32Array(size)
  for (let v = 0; v < size / 3; v++)
    for (let axis = 0; axis < 3; axis++) {
      let sum = 0
      for (let j = 0; j < joints.count; j++) {
        const w = skinning.weights[v * joints.count + j]
        if (w === 0) continue
        let x = pose.posed[3 * j + axis]
        for (let k = 0; k < 3; k++) x += pose.rotations[j][3 * axis + k] * (rest[3 * v + k] - pose.rest[3 * j + k])
        sum += w * x
      }
      positions[3 * v + axis] = sum
    }
  return { positions, indices: model.indices }
}

function addBasis(out: Float64Array, basis: Float32Array, coefficients: ArrayLike<number>, size: number): void {
  for (let k = 0; k < coefficients.length; k++) {
    const c = coefficients[k]
    if (c === 0) continue
    const offset = k * size
    for (let i = 0; i < size; i++) out[i] += c * basis[offset + i]
  }
}
