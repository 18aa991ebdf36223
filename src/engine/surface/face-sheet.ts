/**
 * The front layer of the face's sheet as a clean open mesh.
 *
 * The field's zero level is a closed shell of thickness epsilon around the face. Its front half is where the outward normal
 * agrees with the fitted head's; it is cut out along a smoothed line at the rim, and loose parts are dropped.
 */
import { MeshDistance } from '../geometry/distance.js'
import { boundaryLoops, gather, vertexNeighbors } from '../geometry/mesh.js'
import { vertexNormals } from '../geometry/normals.js'
import type { Mesh } from '../stages.js'
import { cleanManifold } from './clean-mesh.js'
import { clipMesh } from './clip-mesh.js'
import { emptySurface } from './field.js'

export interface FaceSheetOptions {
  /** Vertices further than this from the reference are dropped, metres (default 8 mm). */
  maxDistance?: number
  /** Cosine between the shell's and the reference's normal at which the rim is cut (default 0.5). */
  rimCosine?: number
  /** Reference triangles are this much shrunk at its border: what is closest to the border is rim (metres, default 1 mm). */
  trim?: number
  /** Holes of up to this many vertices are closed (default 300). */
  maxHole?: number
}

/**
 * Cuts the front layer out of a shell. Throws SURFACE_EMPTY if nothing of it lies near the reference.
 * @param shell extracted zero level, head frame
 * @param reference fitted face region (open mesh, outside in front), head frame
 */
export function faceSheet(shell: Mesh, reference: Mesh, options: FaceSheetOptions = {}): Mesh {
  const maxDistance = options.maxDistance ?? 0.008
  const rimCosine = options.rimCosine ?? 0.5
  const trim = options.trim ?? 0.001
  const maxHole = options.maxHole ?? 300
  const normals = vertexNormals(shell)
  const closest = new MeshDistance(reference).closest(shell.positions)
  const referenceNormals = vertexNormals(reference)
  const n = shell.positions.length / 3
  const score = new Float32Array(n)
  for (let v = 0; v < n; v++) {
    const t = closest.triangle[v] * 3
    const normal = [0, 0, 0]
    for (let c = 0; c < 3; c++)
      for (let k = 0; k < 3; k++) normal[k] += referenceNormals[reference.indices[t + c] * 3 + k]
    const length = Math.hypot(normal[0], normal[1], normal[2]) || 1
    let cos = 0
    for (let k = 0; k < 3; k++) cos += (normals[v * 3 + k] * normal[k]) / length
    const near = closest.distance[v] <= maxDistance
    score[v] = near ? Math.max(-1, Math.min(1, (cos - rimCosine) / 0.5)) : -1
  }
  trimRim(score, closest.point, reference, trim)
  const smooth = smoothScalar(shell, score, 3)
  fillHoles(shell, smooth, maxHole)
  const front = clipMesh(shell, smooth, 0)
  if (front.indices.length === 0) throw emptySurface('no part of the surface lies where the face should be')
  return smoothBoundary(cleanManifold(front), 6)
}

/** Lowers the score of vertices whose closest reference point lies within `trim` of the reference's border. */
function trimRim(score: Float32Array, closestPoints: Float32Array, reference: Mesh, trim: number): void {
  const rim = boundaryStrip(reference)
  if (rim === undefined || !(trim > 0)) return
  const rows = Uint32Array.from(score.keys()).filter((v) => score[v] > 0)
  const distance = new MeshDistance(rim).distances(gather(closestPoints, rows, 3))
  rows.forEach((v, i) => {
    score[v] = Math.max(-1, Math.min(score[v], distance[i] / trim - 1))
  })
}

/** Raises small islands of negative score within positive surroundings, which would become holes. */
function fillHoles(mesh: Mesh, score: Float32Array, maxHole: number): void {
  const { start, neighbors } = vertexNeighbors(mesh)
  const seen = new Uint8Array(score.length)
  for (let v = 0; v < score.length; v++) {
    if (seen[v] || score[v] >= 0) continue
    const island = [v]
    let surrounded = false
    seen[v] = 1
    for (let i = 0; i < island.length; i++)
      for (let k = start[island[i]]; k < start[island[i] + 1]; k++) {
        const w = neighbors[k]
        if (score[w] >= 0) surrounded = true
        else if (!seen[w]) {
          seen[w] = 1
          island.push(w)
        }
      }
    if (surrounded && island.length <= maxHole) for (const w of island) score[w] = 0.01
  }
}

/** The border of a mesh as a strip of flat triangles, for distances to it; undefined for closed meshes. */
function boundaryStrip(mesh: Mesh): Mesh | undefined {
  const indices: number[] = []
  for (const loop of boundaryLoops(mesh)) {
    // small holes (eyes, mouth) are part of the rim too
    for (let i = 0; i < loop.length; i++) indices.push(loop[i], loop[(i + 1) % loop.length], loop[i])
  }
  return indices.length === 0 ? undefined : { positions: mesh.positions, indices: Uint32Array.from(indices) }
}

/** Averages a vertex scalar with its neighbours, so that its level lines become smooth. */
function smoothScalar(mesh: Mesh, scalar: Float32Array, iterations: number): Float32Array {
  const { start, neighbors } = vertexNeighbors(mesh)
  let values = scalar
  for (let k = 0; k < iterations; k++) {
    const next = new Float32Array(values.length)
    for (let v = 0; v < values.length; v++) {
      let sum = 0
      for (let i = start[v]; i < start[v + 1]; i++) sum += values[neighbors[i]]
      const count = start[v + 1] - start[v]
      next[v] = count > 0 ? (values[v] + sum / count) / 2 : values[v]
    }
    values = next
  }
  return values
}

/** Straightens the border by moving its vertices towards the middle of their two neighbours along it. */
function smoothBoundary(mesh: Mesh, iterations: number): Mesh {
  const positions = mesh.positions.slice()
  const loops = boundaryLoops(mesh)
  for (let k = 0; k < iterations; k++)
    for (const loop of loops) {
      const moved = new Float32Array(loop.length * 3)
      for (let i = 0; i < loop.length; i++) {
        const a = loop[(i + loop.length - 1) % loop.length] * 3
        const b = loop[(i + 1) % loop.length] * 3
        for (let c = 0; c < 3; c++)
          moved[i * 3 + c] = (positions[loop[i] * 3 + c] + (positions[a + c] + positions[b + c]) / 2) / 2
      }
      for (let i = 0; i < loop.length; i++) positions.set(moved.subarray(i * 3, i * 3 + 3), loop[i] * 3)
    }
  return { positions, indices: mesh.indices }
}
