/** Meshes whose vertices carry several values: smoothed, cut until their edges are short, and put together. */
import { meshEdges } from '../geometry/mesh.js'
import { vertexNormals } from '../geometry/normals.js'
import { subdivideLoop } from '../geometry/subdivide.js'

/** Longest edges after cutting, metres: in the face, and elsewhere. */
export interface Fineness {
  face: number
  elsewhere: number
}

/** Values a vertex: position 3, canonical 3, weight of the face 1, height on a tooth 1. */
export const DIMS = 8

/** A mesh under construction. */
export interface Piece {
  /** [vertices, DIMS] */
  values: Float32Array
  indices: Uint32Array
  /** [triangles] part, and REGION. */
  labels: Uint8Array
}

/** One step of subdivision. */
export function smoothed({ values, indices, labels }: Piece, boundary?: 'keep'): Piece {
  const smooth = subdivideLoop(values, DIMS, indices, boundary)
  return { ...smooth, labels: Uint8Array.from({ length: smooth.indices.length / 3 }, (_, t) => labels[t >> 2]) }
}

export function joined(a: Piece, b: Piece): Piece {
  const first = a.values.length / DIMS
  return {
    values: concat(a.values, b.values),
    indices: concat(
      a.indices,
      b.indices.map((v) => v + first),
    ),
    labels: concat(a.labels, b.labels),
  }
}

export function concat<T extends Float32Array | Uint32Array | Uint8Array>(a: T, b: T): T {
  const out = new (a.constructor as new (length: number) => T)(a.length + b.length)
  out.set(a)
  out.set(b, a.length)
  return out
}

/**
 * Splits every edge longer than allowed once, and the triangles about it into two, three or four. New vertices lie on the cubic
 * that the ends' normals suggest (PN triangles, Vlachos et al. 2001), so that the surface stays smooth. Undefined when all edges
 * are short enough.
 */
export function cutLongEdges({ values, indices, labels }: Piece, fineness: Fineness): Piece | undefined {
  const n = values.length / DIMS
  const positions = new Float32Array(n * 3)
  for (let v = 0; v < n; v++) for (let k = 0; k < 3; k++) positions[3 * v + k] = values[v * DIMS + k]
  const normals = vertexNormals({ positions, indices }, 'area')
  const edges = meshEdges(indices)
  const middle = new Int32Array(edges.count).fill(-1)
  const length = (a: number, b: number): number => {
    const x = positions[3 * b] - positions[3 * a]
    const y = positions[3 * b + 1] - positions[3 * a + 1]
    const z = positions[3 * b + 2] - positions[3 * a + 2]
    return Math.sqrt(x * x + y * y + z * z)
  }
  let count = n
  for (let e = 0; e < edges.count; e++) {
    const a = edges.vertices[2 * e]
    const b = edges.vertices[2 * e + 1]
    const longest = values[a * DIMS + 6] + values[b * DIMS + 6] > 0 ? fineness.face : fineness.elsewhere
    if (length(a, b) > longest) middle[e] = count++
  }
  if (count === n) return undefined
  const grown = new Float32Array(count * DIMS)
  grown.set(values)
  for (let e = 0; e < edges.count; e++) {
    if (middle[e] < 0) continue
    const a = edges.vertices[2 * e]
    const b = edges.vertices[2 * e + 1]
    let la = 0
    let lb = 0
    if (edges.valence[e] === 2)
      for (let k = 0; k < 3; k++) {
        const d = (positions[3 * b + k] - positions[3 * a + k]) / 8
        la -= d * normals[3 * a + k]
        lb += d * normals[3 * b + k]
      }
    const to = middle[e] * DIMS
    for (let k = 0; k < DIMS; k++) {
      grown[to + k] = (values[a * DIMS + k] + values[b * DIMS + k]) / 2
      if (k < 3) grown[to + k] += la * normals[3 * a + k] + lb * normals[3 * b + k]
    }
  }
  const out: number[] = []
  const outLabels: number[] = []
  const corner = [0, 0, 0]
  const split = [0, 0, 0]
  for (let t = 0; t < indices.length / 3; t++) {
    const from = out.length
    for (let k = 0; k < 3; k++) {
      corner[k] = indices[3 * t + k]
      split[k] = middle[edges.ofTriangle[3 * t + k]]
    }
    splitTriangle(corner, split, out)
    for (let i = from; i < out.length; i += 3) outLabels.push(labels[t])
  }
  return { values: grown, indices: Uint32Array.from(out), labels: Uint8Array.from(outLabels) }
}

/** `split[k]` is the new vertex on the edge from corner k to k + 1, or -1. */
function splitTriangle(corner: number[], split: number[], out: number[]): void {
  const cuts = (split[0] >= 0 ? 1 : 0) + (split[1] >= 0 ? 1 : 0) + (split[2] >= 0 ? 1 : 0)
  if (cuts === 0) out.push(corner[0], corner[1], corner[2])
  else if (cuts === 3) {
    const [a, b, c] = corner
    const [ab, bc, ca] = split
    out.push(a, ab, ca, ab, b, bc, ca, bc, c, ab, bc, ca)
  } else {
    // Turned so that the first edge is cut, and with two cuts the last one is not.
    const k = cuts === 1 ? split.findIndex((m) => m >= 0) : split.findIndex((m, i) => m >= 0 && split[(i + 1) % 3] >= 0)
    const [a, b, c] = [0, 1, 2].map((i) => corner[(k + i) % 3])
    const [ab, bc] = [split[k], split[(k + 1) % 3]]
    if (cuts === 1) out.push(a, ab, c, ab, b, c)
    else out.push(ab, b, bc, a, ab, bc, a, bc, c)
  }
}
