/** Where what the photo shows of the head ends. */
import { edgeDistance } from '../geometry/edge-distance.js'
import { vertexNeighbors } from '../geometry/mesh.js'
import { smoothstep } from '../geometry/smoothstep.js'
import { HEAD_PARTS, type Mesh } from '../stages.js'

/** Below this belief a vertex is not seen. */
const UNSEEN = 0.35
/** Width of the border over which the photo's colours give way to their smooth continuation, metres. */
const BORDER = 0.016

/**
 * [vertices] 0 where the photo shows nothing of the outside of the head, rising to 1 at BORDER within what it shows. Gaps in
 * the middle of the face, such as nostrils, do not count: they have no border to be seen.
 * Nor do glasses, though their arms lead out of the face.
 * @param parts [vertices] HEAD_PARTS
 * @param belief [vertices] 0..1
 * @param gaps [vertices] 1 behind glasses
 */
export function withinSeen(mesh: Mesh, parts: Uint8Array, belief: Float32Array, gaps: Uint8Array): Float32Array {
  const { start, neighbors } = vertexNeighbors(mesh)
  const outside = new Uint8Array(belief.length)
  const stack: number[] = []
  const visit = (v: number): void => {
    if (outside[v] || belief[v] >= UNSEEN || gaps[v]) return
    outside[v] = 1
    stack.push(v)
  }
  for (let v = 0; v < parts.length; v++)
    if (parts[v] === HEAD_PARTS.scalp || parts[v] === HEAD_PARTS.neck || parts[v] === HEAD_PARTS.ear) visit(v)
  for (let v = stack.pop(); v !== undefined; v = stack.pop())
    for (let i = start[v]; i < start[v + 1]; i++) visit(neighbors[i])
  return edgeDistance(mesh, outside, BORDER).map((d) => smoothstep(0, BORDER, d))
}
