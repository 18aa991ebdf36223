/** Puts landmarks that were laid over another head where they belong on it: on its surface, each on its own lip, irises on eyeballs. */
import { IRISES, LIPS } from '../evidence/layouts.js'
import { barycentric } from '../geometry/barycentric.js'
import { MeshDistance } from '../geometry/distance.js'
import { meshEdges, type Submesh, submesh } from '../geometry/mesh.js'
import { HEAD_PARTS, type HeadModel, type LandmarkEmbedding, type Mesh } from '../stages.js'

/**
 * Embeds a layout's points on a head.
 *
 * Lips touch, so the closest place to a point of one may be on the other. A lip is what hangs together with its outer edge: the way
 * over the skin from one lip to the other leads round a corner of the mouth.
 *
 * @param points [layout, 3] where the points are on the head that was laid over it
 * @param faceRegion [triangles] where they are looked for, but for irises
 * @returns irises of a head without eyeballs have no weights
 */
export function placeLandmarks(
  head: Pick<HeadModel, 'mean' | 'indices' | 'parts'>,
  faceRegion: Uint8Array,
  points: Float64Array,
  layout: 68 | 478,
): LandmarkEmbedding {
  const mesh = { positions: head.mean, indices: head.indices }
  const region = submesh(mesh, faceRegion)
  const out = embedOn(region.mesh, region.triangleMap, points)
  const place = (landmarks: readonly number[], on: Submesh): void => {
    const some = Float64Array.from(landmarks.flatMap((i) => [...points.subarray(3 * i, 3 * i + 3)]))
    const found = embedOn(on.mesh, on.triangleMap, some)
    landmarks.forEach((i, n) => {
      out.triangles[i] = found.triangles[n]
      out.barycentric.set(found.barycentric.subarray(3 * n, 3 * n + 3), 3 * i)
    })
  }
  const lips = LIPS[layout]
  const nearer = nearest(
    region,
    lips.map(([outer]) => outer.map((i) => out.triangles[i])),
  )
  lips.forEach((curves, lip) => {
    const own = new Uint8Array(faceRegion.length)
    region.triangleMap.forEach((t, n) => {
      own[t] = nearer[n] === lip ? 1 : 0
    })
    if (own.includes(1)) place(curves.flat(), submesh(mesh, own))
  })
  if (layout === 478)
    for (const [side, iris] of IRISES) {
      const ball = submesh(mesh, eyeball(head, side))
      if (ball.triangleMap.length > 0) place(iris, ball)
      else for (const i of iris) out.barycentric.fill(0, 3 * i, 3 * i + 3)
    }
  return out
}

/** Embeds points at their closest places on a mesh whose triangles have the given numbers in the model. */
export function embedOn(mesh: Mesh, numbers: Uint32Array, points: Float64Array): LandmarkEmbedding {
  const hit = new MeshDistance(mesh).closest(points)
  const count = points.length / 3
  const weights = new Float32Array(count * 3)
  const corners = [0, 0, 0]
  for (let i = 0; i < count; i++) {
    const t = 3 * hit.triangle[i]
    barycentric(mesh.positions, mesh.indices.subarray(t, t + 3), hit.point, 3 * i, corners)
    weights.set(corners, 3 * i)
  }
  return { triangles: Uint32Array.from(hit.triangle, (t) => numbers[t]), barycentric: weights }
}

/** [triangles] 1 for the eyeball of a side, +1 the subject's left. */
function eyeball({ mean, indices, parts }: Pick<HeadModel, 'mean' | 'indices' | 'parts'>, side: 1 | -1): Uint8Array {
  return Uint8Array.from({ length: indices.length / 3 }, (_, t) =>
    [0, 1, 2].every((c) => {
      const v = indices[3 * t + c]
      return parts[v] === HEAD_PARTS.eyeball && Math.sign(mean[3 * v]) === side
    })
      ? 1
      : 0,
  )
}

/**
 * Which of several sets of triangles each triangle of a mesh is nearest to, on the way along its edges.
 * @param sets by the numbers of `triangleMap`
 */
function nearest({ mesh: { positions, indices }, triangleMap }: Submesh, sets: number[][]): Uint8Array {
  const distance = new Float64Array(positions.length / 3).fill(Number.POSITIVE_INFINITY)
  const set = new Uint8Array(distance.length)
  triangleMap.forEach((t, n) => {
    const of = sets.findIndex((triangles) => triangles.includes(t))
    if (of < 0) return
    for (let c = 0; c < 3; c++) {
      distance[indices[3 * n + c]] = 0
      set[indices[3 * n + c]] = of
    }
  })
  const { count, vertices } = meshEdges(indices)
  for (let changed = true; changed; ) {
    changed = false
    for (let e = 0; e < count; e++) {
      const [a, b] = [vertices[2 * e], vertices[2 * e + 1]]
      const length = Math.hypot(...[0, 1, 2].map((k) => positions[3 * a + k] - positions[3 * b + k]))
      for (const [from, to] of [
        [a, b],
        [b, a],
      ])
        if (distance[from] + length < distance[to]) {
          distance[to] = distance[from] + length
          set[to] = set[from]
          changed = true
        }
    }
  }
  return Uint8Array.from(triangleMap, (_, n) => {
    const corners = Array.from(indices.subarray(3 * n, 3 * n + 3))
    return set[corners.reduce((best, v) => (distance[v] < distance[best] ? v : best))]
  })
}
