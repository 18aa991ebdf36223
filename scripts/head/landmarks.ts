/**
 * Finds the places of MediaPipe's 478 landmarks on the head: the engine's own detector looks at portraits of drawn heads, its
 * points are cast onto the mesh and carried to the mean head; the median over all portraits is made symmetric. Lid and inner
 * lip points are put on the mesh's own edge loops. The iBUG 68 follow from the 478.
 */

import * as names from '../../src/engine/evidence/layouts.js'
import { barycentric } from '../../src/engine/geometry/barycentric.js'
import { MeshDistance } from '../../src/engine/geometry/distance.js'
import { submesh } from '../../src/engine/geometry/mesh.js'
import { vertexNormals } from '../../src/engine/geometry/normals.js'
import { interpolate, type Raster } from '../../src/engine/geometry/rasterize.js'
import type { Camera, Face, LandmarkEmbedding } from '../../src/engine/stages.js'
import type { CutHead } from './cut.js'

/** Points seen at a flatter angle than this are not counted: the network guesses there. */
const FACING = 0.3
/** Pixels by which a point may miss the head and still count for the nearest place on it. */
const MISS = 8

/** Collects where the detector's points fall on the mean head. */
export class LandmarkVotes {
  readonly #votes: number[][][] = Array.from({ length: 468 }, () => [])

  constructor(
    readonly cut: CutHead,
    readonly mean: Float32Array,
    readonly indices: Uint32Array,
  ) {}

  /** Adds one portrait; returns how many points fell on the head. */
  add(face: Face, raster: Raster, camera: Camera, positions: Float32Array): number {
    const normals = interpolate(raster, this.indices, vertexNormals({ positions, indices: this.indices }), 3)
    const rest = interpolate(raster, this.indices, this.mean, 3)
    const m = camera.headToCamera
    let used = 0
    for (let i = 0; i < 468; i++) {
      const pixel = nearestCovered(raster, face.landmarks.points[2 * i], face.landmarks.points[2 * i + 1])
      if (pixel === undefined) continue
      const n = normals.subarray(3 * pixel, 3 * pixel + 3)
      const towards = -(m[8] * n[0] + m[9] * n[1] + m[10] * n[2]) / (Math.hypot(n[0], n[1], n[2]) || 1)
      // Outline points are on the outline by definition.
      if (towards < FACING && !names.FACE_OVAL.includes(i)) continue
      this.#votes[i].push([...rest.subarray(3 * pixel, 3 * pixel + 3)])
      used++
    }
    return used
  }

  /** [468, 3] symmetric places on or near the mean head, and the median spread of each, metres. */
  places(): { points: Float64Array; spread: number[]; twin: number[] } {
    const raw = this.#votes.map((list, i) => {
      if (list.length < 3) throw new Error(`landmark ${i} was hardly ever seen`)
      return [0, 1, 2].map((k) => median(list.map((p) => p[k])))
    })
    const spread = raw.map((m, i) => median(this.#votes[i].map((p) => Math.hypot(...p.map((x, k) => x - m[k])))))
    // The mesh of points is symmetric: each has a twin on the other side, or is its own.
    const mirrored = raw.map(([x, y, z]) => [-x, y, z])
    const nearest = mirrored.map((p) => {
      const d = raw.map((q) => Math.hypot(...q.map((x, k) => x - p[k])))
      return d.indexOf(Math.min(...d))
    })
    const twin = nearest.map((t, i) => (nearest[t] === i ? t : -1))
    // Where nearness is ambiguous, the twin is the one whose neighbours' twins it lies between: try what is left over.
    const left = twin.flatMap((t, i) => (t < 0 ? [i] : []))
    for (const i of left) {
      if (twin[i] >= 0) continue
      const free = left.filter((j) => twin[j] < 0)
      const d = free.map((j) => Math.hypot(...raw[j].map((x, k) => x - mirrored[i][k])))
      const t = free[d.indexOf(Math.min(...d))]
      twin[i] = t
      twin[t] = i
    }
    const points = new Float64Array(468 * 3)
    raw.forEach((p, i) => {
      points.set(
        p.map((x, k) => (x + mirrored[twin[i]][k]) / 2),
        3 * i,
      )
    })
    return { points, spread, twin }
  }
}

function nearestCovered(raster: Raster, px: number, py: number): number | undefined {
  let best: number | undefined
  let least = MISS * MISS
  for (let y = Math.max(0, Math.floor(py) - MISS); y <= Math.min(raster.height - 1, py + MISS); y++)
    for (let x = Math.max(0, Math.floor(px) - MISS); x <= Math.min(raster.width - 1, px + MISS); x++) {
      const d = (x + 0.5 - px) ** 2 + (y + 0.5 - py) ** 2
      if (d < least && raster.triangle[y * raster.width + x] >= 0) {
        least = d
        best = y * raster.width + x
      }
    }
  return best
}

function median(values: number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  return (sorted[(sorted.length - 1) >> 1] + sorted[sorted.length >> 1]) / 2
}

/** How far the kinds of landmark are to be trusted. */
const WEIGHT = { contour: 1, feature: 0.8, skin: 0.5, oval: 0.3, iris: 0.5 }

export interface Embedded {
  landmarks478: LandmarkEmbedding
  weights478: Float32Array
  landmarks68: LandmarkEmbedding
}

/** Weights of a triangle's corners at a point of it. */
function weightsIn(mean: Float32Array, indices: Uint32Array, t: number, point: ArrayLike<number>): number[] {
  const weights = [0, 0, 0]
  barycentric(mean, indices.subarray(3 * t, 3 * t + 3), point, 0, weights)
  return weights
}

/**
 * Embeds the points in the face region's triangles.
 *
 * @param opening [vertices, 3] displacement of the opening jaw: it tells the lips apart
 */
export function embedLandmarks(
  cut: CutHead,
  mean: Float32Array,
  indices: Uint32Array,
  points: Float64Array,
  opening: Float32Array,
): Embedded {
  const region = submesh({ positions: mean, indices }, cut.region)
  const distance = new MeshDistance(region.mesh)
  const landmarks478: LandmarkEmbedding = { triangles: new Uint32Array(478), barycentric: new Float32Array(478 * 3) }
  const weights478 = new Float32Array(478).fill(WEIGHT.skin)
  const at = (v: number): number[] => [...mean.subarray(3 * v, 3 * v + 3)]
  const placeNear = (e: LandmarkEmbedding, i: number, p: ArrayLike<number>): void => {
    const hit = distance.closest(Float64Array.from(p))
    const t = region.triangleMap[hit.triangle[0]]
    e.triangles[i] = t
    e.barycentric.set(weightsIn(mean, indices, t, hit.point), 3 * i)
  }
  for (let i = 0; i < 468; i++) placeNear(landmarks478, i, points.subarray(3 * i, 3 * i + 3))

  // Triangles by edge, to put points on edges of the mesh.
  const skinTriangles = new Map<string, number>()
  for (let t = 0; t < indices.length / 3; t++) {
    const corners = [...indices.subarray(3 * t, 3 * t + 3)]
    if (!cut.region[t] || corners.some((v) => cut.parts[v] !== 0)) continue
    corners.forEach((v, k) => {
      skinTriangles.set(`${v}-${corners[(k + 1) % 3]}`, t)
    })
  }
  const placeOnEdge = (i: number, v: number, w: number, share: number): void => {
    const t = skinTriangles.get(`${v}-${w}`) ?? skinTriangles.get(`${w}-${v}`)
    if (t === undefined) throw new Error(`no skin triangle has the edge ${v}-${w}`)
    landmarks478.triangles[i] = t
    for (let k = 0; k < 3; k++) {
      const corner = indices[3 * t + k]
      landmarks478.barycentric[3 * i + k] = corner === v ? 1 - share : corner === w ? share : 0
    }
  }
  const fineRing = (ring: number[]): number[] =>
    ring.flatMap((v, n) => [cut.fine.vertex.get(v)!, cut.fine.edge(v, ring[(n + 1) % ring.length])])
  /** The nearest place on a run of edges. */
  const placeOnRun = (i: number, run: [number, number][], metric: (p: number[]) => number): void => {
    let best = { value: Number.POSITIVE_INFINITY, v: 0, w: 0, share: 0 }
    for (const [v, w] of run)
      for (let s = 0; s <= 8; s++) {
        const value = metric(at(v).map((x, k) => x + ((at(w)[k] - x) * s) / 8))
        if (value < best.value) best = { value, v, w, share: s / 8 }
      }
    placeOnEdge(i, best.v, best.w, best.share)
  }
  const edges = (ring: number[]): [number, number][] => ring.map((v, n) => [v, ring[(n + 1) % ring.length]])
  const point = (i: number): number[] => [...points.subarray(3 * i, 3 * i + 3)]
  const off =
    (i: number) =>
    (p: number[]): number =>
      Math.hypot(...p.map((x, k) => x - point(i)[k]))

  for (const [list, rings] of [
    [names.RIGHT_EYE, cut.rings.rightEye],
    [names.LEFT_EYE, cut.rings.leftEye],
  ] as const) {
    // The visible edge of the lids is the ring just outside the cut, between margin and lashes.
    const run = edges(fineRing(rings[1]))
    for (const i of list) placeOnRun(i, run, off(i))
    for (const i of list) weights478[i] = WEIGHT.contour
  }
  const contact = fineRing(cut.rings.mouth[0])
  const jawSide = lowerRun(contact, at, opening)
  const upper = edges(contact).filter(([v, w]) => !(jawSide.has(v) && jawSide.has(w)))
  const lower = edges(contact).filter(([v, w]) => jawSide.has(v) && jawSide.has(w))
  names.LIPS_INNER.forEach((i, n) => {
    // In order around the opening: right corner, over the upper lip, left corner, back along the lower lip.
    const corner = n === 0 || n === 10
    const run = corner ? edges(contact) : n < 10 ? upper : lower
    placeOnRun(i, run, (p) => Math.abs(p[0] - point(i)[0]) + (corner ? 0.3 * Math.abs(p[1] - point(i)[1]) : 0))
    weights478[i] = WEIGHT.contour
  })
  for (const i of [...names.LIPS_OUTER, ...names.RIGHT_BROW, ...names.LEFT_BROW]) weights478[i] = WEIGHT.feature
  for (const i of NOSE) weights478[i] = WEIGHT.feature
  for (const i of names.FACE_OVAL) weights478[i] = WEIGHT.oval
  embedIrises(cut, mean, indices, landmarks478)
  weights478.fill(WEIGHT.iris, 468)
  return { landmarks478, weights478, landmarks68: embed68(landmarks478, mean, indices, placeNear) }
}

const NOSE = [1, 2, 4, 5, 6, 19, 48, 64, 94, 97, 98, 115, 168, 195, 197, 220, 278, 326, 327, 344, 440]

/**
 * Vertices of the contact ring's lower half (the ring's ends included). Both halves lie in one place while the mouth is shut: the
 * lower one is what an opening jaw carries down.
 *
 * @param opening [vertices, 3] displacement of the opening jaw
 */
function lowerRun(ring: number[], at: (v: number) => number[], opening: Float32Array): Set<number> {
  const xs = ring.map((v) => at(v)[0])
  const right = xs.indexOf(Math.min(...xs))
  const turned = [...ring.slice(right), ...ring.slice(0, right)]
  const half = turned.length / 2
  const runs = [turned.slice(0, half + 1), [...turned.slice(half), turned[0]]]
  const [one, other] = runs.map((run) => run.reduce((s, v) => s + opening[3 * v + 1] / run.length, 0))
  return new Set(runs[one < other ? 0 : 1])
}

/** Iris centre and the four points of its rim, on the eyeballs, which the gaze components turn. */
function embedIrises(cut: CutHead, mean: Float32Array, indices: Uint32Array, e: LandmarkEmbedding): void {
  const balls: number[] = []
  for (let t = 0; t < indices.length / 3; t++) if (!cut.region[t] && cut.parts[indices[3 * t]] === 1) balls.push(t)
  const mask = new Uint8Array(indices.length / 3)
  for (const t of balls) mask[t] = 1
  const ball = submesh({ positions: mean, indices }, mask)
  const distance = new MeshDistance(ball.mesh)
  for (const [list, v] of [
    [names.RIGHT_IRIS, cut.irises.right],
    [names.LEFT_IRIS, cut.irises.left],
  ] as const)
    list.forEach((i, n) => {
      // In the picture's directions: right is the subject's left.
      const [dx, dy] = [
        [0, 0],
        [1, 0],
        [0, 1],
        [-1, 0],
        [0, -1],
      ][n]
      const r = 0.0058
      const p = [mean[3 * v] + r * dx, mean[3 * v + 1] + r * dy, mean[3 * v + 2]]
      const hit = distance.closest(Float64Array.from(p))
      const t = ball.triangleMap[hit.triangle[0]]
      e.triangles[i] = t
      e.barycentric.set(weightsIn(mean, indices, t, hit.point), 3 * i)
    })
}

/** MediaPipe's outline from the subject's right temple to the chin, and from the chin to the left temple. */
const JAW_RIGHT = [127, 234, 93, 132, 58, 172, 136, 150, 149, 176, 148, 152]
const JAW_LEFT = [152, 377, 400, 378, 379, 365, 397, 288, 361, 323, 454, 356]
function embed68(
  from: LandmarkEmbedding,
  mean: Float32Array,
  indices: Uint32Array,
  placeNear: (e: LandmarkEmbedding, i: number, p: number[]) => void,
): LandmarkEmbedding {
  const out: LandmarkEmbedding = { triangles: new Uint32Array(68), barycentric: new Float32Array(68 * 3) }
  const at = (i: number): number[] =>
    [0, 1, 2].map((k) =>
      [0, 1, 2].reduce((s, c) => s + from.barycentric[3 * i + c] * mean[3 * indices[3 * from.triangles[i] + c] + k], 0),
    )
  // iBUG's jawline has equal steps: nine points from temple to chin on each side, the chin shared.
  const right = resample(JAW_RIGHT.map(at), 9)
  const left = resample(JAW_LEFT.map(at), 9)
  ;[...right, ...left.slice(1)].forEach((p, i) => {
    placeNear(out, i, p)
  })
  for (let i = 17; i < 68; i++) {
    const [one, other] = names.ibugSources(i)
    if (other === undefined) {
      out.triangles[i] = from.triangles[one]
      out.barycentric.set(from.barycentric.subarray(3 * one, 3 * one + 3), 3 * i)
    } else
      placeNear(
        out,
        i,
        at(one).map((x, k) => (x + at(other)[k]) / 2),
      )
  }
  return out
}

/** Points at equal steps along a polyline, its ends included. */
function resample(line: number[][], count: number): number[][] {
  const along = [0]
  for (let i = 1; i < line.length; i++)
    along.push(along[i - 1] + Math.hypot(...line[i].map((x, k) => x - line[i - 1][k])))
  return Array.from({ length: count }, (_, n) => {
    const s = (along[along.length - 1] * n) / (count - 1)
    const i = Math.max(
      1,
      along.findIndex((a) => a >= s - 1e-12),
    )
    const t = (s - along[i - 1]) / (along[i] - along[i - 1])
    return line[i].map((x, k) => line[i - 1][k] * (1 - t) + x * t)
  })
}
