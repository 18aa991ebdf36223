/**
 * Subdivision of a part of a mesh: each triangle of the part becomes four, its neighbours are cut so that no vertex lies in the
 * middle of an edge. The result is one mesh, as closed as before. Positions, blendshapes and all that is linear in them pass
 * through the same rows of weights.
 */
import { meshEdges } from './mesh.js'

/** Compressed rows: row i is the sum of weights[k] · input[columns[k]] for k from starts[i] to starts[i + 1]. */
export interface LinearRows {
  starts: Uint32Array
  columns: Uint32Array
  weights: Float32Array
}

/** One step of refinement. */
export interface Refinement {
  /** [triangles, 3] */
  indices: Uint32Array
  /** [triangles] triangle that each comes from. */
  parents: Uint32Array
  /** New vertices from old ones: Loop's rule within the part, a cubic B-spline along the mesh's own border there; the others stay. */
  rows: LinearRows
  /** [corners] whether the edge from old corner c to the next one was halved. */
  halved: Uint8Array
}

/** Applies rows to an attribute [inputs, dims]. */
export function applyRows({ starts, columns, weights }: LinearRows, values: Float32Array, dims: number): Float32Array {
  const n = starts.length - 1
  const out = new Float32Array(n * dims)
  if (dims === 3) {
    // positions, the usual case: three times as fast
    for (let i = 0; i < n; i++) {
      let x = 0
      let y = 0
      let z = 0
      for (let k = starts[i]; k < starts[i + 1]; k++) {
        const from = 3 * columns[k]
        x += weights[k] * values[from]
        y += weights[k] * values[from + 1]
        z += weights[k] * values[from + 2]
      }
      out[3 * i] = x
      out[3 * i + 1] = y
      out[3 * i + 2] = z
    }
    return out
  }
  for (let i = 0; i < n; i++)
    for (let k = starts[i]; k < starts[i + 1]; k++)
      for (let d = 0; d < dims; d++) out[i * dims + d] += weights[k] * values[columns[k] * dims + d]
  return out
}

/**
 * Refines the triangles whose mask is not 0.
 * @param vertices number of vertices
 */
export function refine(indices: Uint32Array, vertices: number, mask: ArrayLike<number>): Refinement {
  const edges = meshEdges(indices)
  const { count, valence, triangles, ofTriangle } = edges
  const halvedEdge = new Uint8Array(count)
  for (let c = 0; c < indices.length; c++) if (mask[Math.floor(c / 3)]) halvedEdge[ofTriangle[c]] = 1
  const middle = new Int32Array(count).fill(-1)
  let next = vertices
  for (let e = 0; e < count; e++) if (halvedEdge[e]) middle[e] = next++

  const rows = new RowBuilder(next)
  const smooth = innerVertices(indices, vertices, mask, edges)
  const neighbours = ringOf(vertices, edges)
  const borders = borderNeighbours(indices, vertices, mask, edges)
  for (let v = 0; v < vertices; v++) {
    const ring = neighbours[v]
    const border = borders.get(v)
    if (border?.length === 2) {
      rows.add([v, ...border], [3 / 4, 1 / 8, 1 / 8])
      continue
    }
    if (!smooth[v] || ring.length === 0) {
      rows.add([v], [1])
      continue
    }
    // Loop's weights as simplified by Warren
    const beta = ring.length === 3 ? 3 / 16 : 3 / (8 * ring.length)
    rows.add([v, ...ring], [1 - ring.length * beta, ...ring.map(() => beta)])
  }
  for (let e = 0; e < count; e++) {
    if (!halvedEdge[e]) continue
    const [a, b] = [edges.vertices[2 * e], edges.vertices[2 * e + 1]]
    const [s, t] = [triangles[2 * e], triangles[2 * e + 1]]
    if (valence[e] === 2 && mask[s] && mask[t])
      rows.add([a, b, opposite(indices, s, a, b), opposite(indices, t, a, b)], [3 / 8, 3 / 8, 1 / 8, 1 / 8])
    else rows.add([a, b], [0.5, 0.5])
  }
  const halved = Uint8Array.from(ofTriangle, (e) => halvedEdge[e])
  const { out, parents } = cut(indices, halved, (c) => middle[ofTriangle[c]])
  return { indices: out, parents, rows: rows.done(), halved }
}

/**
 * The same cuts for texture coordinates, which have triangle corners of their own: new ones lie halfway.
 * @param uv [n, 2]
 */
export function refineUv(
  uv: Float32Array,
  uvIndices: Uint32Array,
  { halved }: Refinement,
): { uv: Float32Array; uvIndices: Uint32Array } {
  const edges = meshEdges(uvIndices)
  const needed = new Uint8Array(edges.count)
  for (let c = 0; c < halved.length; c++) if (halved[c]) needed[edges.ofTriangle[c]] = 1
  const middle = new Int32Array(edges.count).fill(-1)
  const values = Array.from(uv)
  for (let e = 0; e < edges.count; e++) {
    if (!needed[e]) continue
    middle[e] = values.length / 2
    const [a, b] = [edges.vertices[2 * e], edges.vertices[2 * e + 1]]
    for (let k = 0; k < 2; k++) values.push((uv[2 * a + k] + uv[2 * b + k]) / 2)
  }
  const { out } = cut(uvIndices, halved, (c) => middle[edges.ofTriangle[c]])
  return { uv: Float32Array.from(values), uvIndices: out }
}

/** Cuts each triangle according to which of its edges are halved. */
function cut(
  indices: Uint32Array,
  halved: Uint8Array,
  middle: (corner: number) => number,
): { out: Uint32Array; parents: Uint32Array } {
  const out: number[] = []
  const parents: number[] = []
  for (let t = 0; t < indices.length / 3; t++) {
    const c = 3 * t
    const count = halved[c] + halved[c + 1] + halved[c + 2]
    // turn the triangle so that the halved edges come first
    let turn = 0
    if (count === 1) turn = halved[c] ? 0 : halved[c + 1] ? 1 : 2
    if (count === 2) turn = !halved[c + 2] ? 0 : !halved[c] ? 1 : 2
    const corner = (k: number): number => c + ((k + turn) % 3)
    const [a, b, d] = [0, 1, 2].map((k) => indices[corner(k)])
    const [ab, bd, da] = [0, 1, 2].map((k) => middle(corner(k)))
    const before = out.length
    if (count === 0) out.push(a, b, d)
    else if (count === 1) out.push(a, ab, d, ab, b, d)
    else if (count === 2) out.push(ab, b, bd, a, ab, bd, a, bd, d)
    else out.push(a, ab, da, ab, b, bd, da, bd, d, ab, bd, da)
    for (let k = before; k < out.length; k += 3) parents.push(t)
  }
  return { out: Uint32Array.from(out), parents: Uint32Array.from(parents) }
}

/** [vertices] 1 where all triangles at a vertex are masked and no border passes through it. */
function innerVertices(
  indices: Uint32Array,
  vertices: number,
  mask: ArrayLike<number>,
  edges: ReturnType<typeof meshEdges>,
): Uint8Array {
  const inner = new Uint8Array(vertices).fill(1)
  for (let c = 0; c < indices.length; c++) if (!mask[Math.floor(c / 3)]) inner[indices[c]] = 0
  for (let e = 0; e < edges.count; e++)
    if (edges.valence[e] !== 2) inner[edges.vertices[2 * e]] = inner[edges.vertices[2 * e + 1]] = 0
  return inner
}

/** Neighbours along the mesh's border of the vertices there whose triangles are all masked. */
function borderNeighbours(
  indices: Uint32Array,
  vertices: number,
  mask: ArrayLike<number>,
  edges: ReturnType<typeof meshEdges>,
): Map<number, number[]> {
  const off = new Uint8Array(vertices)
  for (let c = 0; c < indices.length; c++) if (!mask[Math.floor(c / 3)]) off[indices[c]] = 1
  const out = new Map<number, number[]>()
  for (let e = 0; e < edges.count; e++) {
    if (edges.valence[e] !== 1) continue
    const [a, b] = [edges.vertices[2 * e], edges.vertices[2 * e + 1]]
    if (!off[a]) out.set(a, [...(out.get(a) ?? []), b])
    if (!off[b]) out.set(b, [...(out.get(b) ?? []), a])
  }
  return out
}

function ringOf(vertices: number, edges: ReturnType<typeof meshEdges>): number[][] {
  const ring: number[][] = Array.from({ length: vertices }, () => [])
  for (let e = 0; e < edges.count; e++) {
    ring[edges.vertices[2 * e]].push(edges.vertices[2 * e + 1])
    ring[edges.vertices[2 * e + 1]].push(edges.vertices[2 * e])
  }
  return ring
}

function opposite(indices: Uint32Array, t: number, a: number, b: number): number {
  for (let k = 0; k < 3; k++) {
    const v = indices[t * 3 + k]
    if (v !== a && v !== b) return v
  }
  return a
}

class RowBuilder {
  private readonly starts: Uint32Array
  private readonly columns: number[] = []
  private readonly weights: number[] = []
  private row = 0

  constructor(rows: number) {
    this.starts = new Uint32Array(rows + 1)
  }

  add(columns: number[], weights: number[]): void {
    this.columns.push(...columns)
    this.weights.push(...weights)
    this.starts[++this.row] = this.columns.length
  }

  done(): LinearRows {
    return {
      starts: this.starts,
      columns: Uint32Array.from(this.columns),
      weights: Float32Array.from(this.weights),
    }
  }
}
