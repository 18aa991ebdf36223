/**
 * Sliding outline landmarks. A detector marks the jaw where the picture shows the face to end. When the head turns, that
 * edge is no longer the anatomical jaw line but the silhouette, which runs over the cheek. So every jaw landmark gets a path
 * of candidate points, from the jaw line over the cheek towards the middle of the face, and the fit takes the one that lies
 * outermost in the picture (landmark marching, Zhu et al. 2015, here on one section of the mesh a landmark).
 */
import { cross, dot } from '../geometry/algebra.js'
import { MeshDistance } from '../geometry/distance.js'
import { submesh } from '../geometry/mesh.js'
import { HEAD_PARTS, type HeadModel, type LandmarkEmbedding, type Mesh } from '../stages.js'
import { embeddedPoint } from './embedding.js'
import type { LandmarkPlan } from './fit-landmarks.js'

/** Angle between neighbouring candidates as seen from the middle of the head, and how many there are at most. */
const STEP = (4 * Math.PI) / 180
const STEPS = 16

/** The jaw landmarks' paths. */
export interface ContourPaths {
  /** Embedding of all candidates, path after path. */
  embedding: LandmarkEmbedding
  /** [jaw + 1] first candidate of each path; the landmark itself is not among them. */
  starts: Uint32Array
}

/**
 * Paths of the jaw landmarks on the mean head: where rays from the middle of the head leave the skin, the direction turning
 * from the landmark towards the front.
 */
export function contourPaths(model: HeadModel, plan: LandmarkPlan): ContourPaths {
  const skin = new Uint8Array(model.indices.length / 3)
  for (let t = 0; t < skin.length; t++) {
    const part = (c: number): number => model.parts[model.indices[3 * t + c]]
    skin[t] = part(0) === HEAD_PARTS.skin && part(1) === HEAD_PARTS.skin && part(2) === HEAD_PARTS.skin ? 1 : 0
  }
  const { mesh, triangleMap } = submesh({ positions: model.mean, indices: model.indices }, skin)
  const triangles: number[] = []
  const barycentric: number[] = []
  const starts = new Uint32Array(plan.jaw.length + 1)
  if (mesh.indices.length > 0 && plan.jaw.length > 1) {
    const surface = new MeshDistance(mesh)
    const at = plan.jaw.map((i) => embeddedPoint(model.mean, model.indices, plan.embedding, i))
    // Middle of the head: between the two ends of the jaw, at the height of the outline's middle.
    const first = at[0]
    const last = at[at.length - 1]
    const height = at.reduce((sum, p) => sum + p[1], 0) / at.length
    const middle = [(first[0] + last[0]) / 2, height, (first[2] + last[2]) / 2]
    at.forEach((landmark, j) => {
      for (const hit of path(surface, mesh, middle, landmark)) {
        triangles.push(triangleMap[hit.triangle])
        barycentric.push(...hit.barycentric)
      }
      starts[j + 1] = triangles.length
    })
  }
  return {
    embedding: { triangles: Uint32Array.from(triangles), barycentric: Float32Array.from(barycentric) },
    starts,
  }
}

function path(
  surface: MeshDistance,
  mesh: Mesh,
  middle: number[],
  landmark: number[],
): { triangle: number; barycentric: number[] }[] {
  const out = subtract(landmark, middle)
  const radius = Math.hypot(...out)
  const along = out.map((x) => x / radius)
  const front = [0, 0, 1].map((x, k) => x - along[2] * along[k])
  const length = Math.hypot(...front)
  const hits: { triangle: number; barycentric: number[] }[] = []
  if (length < 1e-3) return hits
  for (let step = 1; step <= STEPS; step++) {
    const c = Math.cos(step * STEP)
    const s = Math.sin(step * STEP) / length
    const direction = along.map((x, k) => c * x + s * front[k])
    // From outside inwards, so that the outermost sheet is hit.
    const origin = direction.map((x, k) => middle[k] + 4 * radius * x)
    const hit = surface.rayHits(
      Float64Array.from(origin),
      Float64Array.from(direction, (x) => -x),
      'back',
    )
    const triangle = hit.triangle[0]
    if (triangle < 0) break
    const point = origin.map((x, k) => x - hit.t[0] * direction[k])
    hits.push({ triangle, barycentric: barycentricAt(mesh, triangle, point) })
  }
  return hits
}

function barycentricAt(mesh: Mesh, triangle: number, point: number[]): number[] {
  const [a, b, c] = [0, 1, 2].map((k) => {
    const v = 3 * mesh.indices[3 * triangle + k]
    return Array.from(mesh.positions.subarray(v, v + 3))
  })
  const u = subtract(b, a)
  const v = subtract(c, a)
  const n = cross(u, v)
  const area = dot(n, n)
  const w = subtract(point, a)
  const beta = dot(cross(w, v), n) / area
  const gamma = dot(cross(u, w), n) / area
  return [1 - beta - gamma, beta, gamma]
}

function subtract(a: number[], b: number[]): number[] {
  return a.map((x, k) => x - b[k])
}
