/**
 * Where skin passes through itself: a hierarchy of boxes over a part of a mesh that is built once and follows it into any pose. While a
 * pose is mended, only what has moved is looked at again.
 */

/** Triangles in a leaf. */
const LEAF = 4

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
  private readonly stack: number[] = []

  /** @param p [vertices, 3] places in some pose: what is near in it should be near in most @param triangles [n, 3] */
  constructor(p: Float32Array, triangles: Uint32Array) {
    const n = triangles.length / 3
    const order = alongCurve(p, triangles)
    const link: number[] = []
    const count: number[] = []
    const parent: number[] = []
    const build = (from: number, to: number, above: number): number => {
      const node = link.length
      link.push(-1 - from)
      parent.push(above)
      count.push(to - from <= LEAF ? to - from : 0)
      if (count[node] > 0) return node
      const middle = (from + to) >> 1
      build(from, middle, node)
      link[node] = build(middle, to, node)
      return node
    }
    if (n > 0) build(0, n, -1)
    this.link = Int32Array.from(link)
    this.count = Uint8Array.from(count)
    this.parent = Int32Array.from(parent)
    this.box = new Float32Array(6 * link.length)
    this.changed = new Uint8Array(link.length)
    this.corners = Uint32Array.from({ length: 3 * n }, (_, c) => triangles[3 * order[Math.floor(c / 3)] + (c % 3)])
    this.triangleBox = new Float32Array(6 * n)
    this.changedTriangle = new Uint8Array(n)
    this.leaf = new Uint32Array(n)
    for (let node = 0; node < link.length; node++)
      if (count[node] > 0) this.leaf.fill(node, -1 - link[node], -1 - link[node] + count[node])
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

  /** What follows concerns only what `move` names. */
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
    if (link.length > 0) stack.push(0, 0)
    while (stack.length > 0) {
      const two = stack.pop()!
      const one = stack.pop()!
      if (!changed[one] && !changed[two]) continue
      if (one !== two && !overlap(box, 6 * one, 6 * two)) continue
      if (count[one] > 0 && count[two] > 0) this.compare(one, two, found)
      else if (one === two) stack.push(one + 1, one + 1, link[one], link[one], one + 1, link[one])
      else if (count[two] > 0 || (count[one] === 0 && one < two)) stack.push(one + 1, two, link[one], two)
      else stack.push(one, two + 1, one, link[two])
    }
  }

  private compare(one: number, two: number, found: PairVisitor): void {
    const { link, count, corners, triangleBox, changedTriangle } = this
    const [from, other] = [-1 - link[one], -1 - link[two]]
    for (let t = from; t < from + count[one]; t++)
      for (let u = one === two ? t + 1 : other; u < other + count[two]; u++) {
        if (!changedTriangle[t] && !changedTriangle[u]) continue
        if (!overlap(triangleBox, 6 * t, 6 * u)) continue
        const [a, b, c] = [corners[3 * t], corners[3 * t + 1], corners[3 * t + 2]]
        const [d, e, f] = [corners[3 * u], corners[3 * u + 1], corners[3 * u + 2]]
        if (a === d || a === e || a === f || b === d || b === e || b === f || c === d || c === e || c === f) continue
        found(a, b, c, d, e, f)
      }
  }

  /** Lets the boxes of what has moved follow. */
  private follow(p: Float32Array): void {
    const { link, count, box, corners, triangleBox, changed, changedTriangle } = this
    for (let t = 0; t < changedTriangle.length; t++) {
      if (!changedTriangle[t]) continue
      const [a, b, c] = [3 * corners[3 * t], 3 * corners[3 * t + 1], 3 * corners[3 * t + 2]]
      for (let k = 0; k < 3; k++) {
        const [x, y, z] = [p[a + k], p[b + k], p[c + k]]
        triangleBox[6 * t + k] = x < y ? (x < z ? x : z) : y < z ? y : z
        triangleBox[6 * t + 3 + k] = x > y ? (x > z ? x : z) : y > z ? y : z
      }
    }
    // children come after their parents
    for (let node = link.length - 1; node >= 0; node--) {
      if (!changed[node]) continue
      const at = 6 * node
      for (let k = at; k < at + 6; k++) box[k] = k < at + 3 ? Number.POSITIVE_INFINITY : Number.NEGATIVE_INFINITY
      const first = -1 - link[node]
      for (let t = first; t < first + count[node]; t++) widen(box, at, triangleBox, 6 * t)
      if (count[node] > 0) continue
      widen(box, at, box, at + 6)
      widen(box, at, box, 6 * link[node])
    }
  }
}

/** Widens the box at `at` by another one. */
function widen(box: Float32Array, at: number, other: Float32Array, from: number): void {
  for (let k = 0; k < 3; k++) {
    if (other[from + k] < box[at + k]) box[at + k] = other[from + k]
    if (other[from + 3 + k] > box[at + 3 + k]) box[at + 3 + k] = other[from + 3 + k]
  }
}

function overlap(list: Float32Array, i: number, j: number): boolean {
  return (
    list[i] <= list[j + 3] &&
    list[j] <= list[i + 3] &&
    list[i + 1] <= list[j + 4] &&
    list[j + 1] <= list[i + 4] &&
    list[i + 2] <= list[j + 5] &&
    list[j + 2] <= list[i + 5]
  )
}

/** Steps along each axis of the curve. */
const STEPS = 1024

/** The triangles along a curve through space that stays near where it is (Morton 1966). */
function alongCurve(p: Float32Array, triangles: Uint32Array): Uint32Array {
  const n = triangles.length / 3
  const low = [0, 1, 2].map((k) =>
    triangles.reduce((least, v) => Math.min(least, p[3 * v + k]), Number.POSITIVE_INFINITY),
  )
  const high = [0, 1, 2].map((k) =>
    triangles.reduce((most, v) => Math.max(most, p[3 * v + k]), Number.NEGATIVE_INFINITY),
  )
  const extent = Math.max(1e-9, ...high.map((x, k) => x - low[k]))
  const keys = Float64Array.from({ length: n }, (_, t) => {
    let key = 0
    for (let k = 0; k < 3; k++) {
      const sum = [0, 1, 2].reduce((sum, c) => sum + p[3 * triangles[3 * t + c] + k], 0)
      key += spaced(Math.floor(((sum / 3 - low[k]) / extent) * (STEPS - 1))) * 2 ** k
    }
    return key * n + t
  })
  return Uint32Array.from(keys.sort(), (key) => key % n)
}

/** The ten bits of x, each followed by two zeros. */
function spaced(x: number): number {
  let out = 0
  for (let bit = 0; bit < 10; bit++) out += ((x >> bit) & 1) * 8 ** bit
  return out
}
