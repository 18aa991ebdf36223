/**
 * The part of a head model that the fit looks at: a few hundred surface points with their bases, gathered once, so that
 * an iteration costs nothing for the thousands of vertices that carry no landmark.
 */
import { vertexNormals } from '../geometry/normals.js'
import type { HeadModel, LandmarkEmbedding } from '../stages.js'

/** Surface points of a head model: barycentric combinations of its vertices. Bases are stored per point and axis. */
export interface PointSet {
  count: number
  identityCount: number
  expressionCount: number
  /** [count, 3] */
  mean: Float64Array
  /** [count, 3, identityCount] */
  identity: Float64Array
  /** [count, 3, expressionCount] */
  expression: Float64Array
  /** [count, 3] unit outward normals of the mean head. */
  normals: Float64Array
  /** [count, joints] skinning weights; undefined without skinning. */
  skin: Float64Array | undefined
  /** [count, 3, 9 * (joints - 1)] pose blendshapes; undefined without. */
  pose: Float64Array | undefined
}

/**
 * Gathers the bases of embedded points.
 *
 * @param identityCount @param expressionCount how many leading components to take
 */
export function gatherPoints(
  model: HeadModel,
  embedding: LandmarkEmbedding,
  identityCount: number,
  expressionCount: number,
): PointSet {
  const count = embedding.triangles.length
  const vertices = model.mean.length / 3
  const corners = new Uint32Array(count * 3)
  for (let i = 0; i < count; i++)
    for (let c = 0; c < 3; c++) corners[3 * i + c] = model.indices[3 * embedding.triangles[i] + c]
  const weights = embedding.barycentric
  const places = { corners, weights }

  const mean = new Float64Array(count * 3)
  gatherField(model.mean, places, { out: mean, at: 0, stride: 1 })
  const identity = new Float64Array(count * 3 * identityCount)
  for (let k = 0; k < identityCount; k++)
    gatherField(component(model.identity, k, vertices), places, { out: identity, at: k, stride: identityCount })
  const expression = new Float64Array(count * 3 * expressionCount)
  for (let k = 0; k < expressionCount; k++)
    gatherField(component(model.expression, k, vertices), places, { out: expression, at: k, stride: expressionCount })

  let skin: Float64Array | undefined
  let pose: Float64Array | undefined
  if (model.skinning) {
    const joints = model.skinning.joints.length
    skin = new Float64Array(count * joints)
    for (let i = 0; i < count; i++)
      for (let c = 0; c < 3; c++)
        for (let j = 0; j < joints; j++)
          skin[i * joints + j] += weights[3 * i + c] * model.skinning.weights[corners[3 * i + c] * joints + j]
    const shapes = model.skinning.poseBlendshapes
    if (shapes) {
      const elements = 9 * (joints - 1)
      pose = new Float64Array(count * 3 * elements)
      for (let e = 0; e < elements; e++)
        gatherField(component(shapes, e, vertices), places, { out: pose, at: e, stride: elements })
    }
  }
  const normals = pointNormals(model, embedding, corners)
  return { count, identityCount, expressionCount, mean, identity, expression, normals, skin, pose }
}

/** The k-th [vertices, 3] slice of a basis. */
function component(basis: Float32Array, k: number, vertices: number): Float32Array {
  return basis.subarray(k * vertices * 3, (k + 1) * vertices * 3)
}

interface Corners {
  /** [points, 3] vertices, and their barycentric weights. */
  corners: Uint32Array
  weights: Float32Array
}

/** A column of a matrix [3 * points, stride]. */
interface Column {
  out: Float64Array
  at: number
  stride: number
}

/** Column of a barycentric combination of a [vertices, 3] field. */
function gatherField(field: Float32Array, { corners, weights }: Corners, { out, at, stride }: Column): void {
  const points = corners.length / 3
  for (let i = 0; i < points; i++)
    for (let axis = 0; axis < 3; axis++) {
      let sum = 0
      for (let c = 0; c < 3; c++) sum += weights[3 * i + c] * field[3 * corners[3 * i + c] + axis]
      out[(3 * i + axis) * stride + at] = sum
    }
}

const normalsOfModel = new WeakMap<HeadModel, Float32Array>()

/** Vertex normals of a model's mean, computed once per model. */
function meanNormals(model: HeadModel): Float32Array {
  let normals = normalsOfModel.get(model)
  if (!normals) {
    normals = vertexNormals({ positions: model.mean, indices: model.indices })
    normalsOfModel.set(model, normals)
  }
  return normals
}

function pointNormals(model: HeadModel, embedding: LandmarkEmbedding, corners: Uint32Array): Float64Array {
  const vertexNormals = meanNormals(model)
  const out = new Float64Array(corners.length)
  for (let i = 0; i < corners.length; i += 3) {
    for (let axis = 0; axis < 3; axis++)
      for (let c = 0; c < 3; c++)
        out[i + axis] += embedding.barycentric[i + c] * vertexNormals[3 * corners[i + c] + axis]
    const length = Math.hypot(out[i], out[i + 1], out[i + 2]) || 1
    for (let axis = 0; axis < 3; axis++) out[i + axis] /= length
  }
  return out
}
