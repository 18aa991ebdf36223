/** Triangles divided in halves of space until few are together: what hierarchies of boxes are built on, in flat arrays. */
import type { Mesh } from '../stages.js'

/** Triangles in a leaf. */
const LEAF = 4
/** Below this depth lists are halved, so that trees stay so low that a stack of `DEEPEST` nodes holds any way through them. */
const DEEP = 64
export const DEEPEST = 128

/** Nodes are numbered from the root on: children come after their parent, and the left one is the next node. */
export interface Hierarchy {
  /** [nodes] inner node: its right child. Leaf: -1 - first entry in the order of triangles. */
  link: Int32Array
  /** [nodes] triangles in a leaf; 0 for inner nodes. */
  count: Uint8Array
  /** [triangles] in the order of the leaves, and their vertices [triangles, 3] in this order. */
  order: Uint32Array
  corners: Uint32Array
}

/** Divides the triangles where the longest side of the box about their middles has its own. */
export function triangleHierarchy({ positions: p, indices }: Mesh): Hierarchy {
  const n = indices.length / 3
  // three times the middles
  const middles = new Float64Array(3 * n)
  for (let t = 0; t < n; t++)
    for (let k = 0; k < 3; k++)
      middles[3 * t + k] = p[3 * indices[3 * t] + k] + p[3 * indices[3 * t + 1] + k] + p[3 * indices[3 * t + 2] + k]
  const order = new Uint32Array(n)
  for (let t = 0; t < n; t++) order[t] = t
  const link = new Int32Array(2 * n)
  const count = new Uint8Array(2 * n)
  let nodes = 0
  const build = (from: number, to: number, depth: number): number => {
    const node = nodes++
    if (to - from <= LEAF) {
      link[node] = -1 - from
      count[node] = to - from
      return node
    }
    let [axis, longest, half] = [0, Number.NEGATIVE_INFINITY, 0]
    for (let k = 0; k < 3; k++) {
      let [low, high] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]
      for (let i = from; i < to; i++) {
        const x = middles[3 * order[i] + k]
        if (x < low) low = x
        if (x > high) high = x
      }
      if (!(high - low > longest)) continue
      axis = k
      longest = high - low
      half = (low + high) / 2
    }
    let middle = partition(order, middles, axis, from, to, half)
    // all on one side, or too deep: halve the list
    if (middle === from || middle === to || depth > DEEP) middle = (from + to) >> 1
    build(from, middle, depth + 1)
    link[node] = build(middle, to, depth + 1)
    return node
  }
  if (n > 0) build(0, n, 0)
  const corners = new Uint32Array(3 * n)
  for (let i = 0; i < n; i++) for (let c = 0; c < 3; c++) corners[3 * i + c] = indices[3 * order[i] + c]
  return { link: link.slice(0, nodes), count: count.slice(0, nodes), order, corners }
}

/** Moves the entries whose middle is below `value` to the front; returns where the others start. */
function partition(
  order: Uint32Array,
  middles: Float64Array,
  axis: number,
  from: number,
  to: number,
  value: number,
): number {
  let i = from
  let j = to - 1
  while (i <= j) {
    const t = order[i]
    if (middles[3 * t + axis] < value) i++
    else {
      order[i] = order[j]
      order[j] = t
      j--
    }
  }
  return i
}

/**
 * Boxes of the nodes, in place, from those of the triangles: [n, 6] lower and upper corner.
 * @param triangleBox [triangles, 6] in the order of the leaves @param changed [nodes] which are worked out anew; by default all
 */
export function boxNodes(
  { link, count }: Pick<Hierarchy, 'link' | 'count'>,
  triangleBox: Float32Array,
  box: Float32Array,
  changed?: Uint8Array,
): void {
  // children come after their parents
  for (let node = link.length - 1; node >= 0; node--) {
    if (changed && !changed[node]) continue
    const at = 6 * node
    if (count[node] === 0) {
      for (let k = 0; k < 6; k++) box[at + k] = box[at + 6 + k]
      widen(box, at, box, 6 * link[node])
      continue
    }
    const first = 6 * (-1 - link[node])
    for (let k = 0; k < 6; k++) box[at + k] = triangleBox[first + k]
    for (let t = 1; t < count[node]; t++) widen(box, at, triangleBox, first + 6 * t)
  }
}

/** Writes the box of triangle t of `corners` to row t. */
export function boxTriangle(p: Float32Array, corners: Uint32Array, t: number, box: Float32Array): void {
  for (let k = 0; k < 3; k++) {
    const x = p[3 * corners[3 * t] + k]
    const y = p[3 * corners[3 * t + 1] + k]
    const z = p[3 * corners[3 * t + 2] + k]
    box[6 * t + k] = x < y ? (x < z ? x : z) : y < z ? y : z
    box[6 * t + 3 + k] = x > y ? (x > z ? x : z) : y > z ? y : z
  }
}

/** Widens the box at `at` by another one. */
function widen(box: Float32Array, at: number, other: Float32Array, from: number): void {
  for (let k = 0; k < 3; k++) {
    if (other[from + k] < box[at + k]) box[at + k] = other[from + k]
    if (other[from + 3 + k] > box[at + 3 + k]) box[at + 3 + k] = other[from + 3 + k]
  }
}
