/**
 * The part of a head model that the fit looks at: a few hundred surface points with their bases, gathered once, so that
 * an iteration costs nothing for the thousands of vertices that carry no landmark.
 */
import { normalizeRows, triangleNormals } from '../geometry/normals.js'
import { HEAD_PARTS, type HeadModel, type LandmarkEmbedding } from '../stages.js'

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
  /** [count, 3] unit outward normals of the mean head, at large: rims of lids and lips look where the face does. */
  normals: Float32Array
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
  const normals = normalsAtLarge(model, mean)
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

/** What lies within this distance of a point says which way the face looks there, metres: rims of lids and lips roll inwards. */
const AT_LARGE = 0.012

/** [points, 3] unit normals of the mean head at large: of its skin about each of the points [points, 3]. */
function normalsAtLarge({ mean, indices, parts }: HeadModel, points: Float64Array): Float32Array {
  // sheets between lids and lips look elsewhere
  const skin = indices.filter((_, c) => {
    const corners = indices.subarray(c - (c % 3), c - (c % 3) + 3)
    return corners.every((v) => parts[v] !== HEAD_PARTS.eyeball && parts[v] !== HEAD_PARTS.mouth)
  })
  const areas = new Float64Array(skin.length / 3)
  const normals = triangleNormals({ positions: mean, indices: skin }, areas)
  const middles = Float32Array.from({ length: skin.length }, (_, i) => {
    const [t, k] = [i - (i % 3), i % 3]
    return (mean[3 * skin[t] + k] + mean[3 * skin[t + 1] + k] + mean[3 * skin[t + 2] + k]) / 3
  })
  const out = new Float64Array(points.length)
  for (let i = 0; i < points.length; i += 3) {
    let [x, y, z] = [0, 0, 0]
    for (let t = 0; t < skin.length; t += 3) {
      const dx = middles[t] - points[i]
      const dy = middles[t + 1] - points[i + 1]
      const dz = middles[t + 2] - points[i + 2]
      if (dx * dx + dy * dy + dz * dz > AT_LARGE * AT_LARGE) continue
      const area = areas[t / 3]
      x += area * normals[t]
      y += area * normals[t + 1]
      z += area * normals[t + 2]
    }
    out.set([x, y, z], i)
  }
  return normalizeRows(out)
}
