/**
 * Closes the openings of a face region (between the lids, between the lips, nostrils), so that it is one sheet without holes.
 * Each opening gets one new vertex in its middle and a fan of triangles to its rim. The new vertex is the mean of the rim in
 * every basis, so a cover follows the lids and lips whatever the coefficients, and is flat when they shut.
 */
import { boundaryLoops, submesh } from '../geometry/mesh.js'
import { HEAD_PARTS, type HeadModel, type Skinning } from '../stages.js'

/** Loops with fewer vertices are pinches of the region's border, not openings. */
const SHORTEST_LOOP = 3

/** The same model with the openings of its face region covered; the covers belong to the region. */
export function coverOpenings(model: HeadModel): HeadModel {
  const mesh = { positions: model.mean, indices: model.indices }
  const region = submesh(mesh, model.faceRegion)
  const loops = boundaryLoops(region.mesh)
    .map((loop) => Array.from(loop, (v) => region.vertexMap[v]))
    .filter((loop) => loop.length >= SHORTEST_LOOP)
  const length = (loop: number[]): number =>
    loop.reduce(
      (sum, v, i) =>
        sum +
        Math.hypot(...[0, 1, 2].map((k) => model.mean[3 * v + k] - model.mean[3 * loop[(i + 1) % loop.length] + k])),
      0,
    )
  const openings = loops.sort((a, b) => length(b) - length(a)).slice(1) // the longest is the region's outline
  if (openings.length === 0) return model

  const first = model.mean.length / 3
  const triangles: number[] = []
  openings.forEach((loop, n) => {
    // The rim runs along its triangles; the fan runs against it.
    loop.forEach((v, i) => {
      triangles.push(loop[(i + 1) % loop.length], v, first + n)
    })
  })
  const added = triangles.length / 3
  const rows = (field: Float32Array, width: number): Float32Array => extend(field, width, first, openings)
  return {
    ...model,
    mean: rows(model.mean, 3),
    identity: rows(model.identity, 3),
    expression: rows(model.expression, 3),
    skinning: model.skinning && extendSkinning(model.skinning, first, openings),
    indices: concat(Uint32Array, model.indices, triangles),
    faceRegion: concat(Uint8Array, model.faceRegion, new Uint8Array(added).fill(1)),
    parts: concat(
      Uint8Array,
      model.parts,
      openings.map((loop) => partOf(model, loop)),
    ),
    ...coverUv(model, openings, triangles),
  }
}

/** Covers of the eyes and the mouth are marked as such: what is behind them is not skin. */
function partOf(model: HeadModel, loop: number[]): number {
  const [x, y] = [0, 1].map((k) => loop.reduce((sum, v) => sum + model.mean[3 * v + k] / loop.length, 0))
  const at = (i: number): number[] => {
    const e = model.landmarks68
    return [0, 1].map((k) =>
      [0, 1, 2].reduce(
        (s, c) => s + e.barycentric[3 * i + c] * model.mean[3 * model.indices[3 * e.triangles[i] + c] + k],
        0,
      ),
    )
  }
  const between = (a: number, b: number, margin: number): boolean => {
    const [p, q] = [at(a), at(b)]
    const span = Math.hypot(q[0] - p[0], q[1] - p[1])
    return Math.hypot(x - (p[0] + q[0]) / 2, y - (p[1] + q[1]) / 2) < margin * span
  }
  if (between(36, 39, 0.35) || between(42, 45, 0.35)) return HEAD_PARTS.eyeball
  return between(48, 54, 0.35) ? HEAD_PARTS.mouth : HEAD_PARTS.skin
}

/** Appends to each [vertices, width] slice of a basis the mean over each opening's rim. */
function extend(field: Float32Array, width: number, vertices: number, openings: number[][]): Float32Array {
  const slices = field.length / (vertices * width)
  const total = vertices + openings.length
  const out = new Float32Array(slices * total * width)
  for (let s = 0; s < slices; s++) {
    const from = field.subarray(s * vertices * width, (s + 1) * vertices * width)
    const to = out.subarray(s * total * width, (s + 1) * total * width)
    to.set(from)
    openings.forEach((loop, n) => {
      for (const v of loop)
        for (let k = 0; k < width; k++) to[(vertices + n) * width + k] += from[v * width + k] / loop.length
    })
  }
  return out
}

function extendSkinning(skinning: Skinning, vertices: number, openings: number[][]): Skinning {
  return {
    ...skinning,
    weights: extend(skinning.weights, skinning.joints.length, vertices, openings),
    poseBlendshapes: skinning.poseBlendshapes && extend(skinning.poseBlendshapes, 3, vertices, openings),
  }
}

/** Texture coordinates of the covers: the rim's own, and their mean in the middle. */
function coverUv(model: HeadModel, openings: number[][], triangles: number[]): Pick<HeadModel, 'uv' | 'uvIndices'> {
  if (!model.uv || !model.uvIndices) return { uv: model.uv, uvIndices: model.uvIndices }
  const first = model.mean.length / 3
  const ofVertex = new Map<number, number>()
  const { uvIndices } = model
  model.faceRegion.forEach((inside, t) => {
    if (inside) for (let c = 0; c < 3; c++) ofVertex.set(model.indices[3 * t + c], uvIndices[3 * t + c])
  })
  const uv = [...model.uv]
  openings.forEach((loop, n) => {
    ofVertex.set(first + n, uv.length / 2)
    const [u, v] = [0, 1].map((k) => loop.reduce((sum, w) => sum + uv[2 * ofVertex.get(w)! + k] / loop.length, 0))
    uv.push(u, v)
  })
  return {
    uv: Float32Array.from(uv),
    uvIndices: concat(
      Uint32Array,
      uvIndices,
      triangles.map((v) => ofVertex.get(v)!),
    ),
  }
}

function concat<T extends Uint32Array | Uint8Array>(type: { new (n: number): T }, a: T, b: ArrayLike<number>): T {
  const out = new type(a.length + b.length)
  out.set(a)
  out.set(b, a.length)
  return out
}
