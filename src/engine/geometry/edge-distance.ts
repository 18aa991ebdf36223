/** Distances over a mesh, along its edges. */
import type { Mesh } from '../stages.js'
import { vertexNeighbors } from './mesh.js'

/**
 * Distance of each vertex from the nearest seed along edges (Dijkstra), metres; Infinity beyond `limit`.
 * @param seeds [vertices] not 0 where distances start
 */
export function edgeDistance(mesh: Mesh, seeds: ArrayLike<number>, limit = Number.POSITIVE_INFINITY): Float32Array {
  const { positions: p } = mesh
  const { start, neighbors } = vertexNeighbors(mesh)
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
  for (let v = 0; v < distance.length; v++) {
    if (!seeds[v]) continue
    distance[v] = 0
    push(0, v)
  }
  while (keys.length > 0) {
    const key = keys[0]
    const v = vertices[0]
    pop()
    if (key > distance[v]) continue
    for (let i = start[v]; i < start[v + 1]; i++) {
      const w = neighbors[i]
      const x = p[v * 3] - p[w * 3]
      const y = p[v * 3 + 1] - p[w * 3 + 1]
      const z = p[v * 3 + 2] - p[w * 3 + 2]
      const length = Math.sqrt(x * x + y * y + z * z)
      const d = Math.fround(distance[v] + length)
      if (d < distance[w] && d <= limit) {
        distance[w] = d
        push(d, w)
      }
    }
  }
  return distance
}
