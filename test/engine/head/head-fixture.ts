/**
 * A synthetic morphable head for tests of the fit: half an ellipsoid with a nose, smooth random bases, landmarks of both
 * layouts roughly where they belong, and optionally a jaw joint with pose blendshapes.
 */
import { CURVES } from '../../../src/engine/evidence/layouts.js'
import { project, rigidTransform } from '../../../src/engine/geometry/camera.js'
import { posedMesh } from '../../../src/engine/head/fit-mesh.js'
import { regressedJoints } from '../../../src/engine/head/flame.js'
import type { Camera, Face, HeadModel, JointRest, LandmarkEmbedding, Skinning } from '../../../src/engine/stages.js'

/** Uniform numbers in [0, 1) from a seed (mulberry32). */
export function uniform(seed: number): () => number {
  let a = seed >>> 0
  return () => {
    a = (a + 0x6d2b79f5) >>> 0
    let t = Math.imul(a ^ (a >>> 15), a | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }
}

/** Standard normal numbers (Box-Muller). */
export function normal(random: () => number): () => number {
  return () => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random())
}

const COLUMNS = 61
const ROWS = 49
const AZIMUTH = 1.9
const ELEVATION = 1.25

function surface(u: number, v: number): number[] {
  const nose = 0.022 * Math.exp(-((u / 0.16) ** 2) - ((v + 0.05) / 0.22) ** 2)
  const sockets = -0.008 * Math.exp(-((Math.abs(u) - 0.4) ** 2) / 0.03 - ((v - 0.28) / 0.12) ** 2)
  return [0.075 * Math.sin(u) * Math.cos(v), 0.11 * Math.sin(v), 0.09 * Math.cos(u) * Math.cos(v) + nose + sockets]
}

/** Embeds the surface point (azimuth, elevation). */
function embed(at: [number, number][]): LandmarkEmbedding {
  const triangles = new Uint32Array(at.length)
  const barycentric = new Float32Array(3 * at.length)
  at.forEach(([u, v], i) => {
    const x = Math.min(Math.max(((u + AZIMUTH) / (2 * AZIMUTH)) * (COLUMNS - 1), 0), COLUMNS - 1.001)
    const y = Math.min(Math.max(((v + ELEVATION) / (2 * ELEVATION)) * (ROWS - 1), 0), ROWS - 1.001)
    const fx = x - Math.floor(x)
    const fy = y - Math.floor(y)
    const cell = Math.floor(y) * (COLUMNS - 1) + Math.floor(x)
    // Cells are cut from (1, 0) to (0, 1); corner orders as in `grid`.
    const upper = fx + fy > 1
    triangles[i] = 2 * cell + (upper ? 1 : 0)
    barycentric.set(upper ? [1 - fy, fx + fy - 1, 1 - fx] : [1 - fx - fy, fx, fy], 3 * i)
  })
  return { triangles, barycentric }
}

function grid(): { mean: Float32Array; indices: Uint32Array; uv: [number, number][] } {
  const mean: number[] = []
  const uv: [number, number][] = []
  for (let r = 0; r < ROWS; r++)
    for (let c = 0; c < COLUMNS; c++) {
      const u = -AZIMUTH + (2 * AZIMUTH * c) / (COLUMNS - 1)
      const v = -ELEVATION + (2 * ELEVATION * r) / (ROWS - 1)
      uv.push([u, v])
      mean.push(...surface(u, v))
    }
  const indices: number[] = []
  for (let r = 0; r + 1 < ROWS; r++)
    for (let c = 0; c + 1 < COLUMNS; c++) {
      const i = r * COLUMNS + c
      indices.push(i, i + 1, i + COLUMNS, i + 1, i + COLUMNS + 1, i + COLUMNS)
    }
  return { mean: Float32Array.from(mean), indices: Uint32Array.from(indices), uv }
}

/** A jaw line from ear over chin to ear: t from -1 to 1. */
function jawAt(t: number): [number, number] {
  return [1.35 * t, 0.2 - 1.15 * Math.sqrt(1 - t * t * 0.98)]
}

function points68(): [number, number][] {
  const out: [number, number][] = []
  for (let i = 0; i < 17; i++) out.push(jawAt((i - 8) / 8))
  for (const side of [-1, 1])
    for (let i = 0; i < 5; i++) {
      const k = side < 0 ? i : 4 - i
      out.push([side * (0.68 - 0.13 * k), 0.44 + 0.06 * Math.sin((Math.PI * k) / 4)])
    }
  for (let i = 0; i < 4; i++) out.push([0, 0.28 - 0.11 * i])
  for (let i = 0; i < 5; i++) out.push([-0.18 + 0.09 * i, -0.16])
  const ring = (cu: number, cv: number, ru: number, rv: number, n: number): void => {
    for (let i = 0; i < n; i++) {
      const a = Math.PI - (2 * Math.PI * i) / n
      out.push([cu + ru * Math.cos(a), cv + rv * Math.sin(a)])
    }
  }
  ring(-0.4, 0.26, 0.15, 0.05, 6)
  ring(0.4, 0.26, 0.15, 0.05, 6)
  ring(0, -0.45, 0.3, 0.1, 12)
  ring(0, -0.45, 0.2, 0.03, 8)
  return out
}

const JAW_478 = [234, 93, 132, 58, 172, 136, 150, 149, 176, 148, 152, 377, 400, 378, 379, 365, 397, 288, 361, 323, 454]

function points478(): [number, number][] {
  const random = uniform(478)
  const out: [number, number][] = []
  for (let i = 0; i < 478; i++) out.push([1.7 * (random() - 0.5), 1.3 * (random() - 0.5) - 0.05])
  JAW_478.forEach((landmark, j) => {
    out[landmark] = jawAt((j - 10) / 10)
  })
  // Lids and lips as ellipses, each from a corner over its upper half; the left eye's order is the right one's in the mirror.
  const ellipses = [
    [-0.4, 0.26, 0.15, 0.05],
    [0.4, 0.26, -0.15, 0.05],
    [0, -0.45, 0.3, 0.1],
    [0, -0.45, 0.27, 0.08],
    [0, -0.45, 0.23, 0.05],
    [0, -0.45, 0.2, 0.015],
  ]
  CURVES[478].forEach(({ points }, c) => {
    const [u, v, ru, rv] = ellipses[c]
    points.forEach((landmark, i) => {
      const a = Math.PI - (2 * Math.PI * i) / points.length
      out[landmark] = [u + ru * Math.cos(a), v + rv * Math.sin(a)]
    })
  })
  return out
}

export interface HeadFixtureOptions {
  identityCount?: number
  expressionCount?: number
  /** Adds joints root, neck and jaw, with pose blendshapes. */
  skinned?: boolean
}

/** Builds the synthetic head; the same every time. */
export function syntheticHead(options: HeadFixtureOptions = {}): HeadModel {
  const identityCount = options.identityCount ?? 24
  const expressionCount = options.expressionCount ?? 8
  const { mean, indices, uv } = grid()
  const random = uniform(7)
  const gauss = normal(random)
  const basis = (count: number, amplitude: (k: number) => number, low: number): Float32Array => {
    const out = new Float32Array(count * mean.length)
    for (let k = 0; k < count; k++)
      for (let axis = 0; axis < 3; axis++) {
        const terms = Array.from({ length: 3 }, () => [gauss(), low * gauss(), low * gauss(), 6.28 * random()])
        uv.forEach(([u, v], i) => {
          let sum = 0
          for (const [a, fu, fv, phase] of terms) sum += a * Math.sin(fu * u + fv * v + phase)
          out[k * mean.length + 3 * i + axis] = amplitude(k) * sum
        })
      }
    return out
  }
  const triangles = indices.length / 3
  const embedding478 = embed(points478())
  const weights = new Float32Array(478).fill(1)
  // No eyes: irises are not embedded.
  embedding478.barycentric.fill(0, 3 * 468)
  weights.fill(0, 468)
  const shapes = {
    mean,
    identity: basis(identityCount, (k) => 0.0011 / Math.sqrt(1 + k), 1.2),
    expression: basis(expressionCount, () => 0.0025, 3),
  }
  return {
    name: 'synthetic',
    provenance: 'test fixture',
    ...shapes,
    indices,
    identityCount,
    expressionCount,
    expressionSigma: new Float32Array(expressionCount).fill(0.5),
    expressionRange: Float32Array.from({ length: 2 * expressionCount }, (_, i) => i % 2),
    expressionNames: Array.from({ length: expressionCount }, (_, k) => `e${k}`),
    uv: undefined,
    uvIndices: undefined,
    landmarks68: embed(points68()),
    landmarks478: embedding478,
    landmarkWeights478: weights,
    faceRegion: Uint8Array.from({ length: triangles }, (_, t) => (Math.abs(uv[indices[3 * t]][0]) < 1.3 ? 1 : 0)),
    parts: new Uint8Array(mean.length / 3),
    skinning: options.skinned ? skinning(shapes, uv, gauss) : undefined,
  }
}

function skinning(shapes: JointRest, uv: [number, number][], gauss: () => number): Skinning {
  const { mean } = shapes
  const vertices = mean.length / 3
  const names = ['root', 'neck', 'jaw']
  const weights = new Float32Array(vertices * 3)
  const regressor = new Float32Array(3 * vertices)
  uv.forEach(([u, v], i) => {
    const jaw = 1 / (1 + Math.exp((v + 0.45) / 0.06))
    weights.set([0.2 * (1 - jaw), 0.8 * (1 - jaw), jaw], 3 * i)
    if (v < -1) regressor[i] = 1
    if (v < -0.9) regressor[vertices + i] = 1
    if (Math.abs(u) > 1.3 && Math.abs(v) < 0.1) regressor[2 * vertices + i] = 1
  })
  for (let j = 0; j < 3; j++) {
    let sum = 0
    for (let i = 0; i < vertices; i++) sum += regressor[j * vertices + i]
    for (let i = 0; i < vertices; i++) regressor[j * vertices + i] /= sum
  }
  const poseBlendshapes = new Float32Array(18 * mean.length)
  for (let e = 0; e < 18; e++) {
    const [a, b, c] = [gauss(), gauss(), gauss()]
    uv.forEach(([u, v], i) => {
      for (let axis = 0; axis < 3; axis++)
        poseBlendshapes[e * mean.length + 3 * i + axis] = 0.002 * Math.sin(a * u + b * v + c + axis)
    })
  }
  return {
    joints: names.map((name, j) => ({ name, parent: j - 1 })),
    rest: regressedJoints(regressor, 3, shapes),
    weights,
    poseBlendshapes,
  }
}

/** A camera that looks at the head's front from a distance. */
export function lookingAt(
  rotation: Float64Array,
  distance: number,
  focalPx: number,
  size = 1024,
  offset: [number, number] = [0, 0],
): Camera {
  return {
    width: size,
    height: size,
    fx: focalPx,
    fy: focalPx,
    cx: size / 2,
    cy: size / 2,
    headToCamera: rigidTransform(rotation, [offset[0], offset[1], distance]),
  }
}

export interface SyntheticFace {
  face: Face
  /** [landmarks, 3] the true points, head frame. */
  truth: Float64Array
}

/** Place of an embedded point on a mesh, [3]. */
function place(model: HeadModel, positions: Float32Array, embedding: LandmarkEmbedding, i: number): number[] {
  const out = [0, 0, 0]
  for (let c = 0; c < 3; c++)
    for (let k = 0; k < 3; k++)
      out[k] += embedding.barycentric[3 * i + c] * positions[3 * model.indices[3 * embedding.triangles[i] + c] + k]
  return out
}

/**
 * Landmarks of a posed head seen by a camera. Jaw landmarks are marked where a detector marks them: on the outermost visible
 * point between the jaw line and the cheek.
 */
export function photograph(
  model: HeadModel,
  layout: 68 | 478,
  camera: Camera,
  identity: ArrayLike<number>,
  expression: ArrayLike<number>,
  jointRotations: ArrayLike<number> = [],
): SyntheticFace {
  const { positions } = posedMesh(model, identity, expression, jointRotations)
  const embedding = layout === 68 ? model.landmarks68 : model.landmarks478
  const truth = new Float64Array(3 * layout)
  for (let i = 0; i < layout; i++) truth.set(place(model, positions, embedding, i), 3 * i)
  const jaw = layout === 68 ? Array.from({ length: 17 }, (_, i) => i) : JAW_478
  const mouth = project(camera, Float64Array.from(surface(0, -0.3)))
  jaw.forEach((landmark, j) => {
    const [u, v] = jawAt((2 * j) / (jaw.length - 1) - 1)
    const at = project(camera, truth.subarray(3 * landmark, 3 * landmark + 3))
    const outwards = [at[0] - mouth[0], at[1] - mouth[1]]
    const path = embed(Array.from({ length: 80 }, (_, k) => [u * (1 - k / 120), v + (k / 120) * (-0.3 - v)]))
    let reach = Number.NEGATIVE_INFINITY
    for (let k = 0; k < 80; k++) {
      const point = place(model, positions, path, k)
      const [x, y] = project(camera, Float64Array.from(point))
      const out = x * outwards[0] + y * outwards[1]
      if (out <= reach) continue
      reach = out
      truth.set(point, 3 * landmark)
    }
  })
  const pixels = project(camera, truth)
  const points = new Float64Array(2 * layout)
  for (let i = 0; i < layout; i++) points.set([pixels[3 * i], pixels[3 * i + 1]], 2 * i)
  return { face: { box: { x: 0, y: 0, width: 1, height: 1 }, landmarks: { layout, points }, score: 1 }, truth }
}
