/**
 * Where skin passes through itself: a hierarchy of boxes over a part of a mesh that is built once and follows it into any pose. While a
 * pose is mended, only what has moved is looked at again.
 */

import { boxNodes, boxTriangle, DEEPEST, triangleHierarchy } from '../geometry/triangle-hierarchy.js'

/** Corners a, b, c of one triangle and d, e, f of another. */
type PairVisitor = (a: number, b: number, c: number, d: number, e: number, f: number) => void

export class CrossingTree {
  /** Inner node: its right child (the left one is the next node). Leaf: -1 - first entry in the order of triangles. */
  private readonly link: Int32Array
  /** Triangles in a leaf; 0 for inner nodes. */
  private readonly count: Uint8Array
  private readonly parent: Int32Array
  /** [nodes, 6] and [triangles, 6] lower and upper corners. */
  private readonly box: Float32Array
  private readonly triangleBox: Float32Array
  /** [triangles, 3] in the order of leaves, and the leaf of each. */
  private readonly corners: Uint32Array
  private readonly leaf: Uint32Array
  /** Of each vertex, where the triangles about it start in `about`. */
  private readonly start: Uint32Array
  private readonly about: Uint32Array
  /** [nodes] and [triangles] 1 where something has moved since the pose began. */
  private readonly changed: Uint8Array
  private readonly changedTriangle: Uint8Array
  /** A way through pairs of nodes goes down either of them. */
  private readonly stack = new Int32Array(8 * DEEPEST)

  /** @param p [vertices, 3] places in some pose: what is near in it should be near in most @param triangles [n, 3] */
  constructor(p: Float32Array, triangles: Uint32Array) {
    const n = triangles.length / 3
    const { link, count, corners } = triangleHierarchy({ positions: p, indices: triangles })
    this.link = link
    this.count = count
    this.parent = new Int32Array(link.length).fill(-1)
    this.box = new Float32Array(6 * link.length)
    this.changed = new Uint8Array(link.length)
    this.corners = corners
    this.triangleBox = new Float32Array(6 * n)
    this.changedTriangle = new Uint8Array(n)
    this.leaf = new Uint32Array(n)
    for (let node = 0; node < link.length; node++)
      if (count[node] > 0) this.leaf.fill(node, -1 - link[node], -1 - link[node] + count[node])
      else this.parent[node + 1] = this.parent[link[node]] = node
    this.start = new Uint32Array(p.length / 3 + 1)
    for (const v of this.corners) this.start[v + 1]++
    for (let v = 0; v < p.length / 3; v++) this.start[v + 1] += this.start[v]
    const next = this.start.slice()
    this.about = new Uint32Array(3 * n)
    this.corners.forEach((v, c) => {
      this.about[next[v]++] = Math.floor(c / 3)
    })
  }

  /** A new pose: all of it is to be looked at. */
  begin(): void {
    this.changed.fill(1)
    this.changedTriangle.fill(1)
  }

  /** Only what `move` names from now on is to be looked at again. */
  settle(): void {
    this.changed.fill(0)
    this.changedTriangle.fill(0)
  }

  /** Vertex v has moved. */
  move(v: number): void {
    const { start, about, leaf, parent, changed, changedTriangle } = this
    for (let i = start[v]; i < start[v + 1]; i++) {
      changedTriangle[about[i]] = 1
      for (let node = leaf[about[i]]; node >= 0 && !changed[node]; node = parent[node]) changed[node] = 1
    }
  }

  /** Calls `found` with each pair of triangles whose boxes meet, where either has moved; not with neighbours. */
  visit(p: Float32Array, found: PairVisitor): void {
    this.follow(p)
    const { link, count, box, changed, stack } = this
    let top = 0
    const push = (one: number, two: number): void => {
      stack[top++] = one
      stack[top++] = two
    }
    if (link.length > 0) push(0, 0)
    while (top > 0) {
      const two = stack[--top]
      const one = stack[--top]
      if (!changed[one] && !changed[two]) continue
      if (one !== two && !meet(box, 6 * one, box, 6 * two)) continue
      if (count[one] > 0 && count[two] > 0) this.compare(one, two, found)
      else if (one === two) {
        push(one + 1, one + 1)
        push(link[one], link[one])
        push(one + 1, link[one])
      } else if (count[two] > 0 || (count[one] === 0 && one < two)) {
        push(one + 1, two)
        push(link[one], two)
      } else {
        push(one, two + 1)
        push(one, link[two])
      }
    }
  }

  private compare(one: number, two: number, found: PairVisitor): void {
    const { link, count, corners, box, triangleBox, changedTriangle } = this
    const from = -1 - link[one]
    const other = -1 - link[two]
    for (let t = from; t < from + count[one]; t++) {
      if (one !== two && !meet(triangleBox, 6 * t, box, 6 * two)) continue
      const a = corners[3 * t]
      const b = corners[3 * t + 1]
      const c = corners[3 * t + 2]
      for (let u = one === two ? t + 1 : other; u < other + count[two]; u++) {
        if (!changedTriangle[t] && !changedTriangle[u]) continue
        if (!meet(triangleBox, 6 * t, triangleBox, 6 * u)) continue
        const d = corners[3 * u]
        const e = corners[3 * u + 1]
        const f = corners[3 * u + 2]
        if (a === d || a === e || a === f || b === d || b === e || b === f || c === d || c === e || c === f) continue
        found(a, b, c, d, e, f)
      }
    }
  }

  /** Lets the boxes of what has moved follow. */
  private follow(p: Float32Array): void {
    const { link, count, box, corners, triangleBox, changed, changedTriangle } = this
    for (let t = 0; t < changedTriangle.length; t++) if (changedTriangle[t]) boxTriangle(p, corners, t, triangleBox)
    boxNodes({ link, count }, triangleBox, box, changed)
  }
}

/** Whether the boxes at i and j have something in common. */
function meet(one: Float32Array, i: number, other: Float32Array, j: number): boolean {
  return (
    one[i] <= other[j + 3] &&
    other[j] <= one[i + 3] &&
    one[i + 1] <= other[j + 4] &&
    other[j + 1] <= one[i + 4] &&
    one[i + 2] <= other[j + 5] &&
    other[j + 2] <= one[i + 5]
  )
}
