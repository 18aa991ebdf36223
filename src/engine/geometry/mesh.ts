/** Topology of triangle meshes: parts, components, boundaries, neighbours. */
import type { Mesh } from '../stages.js'

/** Part of a mesh, with the way back to the whole. */
export interface Submesh {
  mesh: Mesh
  /** [part's vertices] index of each vertex in the whole mesh. */
  vertexMap: Uint32Array
  /** [part's triangles] index of each triangle in the whole mesh. */
  triangleMap: Uint32Array
}

/** The triangles whose mask is not 0, with only the vertices they use, in the whole mesh's order. */
export function submesh(mesh: Mesh, triangleMask: ArrayLike<number>): Submesh {
  const { positions, indices } = mesh
  const count = indices.length / 3
  const used = new Uint8Array(positions.length / 3)
  let kept = 0
  for (let t = 0; t < count; t++) {
    if (!triangleMask[t]) continue
    kept++
    used[indices[t * 3]] = used[indices[t * 3 + 1]] = used[indices[t * 3 + 2]] = 1
  }
  const forward = new Uint32Array(used.length)
  let n = 0
  for (let v = 0; v < used.length; v++) if (used[v]) forward[v] = n++
  const vertexMap = new Uint32Array(n)
  for (let v = 0; v < used.length; v++) if (used[v]) vertexMap[forward[v]] = v
  const triangleMap = new Uint32Array(kept)
  const outIndices = new Uint32Array(kept * 3)
  let o = 0
  for (let t = 0; t < count; t++) {
    if (!triangleMask[t]) continue
    triangleMap[o] = t
    for (let k = 0; k < 3; k++) outIndices[o * 3 + k] = forward[indices[t * 3 + k]]
    o++
  }
  return { mesh: { positions: gather(positions, vertexMap, 3), indices: outIndices }, vertexMap, triangleMap }
}

/** The triangles whose mask is not 0, of the same vertices. */
export function trianglesWhere(indices: Uint32Array, mask: ArrayLike<number>): Uint32Array {
  const out = new Uint32Array(indices.length)
  let length = 0
  for (let t = 0; t < indices.length / 3; t++)
    if (mask[t]) for (let c = 3 * t; c < 3 * t + 3; c++) out[length++] = indices[c]
  return out.slice(0, length)
}

/** Both meshes in one: the vertices and triangles of `a`, then those of `b`. */
export function joinMeshes(a: Mesh, b: Mesh): Mesh {
  const positions = new Float32Array(a.positions.length + b.positions.length)
  positions.set(a.positions)
  positions.set(b.positions, a.positions.length)
  const indices = new Uint32Array(a.indices.length + b.indices.length)
  indices.set(a.indices)
  indices.set(
    b.indices.map((v) => v + a.positions.length / 3),
    a.indices.length,
  )
  return { positions, indices }
}

/** Rows of an attribute [n, dims] in the order of `rows`. */
export function gather(attribute: Float32Array, rows: Uint32Array, dims: number): Float32Array {
  const out = new Float32Array(rows.length * dims)
  for (let i = 0; i < rows.length; i++) for (let k = 0; k < dims; k++) out[i * dims + k] = attribute[rows[i] * dims + k]
  return out
}

/** Undirected edges of a mesh, each once. */
export interface Edges {
  count: number
  /** [count, 2] vertices; as first met, in that triangle's direction. */
  vertices: Uint32Array
  /** [count, 2] triangles on the two sides, -1 at a boundary. More than two: only the first two are kept. */
  triangles: Int32Array
  /** [count] number of triangles at the edge: 1 at a boundary, 2 inside, more where the mesh is not manifold. */
  valence: Uint8Array
  /** [triangles, 3] edge from corner k to corner k + 1. */
  ofTriangle: Uint32Array
}

const knownEdges = new WeakMap<Uint32Array, Edges>()

/** The edges of triangles, found once for each array of them: nobody changes one in place. */
export function meshEdges(indices: Uint32Array): Edges {
  const known = knownEdges.get(indices) ?? findEdges(indices)
  knownEdges.set(indices, known)
  return known
}

/** Finds the edges with an open-addressing hash table (a Map of strings or bigints is ten times slower). */
function findEdges(indices: Uint32Array): Edges {
  const corners = indices.length
  let bits = 4
  while (1 << bits < corners * 2) bits++
  const mask = (1 << bits) - 1
  const table = new Int32Array(1 << bits).fill(-1)
  const vertices = new Uint32Array(corners * 2)
  const triangles = new Int32Array(corners * 2).fill(-1)
  const valence = new Uint8Array(corners)
  const ofTriangle = new Uint32Array(corners)
  let count = 0
  for (let c = 0; c < corners; c++) {
    const t = Math.floor(c / 3)
    const a = indices[c]
    const b = indices[c % 3 === 2 ? c - 2 : c + 1]
    const low = Math.min(a, b)
    const high = Math.max(a, b)
    let slot = (Math.imul(low, 0x9e3779b1) ^ Math.imul(high, 0x85ebca77)) >>> (32 - bits)
    let e = table[slot]
    while (e >= 0) {
      const p = vertices[e * 2]
      const q = vertices[e * 2 + 1]
      if ((p === a && q === b) || (p === b && q === a)) break
      slot = (slot + 1) & mask
      e = table[slot]
    }
    if (e < 0) {
      e = count++
      table[slot] = e
      vertices[e * 2] = a
      vertices[e * 2 + 1] = b
    }
    if (valence[e] < 2) triangles[e * 2 + valence[e]] = t
    if (valence[e] < 255) valence[e]++
    ofTriangle[c] = e
  }
  return {
    count,
    vertices: vertices.slice(0, count * 2),
    triangles: triangles.slice(0, count * 2),
    valence: valence.slice(0, count),
    ofTriangle,
  }
}

/** Connected components (over shared vertices). */
export interface Components {
  count: number
  /** [triangles] component of each triangle; 0 is the one with most triangles, and so on downwards. */
  labels: Uint32Array
  /** [count] triangles in each. */
  sizes: Uint32Array
}

/** Splits a mesh into parts that share no vertex (union-find with path halving). */
export function connectedComponents(mesh: Mesh): Components {
  const { positions, indices } = mesh
  const parent = new Uint32Array(positions.length / 3)
  for (let i = 0; i < parent.length; i++) parent[i] = i
  const find = (start: number) => {
    let v = start
    while (parent[v] !== v) {
      parent[v] = parent[parent[v]]
      v = parent[v]
    }
    return v
  }
  for (let t = 0; t < indices.length; t += 3) {
    const a = find(indices[t])
    const b = find(indices[t + 1])
    if (a !== b) parent[b] = a
    const c = find(indices[t + 2])
    const r = find(a)
    if (c !== r) parent[c] = r
  }
  const triangles = indices.length / 3
  const size = new Map<number, number>()
  for (let t = 0; t < triangles; t++) {
    const r = find(indices[t * 3])
    size.set(r, (size.get(r) ?? 0) + 1)
  }
  const order = [...size].sort((p, q) => q[1] - p[1] || p[0] - q[0])
  const rank = new Map(order.map(([root], i) => [root, i]))
  const labels = new Uint32Array(triangles)
  for (let t = 0; t < triangles; t++) labels[t] = rank.get(find(indices[t * 3])) ?? 0
  return { count: order.length, labels, sizes: Uint32Array.from(order, (o) => o[1]) }
}

/** The connected component with the most triangles. */
export function keepLargest(mesh: Mesh): Mesh {
  const { labels } = connectedComponents(mesh)
  return submesh(
    mesh,
    labels.map((label) => (label === 0 ? 1 : 0)),
  ).mesh
}

/**
 * Closed loops of boundary vertices, longest first. Each loop runs along its triangles' own direction, so the surface lies on
 * its left seen from outside. No vertex comes twice in a loop: where the border touches itself, it is cut into several.
 */
export function boundaryLoops(mesh: Mesh): Uint32Array[] {
  const edges = meshEdges(mesh.indices)
  const next = new Map<number, number[]>()
  for (let e = 0; e < edges.count; e++) {
    if (edges.valence[e] !== 1) continue
    const a = edges.vertices[e * 2]
    const list = next.get(a)
    if (list === undefined) next.set(a, [edges.vertices[e * 2 + 1]])
    else list.push(edges.vertices[e * 2 + 1])
  }
  const loops: Uint32Array[] = []
  for (const start of next.keys()) {
    const path: number[] = []
    const place = new Map<number, number>()
    let v: number | undefined = start
    while (v !== undefined) {
      const seen = place.get(v)
      if (seen !== undefined) {
        // back at a vertex of the path: what lies between is a loop
        const loop = path.splice(seen)
        for (const w of loop) place.delete(w)
        loops.push(Uint32Array.from(loop))
      }
      place.set(v, path.length)
      path.push(v)
      v = next.get(v)?.shift()
    }
  }
  return loops.sort((p, q) => q.length - p.length)
}

/** Neighbours of each vertex in compressed rows: those of v are `neighbors[start[v] .. start[v + 1]]`. */
export interface Neighbors {
  start: Uint32Array
  neighbors: Uint32Array
}

const knownNeighbors = new WeakMap<Edges, Neighbors>()

/** The neighbours of a mesh's vertices, found once for each array of triangles. */
export function vertexNeighbors({ positions, indices }: Mesh): Neighbors {
  const edges = meshEdges(indices)
  const n = positions.length / 3
  const known = knownNeighbors.get(edges)
  if (known?.start.length === n + 1) return known
  const start = new Uint32Array(n + 1)
  for (let i = 0; i < edges.count * 2; i++) start[edges.vertices[i] + 1]++
  for (let v = 0; v < n; v++) start[v + 1] += start[v]
  const fill = start.slice()
  const neighbors = new Uint32Array(edges.count * 2)
  for (let e = 0; e < edges.count; e++) {
    const a = edges.vertices[e * 2]
    const b = edges.vertices[e * 2 + 1]
    neighbors[fill[a]++] = b
    neighbors[fill[b]++] = a
  }
  const found = { start, neighbors }
  knownNeighbors.set(edges, found)
  return found
}

/** [vertices] share of the triangles about each vertex that are of a part. @param inside [triangles] 1 in the part */
export function vertexShare(mesh: Mesh, inside: Uint8Array): Float32Array {
  const sum = new Float32Array(mesh.positions.length / 3)
  const count = new Float32Array(sum.length)
  mesh.indices.forEach((v, c) => {
    sum[v] += inside[Math.floor(c / 3)]
    count[v]++
  })
  return sum.map((s, v) => (count[v] > 0 ? s / count[v] : 0))
}
