/** Weights that fade to 0 towards the border of an open mesh. */
import { meshEdges, vertexNeighbors } from '../geometry/mesh.js'
import type { Mesh } from '../stages.js'

/**
 * Distance of each vertex from the nearest boundary vertex along edges (Dijkstra), metres; Infinity beyond `limit` or in a
 * closed mesh.
 */
export function boundaryDistance(mesh: Mesh, limit = Number.POSITIVE_INFINITY): Float32Array {
  const { positions: p } = mesh
  const edges = meshEdges(mesh.indices)
  const { start, neighbors } = vertexNeighbors(mesh, edges)
  const distance = new Float32Array(p.length / 3).fill(Number.POSITIVE_INFINITY)
  // binary heap of (distance, vertex); outdated entries are skipped when they surface
  const keys: number[] = []
  const vertices: number[] = []
  const push = (key: number, vertex: number) => {
    let i = keys.length
    keys.push(key)
    vertices.push(vertex)
    while (i > 0) {
      const parent = (i - 1) >> 1
      if (keys[parent] <= key) break
      keys[i] = keys[parent]
      vertices[i] = vertices[parent]
      i = parent
    }
    keys[i] = key
    vertices[i] = vertex
  }
  const pop = (): void => {
    const key = keys.pop() as number
    const vertex = vertices.pop() as number
    if (keys.length === 0) return
    let i = 0
    for (;;) {
      let child = 2 * i + 1
      if (child >= keys.length) break
      if (child + 1 < keys.length && keys[child + 1] < keys[child]) child++
      if (keys[child] >= key) break
      keys[i] = keys[child]
      vertices[i] = vertices[child]
      i = child
    }
    keys[i] = key
    vertices[i] = vertex
  }
  for (let e = 0; e < edges.count; e++) {
    if (edges.valence[e] !== 1) continue
    for (let k = 0; k < 2; k++) {
      const v = edges.vertices[e * 2 + k]
      if (distance[v] === 0) continue
      distance[v] = 0
      push(0, v)
    }
  }
  while (keys.length > 0) {
    const key = keys[0]
    const v = vertices[0]
    pop()
    if (key > distance[v]) continue
    for (let i = start[v]; i < start[v + 1]; i++) {
      const w = neighbors[i]
      const length = Math.hypot(p[v * 3] - p[w * 3], p[v * 3 + 1] - p[w * 3 + 1], p[v * 3 + 2] - p[w * 3 + 2])
      const d = Math.fround(distance[v] + length)
      if (d < distance[w] && d <= limit) {
        distance[w] = d
        push(d, w)
      }
    }
  }
  return distance
}

/** Weight of each vertex: 0 at the border, rising smoothly to 1 at `width` metres from it. */
export function boundaryFalloff(mesh: Mesh, width: number): Float32Array {
  return boundaryDistance(mesh, width).map((d) => {
    const t = Math.min(1, d / width)
    return t * t * (3 - 2 * t)
  })
}
