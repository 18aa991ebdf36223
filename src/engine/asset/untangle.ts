/** Skin that has passed through itself is brought apart again: linear expressions know nothing of what lies in their way. */

import { gather } from '../geometry/mesh.js'

/** Depths up to this are left, and beyond the second they are no crossing of neighbours but something else, metres. */
const LEFT = 0.00008
const DEEPEST = 0.003
const ROUNDS = 20
/** Poses of a part are the same where no coordinate differs by more, metres. */
const SAME = 2e-5
/** Share of the depth that both sides together go back in a round. */
const PUSH = 1

/** Untangles one part of a mesh, in any pose. */
export class Untangler {
  /** [n] vertices of the part, each once. */
  private readonly vertices: Uint32Array
  /** [edges, 2] of the part, each once. */
  private readonly edges: Uint32Array
  private readonly cells = new Cells()
  /** What was untangled last, and how it moved: most poses leave most parts as they are. */
  private last: { before: Float32Array; moved: Float32Array } | undefined

  /** @param triangles [n, 3] of the part */
  constructor(private readonly triangles: Uint32Array) {
    this.vertices = Uint32Array.from(new Set(triangles))
    const seen = new Set<number>()
    const edges: number[] = []
    for (let c = 0; c < triangles.length; c++) {
      const [a, b] = [triangles[c], triangles[c % 3 === 2 ? c - 2 : c + 1]]
      const key = Math.min(a, b) * 2 ** 26 + Math.max(a, b)
      if (!seen.has(key)) edges.push(a, b)
      seen.add(key)
    }
    this.edges = Uint32Array.from(edges)
  }

  /** Moves what has passed through, in place. @param positions [vertices, 3] metres */
  untangle(positions: Float32Array): void {
    const before = gather(positions, this.vertices, 3)
    if (!this.last?.before.every((x, i) => Math.abs(x - before[i]) < SAME)) {
      let best = before
      let least = Number.POSITIVE_INFINITY
      for (let round = 0; round < ROUNDS && least > 0; round++) {
        const { pushes, deepest } = this.pushes(positions)
        // what is pushed may run into something else: the best state counts
        if (deepest < least) [best, least] = [gather(positions, this.vertices, 3), deepest]
        for (const [v, [x, y, z, n]] of pushes) {
          positions[3 * v] += x / n
          positions[3 * v + 1] += y / n
          positions[3 * v + 2] += z / n
        }
      }
      this.last = { before, moved: best.map((x, i) => x - before[i]) }
      this.vertices.forEach((v, i) => {
        positions.set(before.subarray(3 * i, 3 * i + 3), 3 * v)
      })
    }
    const { moved } = this.last!
    this.vertices.forEach((v, i) => {
      for (let k = 0; k < 3; k++) positions[3 * v + k] += moved[3 * i + k]
    })
  }

  /** Sum of the ways back of each vertex, and their number; and how deep anything is. */
  private pushes(p: Float32Array): {
    pushes: Map<number, [x: number, y: number, z: number, n: number]>
    deepest: number
  } {
    const { triangles, edges, cells } = this
    cells.fill(p, triangles)
    const pushes = new Map<number, [number, number, number, number]>()
    let deepest = 0
    const push = (v: number, nx: number, ny: number, nz: number, by: number): void => {
      const sum = pushes.get(v) ?? [0, 0, 0, 0]
      sum[0] += by * nx
      sum[1] += by * ny
      sum[2] += by * nz
      sum[3]++
      pushes.set(v, sum)
    }
    for (let e = 0; e < edges.length; e += 2)
      cells.visit(p, edges[e], edges[e + 1], (t) => {
        deepest = Math.max(deepest, this.pierced(p, edges[e], edges[e + 1], 3 * t, push))
      })
    return { pushes, deepest }
  }

  /** Pushes the nearer end of an edge back through the triangle at corner `t` that it passes through, and the triangle the other way: how deep it is. */
  private pierced(
    p: Float32Array,
    from: number,
    to: number,
    t: number,
    push: (v: number, nx: number, ny: number, nz: number, by: number) => void,
  ): number {
    const [a, b, c] = [this.triangles[t], this.triangles[t + 1], this.triangles[t + 2]]
    if (a === from || b === from || c === from || a === to || b === to || c === to) return 0
    const [ax, ay, az] = [p[3 * a], p[3 * a + 1], p[3 * a + 2]]
    const [bx, by, bz] = [p[3 * b] - ax, p[3 * b + 1] - ay, p[3 * b + 2] - az]
    const [cx, cy, cz] = [p[3 * c] - ax, p[3 * c + 1] - ay, p[3 * c + 2] - az]
    const [nx, ny, nz] = [by * cz - bz * cy, bz * cx - bx * cz, bx * cy - by * cx]
    const square = nx * nx + ny * ny + nz * nz
    if (square === 0) return 0
    const [ux, uy, uz] = [p[3 * from] - ax, p[3 * from + 1] - ay, p[3 * from + 2] - az]
    const [vx, vy, vz] = [p[3 * to] - ax, p[3 * to + 1] - ay, p[3 * to + 2] - az]
    const d = ux * nx + uy * ny + uz * nz
    const e = vx * nx + vy * ny + vz * nz
    if (d * e >= 0) return 0
    const s = d / (d - e)
    const [x, y, z] = [ux + s * (vx - ux), uy + s * (vy - uy), uz + s * (vz - uz)]
    const v = (bx * (y * nz - z * ny) + by * (z * nx - x * nz) + bz * (x * ny - y * nx)) / square
    const w = ((cy * nz - cz * ny) * x + (cz * nx - cx * nz) * y + (cx * ny - cy * nx) * z) / square
    if (v < 0 || w < 0 || v + w > 1) return 0
    const length = Math.sqrt(square)
    const nearer = Math.abs(d) < Math.abs(e)
    const height = (nearer ? d : e) / length
    const depth = Math.abs(height)
    if (depth < LEFT || depth > DEEPEST) return 0
    const way = (-PUSH * height) / 2 / length
    push(nearer ? from : to, nx, ny, nz, way)
    for (const corner of [a, b, c]) push(corner, nx, ny, nz, -way)
    return depth
  }
}

/** Side of the cells that triangles are looked up in, metres, and size of the table of cells. */
const CELL = 0.0012
const BITS = 13

/** Triangles by the cells of space that they reach into. */
class Cells {
  private readonly heads = new Int32Array(1 << BITS)
  /** Entries of the cells' lists: triangle and next entry. */
  private entries = new Int32Array(0)
  private boxes = new Float32Array(0)

  fill(p: Float32Array, triangles: Uint32Array): void {
    if (this.boxes.length !== 2 * triangles.length) {
      this.boxes = new Float32Array(2 * triangles.length)
      this.entries = new Int32Array(8 * triangles.length)
    }
    const { heads, boxes } = this
    heads.fill(-1)
    let next = 0
    for (let t = 0; t < triangles.length / 3; t++) {
      const [a, b, c] = [3 * triangles[3 * t], 3 * triangles[3 * t + 1], 3 * triangles[3 * t + 2]]
      const box = 6 * t
      for (let k = 0; k < 3; k++) {
        boxes[box + k] = Math.min(p[a + k], p[b + k], p[c + k])
        boxes[box + 3 + k] = Math.max(p[a + k], p[b + k], p[c + k])
      }
      for (let x = cell(boxes[box]); x <= cell(boxes[box + 3]); x++)
        for (let y = cell(boxes[box + 1]); y <= cell(boxes[box + 4]); y++)
          for (let z = cell(boxes[box + 2]); z <= cell(boxes[box + 5]); z++) {
            if (next + 2 > this.entries.length)
              this.entries = Int32Array.from({ length: 2 * next }, (_, i) => this.entries[i] ?? 0)
            const at = slot(x, y, z)
            this.entries[next] = t
            this.entries[next + 1] = heads[at]
            heads[at] = next
            next += 2
          }
    }
  }

  /** Triangles whose boxes meet that of an edge; one may come several times. */
  visit(p: Float32Array, from: number, to: number, found: (t: number) => void): void {
    const { heads, boxes, entries } = this
    const [u, v] = [3 * from, 3 * to]
    const [lowX, highX] = p[u] < p[v] ? [p[u], p[v]] : [p[v], p[u]]
    const [lowY, highY] = p[u + 1] < p[v + 1] ? [p[u + 1], p[v + 1]] : [p[v + 1], p[u + 1]]
    const [lowZ, highZ] = p[u + 2] < p[v + 2] ? [p[u + 2], p[v + 2]] : [p[v + 2], p[u + 2]]
    for (let x = cell(lowX); x <= cell(highX); x++)
      for (let y = cell(lowY); y <= cell(highY); y++)
        for (let z = cell(lowZ); z <= cell(highZ); z++)
          for (let i = heads[slot(x, y, z)]; i >= 0; i = entries[i + 1]) {
            const box = 6 * entries[i]
            if (boxes[box] > highX || boxes[box + 3] < lowX || boxes[box + 1] > highY || boxes[box + 4] < lowY) continue
            if (boxes[box + 2] > highZ || boxes[box + 5] < lowZ) continue
            found(entries[i])
          }
  }
}

const cell = (x: number): number => Math.floor(x / CELL)
const slot = (x: number, y: number, z: number): number =>
  ((Math.imul(x, 73856093) ^ Math.imul(y, 19349663) ^ Math.imul(z, 83492791)) >>> 0) & ((1 << BITS) - 1)
