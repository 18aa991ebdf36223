/** Distances along the mesh from sets of vertices: how far openings reach, and where what the photo shows ends. */
import { vertexNeighbors } from '../geometry/mesh.js'
import { HEAD_PARTS, type Mesh } from '../stages.js'

/** Below this belief a vertex is not seen. */
const UNSEEN = 0.35
/** Width of the border over which the photo's colours give way to their smooth continuation, metres. */
const BORDER = 0.016

/** [vertices] metres along edges to the nearest of `seeds` [vertices]; `limit` where there is none within it. */
export function distanceFrom(mesh: Mesh, seeds: ArrayLike<number>, limit: number): Float32Array {
  const { start, neighbors } = vertexNeighbors(mesh)
  const { positions: p } = mesh
  const distance = new Float32Array(p.length / 3).fill(limit)
  let front: number[] = []
  for (let v = 0; v < distance.length; v++) {
    if (!seeds[v]) continue
    distance[v] = 0
    front.push(v)
  }
  // distances are short, so a few rounds of relaxation do
  while (front.length > 0) {
    const next: number[] = []
    for (const v of front)
      for (let i = start[v]; i < start[v + 1]; i++) {
        const w = neighbors[i]
        const [x, y, z] = [p[3 * v] - p[3 * w], p[3 * v + 1] - p[3 * w + 1], p[3 * v + 2] - p[3 * w + 2]]
        const there = Math.fround(distance[v] + Math.sqrt(x * x + y * y + z * z))
        if (there < distance[w]) {
          distance[w] = there
          next.push(w)
        }
      }
    front = next
  }
  return distance
}

/**
 * [vertices] 0 where the photo shows nothing of the outside of the head, rising to 1 at BORDER within what it shows. Gaps in
 * the middle of the face, such as nostrils, do not count: they have no border to be seen.
 * @param parts [vertices] HEAD_PARTS
 * @param belief [vertices] 0..1
 */
export function withinSeen(mesh: Mesh, parts: Uint8Array, belief: Float32Array): Float32Array {
  const { start, neighbors } = vertexNeighbors(mesh)
  const outside = new Uint8Array(belief.length)
  const stack: number[] = []
  const visit = (v: number): void => {
    if (outside[v] || belief[v] >= UNSEEN) return
    outside[v] = 1
    stack.push(v)
  }
  for (let v = 0; v < parts.length; v++)
    if (parts[v] === HEAD_PARTS.scalp || parts[v] === HEAD_PARTS.neck || parts[v] === HEAD_PARTS.ear) visit(v)
  for (let v = stack.pop(); v !== undefined; v = stack.pop())
    for (let i = start[v]; i < start[v + 1]; i++) visit(neighbors[i])
  return distanceFrom(mesh, outside, BORDER).map((d) => {
    const t = d / BORDER
    return t * t * (3 - 2 * t)
  })
}
