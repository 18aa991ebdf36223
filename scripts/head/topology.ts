/** Quad mesh topology: neighbours, edge loops, and one step of Catmull-Clark subdivision as a sparse linear map. */

/** A sparse row: column → weight. */
export type Row = Map<number, number>

export interface Topology {
  quads: number[][]
  neighbours: Map<number, Set<number>>
  facesOfEdge: Map<number, number[]>
  facesOfVertex: Map<number, number[]>
}

/** One number for an undirected edge. */
export const edgeKey = (a: number, b: number): number => (a < b ? a * 65536 + b : b * 65536 + a)

/** Neighbourhoods of a closed quad mesh. */
export function topology(quads: number[][]): Topology {
  const neighbours = new Map<number, Set<number>>()
  const facesOfEdge = new Map<number, number[]>()
  const facesOfVertex = new Map<number, number[]>()
  const push = (map: Map<number, number[]>, k: number, v: number): void => {
    const list = map.get(k)
    if (list) list.push(v)
    else map.set(k, [v])
  }
  const link = (a: number, b: number): void => {
    const set = neighbours.get(a)
    if (set) set.add(b)
    else neighbours.set(a, new Set([b]))
  }
  quads.forEach((quad, n) => {
    quad.forEach((a, j) => {
      const b = quad[(j + 1) % 4]
      link(a, b)
      link(b, a)
      push(facesOfEdge, edgeKey(a, b), n)
      push(facesOfVertex, a, n)
    })
  })
  return { quads, neighbours, facesOfEdge, facesOfVertex }
}

/** The vertex opposite to `from` across the 4-valent vertex `at`; undefined at other vertices. */
export function straightOn(mesh: Topology, from: number, at: number): number | undefined {
  const around = mesh.neighbours.get(at)!
  if (around.size !== 4) return undefined
  const beside = new Set(mesh.facesOfEdge.get(edgeKey(from, at)))
  return [...around].find((r) => r !== from && !mesh.facesOfEdge.get(edgeKey(at, r))!.some((f) => beside.has(f)))
}

/** Follows the edge a→b straight on until it closes; the loop's vertices in order. */
export function edgeLoop(mesh: Topology, a: number, b: number): number[] {
  const loop = [a, b]
  for (;;) {
    const next = straightOn(mesh, loop[loop.length - 2], loop[loop.length - 1])
    if (next === undefined) throw new Error(`the edge loop from ${a} ends at ${loop.at(-1)}`)
    if (next === a) return loop
    loop.push(next)
  }
}

/** The next ring of a closed loop on the side of vertex `toward`, which is a neighbour of one of its vertices; same order. */
export function nextRing(mesh: Topology, loop: number[], toward: number): number[] {
  const start = loop.findIndex((v) => mesh.neighbours.get(v)!.has(toward))
  const ring = loop.slice()
  ring[start] = toward
  for (let i = 1; i < loop.length; i++) {
    const [before, at] = [loop[(start + i - 1) % loop.length], loop[(start + i) % loop.length]]
    const known = ring[(start + i - 1) % loop.length]
    const quad = mesh.facesOfEdge
      .get(edgeKey(before, at))!
      .map((f) => mesh.quads[f])
      .find((q) => q.includes(known))!
    ring[(start + i) % loop.length] = quad.find((v) => v !== before && v !== at && v !== known)!
  }
  return ring
}

/** Faces reachable from the faces at `seed` without crossing the closed loop. */
export function facesInside(mesh: Topology, loop: number[], seed: number): Set<number> {
  const wall = new Set(loop.map((v, i) => edgeKey(v, loop[(i + 1) % loop.length])))
  const inside = new Set(mesh.facesOfVertex.get(seed))
  const stack = [...inside]
  while (stack.length > 0) {
    const quad = mesh.quads[stack.pop()!]
    quad.forEach((a, j) => {
      const e = edgeKey(a, quad[(j + 1) % 4])
      if (wall.has(e)) return
      for (const f of mesh.facesOfEdge.get(e)!)
        if (!inside.has(f)) {
          inside.add(f)
          stack.push(f)
        }
    })
  }
  return inside
}

/** Weighted sum of sparse rows. */
export function combine(terms: [Row, number][]): Row {
  const out: Row = new Map()
  for (const [row, scale] of terms) for (const [c, w] of row) out.set(c, (out.get(c) ?? 0) + w * scale)
  return out
}

const one = (v: number): Row => new Map([[v, 1]])

export interface FineMesh {
  /** Fine vertices in terms of base vertices. */
  rows: Row[]
  triangles: number[][]
  /** Corners of each triangle as (face, where on it), for attributes that differ between faces, such as UV. */
  corners: { face: number; weights: number[] }[][]
  faceOfTriangle: number[]
  /** Fine number of a base vertex, and of the middle of a base edge. */
  vertex: Map<number, number>
  edge: (a: number, b: number) => number
}

/**
 * Catmull-Clark on the faces in `keep`, sampled finely (split into four) only where `fine` holds; coarse faces that touch a
 * split edge become fans. All points lie on the same subdivided surface, so there are no cracks.
 */
export function subdivide(mesh: Topology, keep: Set<number>, fine: Set<number>): FineMesh {
  const rows: Row[] = []
  const vertex = new Map<number, number>()
  const edges = new Map<number, number>()
  const facePoint = (f: number): Row => combine(mesh.quads[f].map((v) => [one(v), 0.25]))
  const addVertex = (v: number): number => {
    const known = vertex.get(v)
    if (known !== undefined) return known
    const around = [...mesh.neighbours.get(v)!]
    const n = around.length
    const terms: [Row, number][] = [[one(v), (n - 3) / n]]
    for (const f of mesh.facesOfVertex.get(v)!) terms.push([facePoint(f), 1 / (n * n)])
    for (const w of around) terms.push([one(v), 1 / (n * n)], [one(w), 1 / (n * n)])
    vertex.set(v, rows.push(combine(terms)) - 1)
    return rows.length - 1
  }
  const addEdge = (a: number, b: number): number => {
    const k = edgeKey(a, b)
    const known = edges.get(k)
    if (known !== undefined) return known
    const faces = mesh.facesOfEdge.get(k)!
    edges.set(
      k,
      rows.push(combine([[one(a), 0.25], [one(b), 0.25], ...faces.map((f): [Row, number] => [facePoint(f), 0.25])])) -
        1,
    )
    return rows.length - 1
  }
  const split = new Set<number>()
  for (const f of fine) for (const [j, a] of mesh.quads[f].entries()) split.add(edgeKey(a, mesh.quads[f][(j + 1) % 4]))
  const triangles: number[][] = []
  const corners: FineMesh['corners'] = []
  const faceOfTriangle: number[] = []
  type Corner = { id: number; weights: number[] }
  const emit = (face: number, ...t: Corner[]): void => {
    triangles.push(t.map((c) => c.id))
    corners.push(t.map((c) => ({ face, weights: c.weights })))
    faceOfTriangle.push(face)
  }
  for (const f of [...keep].sort((a, b) => a - b)) {
    const quad = mesh.quads[f]
    const unit = (j: number): number[] => quad.map((_, k) => (k === j ? 1 : 0))
    const half = (j: number): number[] => quad.map((_, k) => (k === j || k === (j + 1) % 4 ? 0.5 : 0))
    const corner = quad.map((v, j): Corner => ({ id: addVertex(v), weights: unit(j) }))
    const mid = quad.map((a, j): Corner | undefined => {
      const b = quad[(j + 1) % 4]
      return split.has(edgeKey(a, b)) ? { id: addEdge(a, b), weights: half(j) } : undefined
    })
    if (mid.every((m) => m === undefined)) {
      emit(f, corner[0], corner[1], corner[2])
      emit(f, corner[0], corner[2], corner[3])
      continue
    }
    const centre: Corner = { id: rows.push(facePoint(f)) - 1, weights: [0.25, 0.25, 0.25, 0.25] }
    const ring = corner.flatMap((c, j) => (mid[j] === undefined ? [c] : [c, mid[j]]))
    ring.forEach((p, j) => {
      emit(f, centre, p, ring[(j + 1) % ring.length])
    })
  }
  return { rows, triangles, corners, faceOfTriangle, vertex, edge: (a, b) => edges.get(edgeKey(a, b))! }
}
