/** Skin that has passed through itself is brought apart again: linear expressions know nothing of what lies in their way. */
import { gather } from '../geometry/mesh.js'
import { CrossingTree } from './crossing-tree.js'

/** Depths up to this are left, and beyond the second they are no crossing of neighbours but something else, metres. */
const LEFT = 0.00008
const DEEPEST = 0.003
const ROUNDS = 12
/** Poses of a part are the same where no coordinate differs by more, metres. */
const SAME = 1e-4
/** Share of the depth that both sides together go back in a round. */
const PUSH = 1

/** How a part moved in one pose, [vertices, 3] metres. */
interface Untangled {
  before: Float32Array
  moved: Float32Array
}

/** Untangles one part of a mesh, in any pose. */
export class Untangler {
  /** [n] vertices of the part, each once. */
  private readonly vertices: Uint32Array
  private readonly tree: CrossingTree
  /** [vertices of the mesh, 4] sum of the ways back of each vertex, and their number; and which have any. */
  private readonly pushes: Float64Array
  private readonly pushed: number[] = []
  /** The pose that was untangled first, at rest, and the last one: most others leave most parts as one of them. */
  private known: Untangled[] = []

  /**
   * @param positions [vertices, 3] in some pose @param triangles [n, 3] of the part
   * @param keep moves some of the vertices, in place, out of what they must not be in
   */
  constructor(
    positions: Float32Array,
    triangles: Uint32Array,
    private readonly keep?: (positions: Float32Array, vertices: readonly number[]) => void,
  ) {
    this.vertices = Uint32Array.from(new Set(triangles))
    this.tree = new CrossingTree(positions, triangles)
    this.pushes = new Float64Array((4 * positions.length) / 3)
  }

  /** Moves what has passed through, in place. @param positions [vertices, 3] metres */
  untangle(positions: Float32Array): void {
    const { vertices } = this
    const before = gather(positions, vertices, 3)
    let same = this.known.find((one) => alike(one.before, before))
    if (!same) {
      same = { before, moved: this.movement(positions, before) }
      this.known = [this.known[0] ?? same, same]
    }
    const { moved } = same
    for (let i = 0; i < vertices.length; i++)
      for (let k = 0; k < 3; k++) positions[3 * vertices[i] + k] = before[3 * i + k] + moved[3 * i + k]
  }

  /** [n, 3] how the part moves to come apart; `positions` are left in some state. */
  private movement(positions: Float32Array, before: Float32Array): Float32Array {
    const { vertices, tree, pushes, pushed } = this
    tree.begin()
    let best = before
    let least = Number.POSITIVE_INFINITY
    for (let round = 0; round < ROUNDS && least > 0; round++) {
      const deepest = this.collect(positions)
      // what passes through something moves: only that is to be looked at again
      tree.settle()
      // what is pushed may run into something else: the best state counts
      if (deepest < least) [best, least] = [gather(positions, vertices, 3), deepest]
      for (const v of pushed) {
        for (let k = 0; k < 3; k++) positions[3 * v + k] += pushes[4 * v + k] / pushes[4 * v + 3]
        pushes.fill(0, 4 * v, 4 * v + 4)
        tree.move(v)
      }
      this.keep?.(positions, pushed)
      pushed.length = 0
    }
    return best.map((x, i) => x - before[i])
  }

  /** Finds what passes through what: the ways back, and how deep anything is. */
  private collect(p: Float32Array): number {
    const { pushes, pushed } = this
    const push = (v: number, nx: number, ny: number, nz: number, by: number): void => {
      const at = 4 * v
      if (pushes[at + 3] === 0) pushed.push(v)
      pushes[at] += by * nx
      pushes[at + 1] += by * ny
      pushes[at + 2] += by * nz
      pushes[at + 3]++
    }
    let deepest = 0
    this.tree.visit(p, (a, b, c, d, e, f) => {
      const depth = pierced(p, a, b, c, d, e, f, push)
      if (depth < 0) return
      const most = Math.max(depth, pierced(p, d, e, f, a, b, c, push))
      if (most > deepest) deepest = most
    })
    return deepest
  }
}

function alike(one: Float32Array, other: Float32Array): boolean {
  for (let i = 0; i < one.length; i++) if (!(Math.abs(one[i] - other[i]) < SAME)) return false
  return true
}

/**
 * Where edges of the triangle (d, e, f) pass through (a, b, c): pushes the nearer end of each back, and the other triangle the other way.
 * @returns how deep it is; -1 where the triangle is on one side of the other, so that neither passes through the other
 */
function pierced(
  p: Float32Array,
  a: number,
  b: number,
  c: number,
  d: number,
  e: number,
  f: number,
  push: (v: number, nx: number, ny: number, nz: number, by: number) => void,
): number {
  const ax = p[3 * a]
  const ay = p[3 * a + 1]
  const az = p[3 * a + 2]
  const bx = p[3 * b] - ax
  const by = p[3 * b + 1] - ay
  const bz = p[3 * b + 2] - az
  const cx = p[3 * c] - ax
  const cy = p[3 * c + 1] - ay
  const cz = p[3 * c + 2] - az
  const nx = by * cz - bz * cy
  const ny = bz * cx - bx * cz
  const nz = bx * cy - by * cx
  const hd = (p[3 * d] - ax) * nx + (p[3 * d + 1] - ay) * ny + (p[3 * d + 2] - az) * nz
  const he = (p[3 * e] - ax) * nx + (p[3 * e + 1] - ay) * ny + (p[3 * e + 2] - az) * nz
  const hf = (p[3 * f] - ax) * nx + (p[3 * f + 1] - ay) * ny + (p[3 * f + 2] - az) * nz
  if ((hd >= 0 && he >= 0 && hf >= 0) || (hd <= 0 && he <= 0 && hf <= 0)) return -1
  const square = nx * nx + ny * ny + nz * nz
  const length = Math.sqrt(square)
  let deepest = 0
  for (let k = 0; k < 3; k++) {
    const from = k === 0 ? d : k === 1 ? e : f
    const to = k === 0 ? e : k === 1 ? f : d
    const h = k === 0 ? hd : k === 1 ? he : hf
    const g = k === 0 ? he : k === 1 ? hf : hd
    if (h * g >= 0) continue
    const s = h / (h - g)
    const i = 3 * from
    const j = 3 * to
    const x = p[i] + s * (p[j] - p[i]) - ax
    const y = p[i + 1] + s * (p[j + 1] - p[i + 1]) - ay
    const z = p[i + 2] + s * (p[j + 2] - p[i + 2]) - az
    const v = (bx * (y * nz - z * ny) + by * (z * nx - x * nz) + bz * (x * ny - y * nx)) / square
    const w = ((cy * nz - cz * ny) * x + (cz * nx - cx * nz) * y + (cx * ny - cy * nx) * z) / square
    if (v < 0 || w < 0 || v + w > 1) continue
    const nearer = Math.abs(h) < Math.abs(g)
    const height = (nearer ? h : g) / length
    const depth = Math.abs(height)
    if (depth < LEFT || depth > DEEPEST) continue
    const way = (-PUSH * height) / 2 / length
    push(nearer ? from : to, nx, ny, nz, way)
    push(a, nx, ny, nz, -way)
    push(b, nx, ny, nz, -way)
    push(c, nx, ny, nz, -way)
    if (depth > deepest) deepest = depth
  }
  return deepest
}
