/**
 * The head fitted anew to what learned evidence says of its last fit: where each point of its surface should appear in the picture,
 * and how deep it should lie.
 */
import type { Evidence } from '../evidence/network.js'
import { triangleNormals } from '../geometry/normals.js'
import type { HeadModel, LandmarkEmbedding } from '../stages.js'
import { concatEmbeddings } from './embedding.js'
import { landmarkPlan } from './fit-landmarks.js'
import { type Observation, projectPoint } from './fit-residuals.js'
import { type FitModel, type FitState, PosedPoints } from './fit-state.js'

/** Points spread over the face region, and how many independent observations they are worth together. */
const SPREAD = 500
const INDEPENDENT = 400
/** The same for each point of lids and lips, whose openings are small and matter. */
const EDGE = 1
/** Errors smaller than this are not believed, pixels of the evidence. */
const LEAST_DOUBT = 0.5
/** Cosine between the surface and the view below which what is seen there says little of it. */
const GRAZING = 0.1

/** Points of a head's surface that evidence is asked about. */
export interface SurfacePoints {
  embedding: LandmarkEmbedding
  /** [points] */
  weights: Float64Array
}

export function surfacePoints(head: HeadModel): SurfacePoints {
  const { kinds, weights: trust, embedding } = landmarkPlan(head, 478)
  const spread = spreadPoints(head, SPREAD)
  const count = spread.triangles.length
  const edges = kinds.flatMap((kind, i) => ((kind === 'eyes' || kind === 'lips') && trust[i] > 0 ? [i] : []))
  const chosen: LandmarkEmbedding = {
    triangles: Uint32Array.from(edges, (i) => embedding.triangles[i]),
    barycentric: Float32Array.from(edges.flatMap((i) => [...embedding.barycentric.subarray(3 * i, 3 * i + 3)])),
  }
  const weights = new Float64Array(count + edges.length).fill(EDGE)
  weights.fill(INDEPENDENT / count, 0, count)
  return { embedding: concatEmbeddings(spread, chosen), weights }
}

/** Middles of triangles at equal steps of area, in the order of the model's triangles, which wanders over the surface. */
function spreadPoints(head: HeadModel, count: number): LandmarkEmbedding {
  const areas = new Float64Array(head.indices.length / 3)
  triangleNormals({ positions: head.mean, indices: head.indices }, areas)
  const inside = Array.from(areas.keys()).filter((t) => head.faceRegion[t])
  const step = inside.reduce((sum, t) => sum + areas[t], 0) / count
  const triangles: number[] = []
  let sum = 0
  for (const t of inside) {
    sum += areas[t]
    if (sum < step) continue
    sum -= step
    triangles.push(t)
  }
  return { triangles: Uint32Array.from(triangles), barycentric: new Float32Array(3 * triangles.length).fill(1 / 3) }
}

interface SeenSurface {
  model: FitModel
  points: SurfacePoints
  /** The model's point that is the first of the surface's. */
  first: number
  state: FitState
  evidence: Evidence
  /** Size in pixels: the principal point is its middle. */
  photo: { width: number; height: number }
}

/** What the evidence says of the points that its picture shows, for a state that it looked at. */
export function observeSurface({ model, points, first, state, evidence, photo }: SeenSurface): Observation[] {
  const { weights } = points
  const { crop, triangle, move, moveDoubt } = evidence
  const { size } = crop
  const scale = crop.width / size
  const posed = new PosedPoints(model, state)
  const { rotation: r } = state
  const { normals } = model.points
  const metres = Math.exp(state.logScale)
  const focal = Math.exp(state.logFocal)
  const p = new Float64Array(3)
  const observations: Observation[] = []
  weights.forEach((weight, n) => {
    const i = first + n
    projectPoint(model, state, posed, i, p)
    const u = Math.floor((p[0] + photo.width / 2 - crop.x) / scale)
    const v = Math.floor((p[1] + photo.height / 2 - crop.y) / scale)
    if (u < 0 || v < 0 || u >= size || v >= size) return
    const k = v * size + u
    const facing = -(r[6] * normals[3 * i] + r[7] * normals[3 * i + 1] + r[8] * normals[3 * i + 2])
    if (triangle[k] < 0 || facing < GRAZING) return
    const weigh = (doubt: number): number => weight / (Math.max(doubt, LEAST_DOUBT) * scale) ** 2
    const along = weigh(moveDoubt[2 * k])
    observations.push({
      point: i,
      x: p[0] + move[3 * k] * scale,
      y: p[1] + move[3 * k + 1] * scale,
      nx: 1,
      ny: 0,
      along,
      across: along,
      depth: p[2] / metres - focal + move[3 * k + 2] * scale,
      deep: weigh(moveDoubt[2 * k + 1]),
    })
  })
  return observations
}

/** Depths are relative: moves what is wanted by the mean difference to what is. */
export function alignDepths(model: FitModel, state: FitState, observations: readonly Observation[]): void {
  const posed = new PosedPoints(model, state)
  const metres = Math.exp(state.logScale)
  const focal = Math.exp(state.logFocal)
  const p = new Float64Array(3)
  let [sum, weight] = [0, 0]
  for (const o of observations) {
    projectPoint(model, state, posed, o.point, p)
    sum += o.deep * (p[2] / metres - focal - o.depth)
    weight += o.deep
  }
  for (const o of observations) o.depth += sum / Math.max(weight, 1e-12)
}
