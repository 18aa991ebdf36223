/** Skin that has passed through itself is brought apart again: linear expressions know nothing of what lies in their way. */

import { gather } from '../geometry/mesh.js'

/** Depths up to this are left, and beyond the second they are no crossing of neighbours but something else, metres. */
const LEFT = 0.00008
const DEEPEST = 0.003
const ROUNDS = 12
/** Poses of a part are the same where no coordinate differs by more, metres. */
const SAME = 1e-4
/** Share of the depth that both sides together go back in a round. */
const PUSH = 1

/** Around what is pushed, everything within this distance is looked at again, metres. */
const REACH = 0.002

/** Some triangles [n, 3] and their edges [n, 2], each once. */
interface Part {
  triangles: Uint32Array
  edges: Uint32Array
}

/** Untangles one part of a mesh, in any pose. */
export class Untangler {
  /** [n] vertices of the part, each once. */
  private readonly vertices: Uint32Array
  private readonly whole: Part
  private readonly cells = new Cells()
  /** What was untangled last, and how it moved: most poses leave most parts as they are. */
  private last: { before: Float32Array; moved: Float32Array } | undefined

  /** @param triangles [n, 3] of the part */
  constructor(triangles: Uint32Array) {
    this.vertices = Uint32Array.from(new Set(triangles))
    const seen = new Set<number>()
    const edges: number[] = []
    for (let c = 0; c < triangles.length; c++) {
      const [a, b] = [triangles[c], triangles[c % 3 === 2 ? c - 2 : c + 1]]
      const key = Math.min(a, b) * 2 ** 26 + Math.max(a, b)
      if (!seen.has(key)) edges.push(a, b)
      seen.add(key)
    }
    this.whole = { triangles, edges: Uint32Array.from(edges) }
  }

  /** Moves what has passed through, in place. @param positions [vertices, 3] metres */
  untangle(positions: Float32Array): void {
    const before = gather(positions, this.vertices, 3)
    if (!this.last?.before.every((x, i) => Math.abs(x - before[i]) < SAME)) {
      let best = before
      let least = Number.POSITIVE_INFINITY
      let part: Part = this.whole
      for (let round = 0; round < ROUNDS && least > 0; round++) {
        const { pushes, deepest } = pushesOf(positions, part, this.cells)
        if (round === 0 && deepest > 0) part = this.near(positions, [...pushes.keys()])
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

  /** What lies so near to some vertices that their being pushed matters to it. */
  private near(p: Float32Array, vertices: readonly number[]): Part {
    const marked = new Set<number>()
    for (const v of this.vertices)
      for (const w of vertices) {
        const [x, y, z] = [p[3 * v] - p[3 * w], p[3 * v + 1] - p[3 * w + 1], p[3 * v + 2] - p[3 * w + 2]]
        if (x * x + y * y + z * z > REACH ** 2) continue
        marked.add(v)
        break
      }
    const { triangles, edges } = this.whole
    const touched = (list: Uint32Array, corners: number): Uint32Array =>
      list.filter((_, c) => {
        const from = c - (c % corners)
        for (let k = from; k < from + corners; k++) if (marked.has(list[k])) return true
        return false
      })
    return { triangles: touched(triangles, 3), edges: touched(edges, 2) }
  }
}

/** Sum of the ways back of each vertex, and their number; and how deep anything is. */
function pushesOf(
  p: Float32Array,
  { triangles, edges }: Part,
  cells: Cells,
): {
  pushes: Map<number, [x: number, y: number, z: number, n: number]>
  deepest: number
} {
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
      deepest = Math.max(deepest, pierced(p, edges[e], edges[e + 1], triangles.subarray(3 * t, 3 * t + 3), push))
    })
  return { pushes, deepest }
}

/** Pushes the nearer end of an edge back through the triangle that it passes through, and the triangle the other way: how deep it is. */
function pierced(
  p: Float32Array,
  from: number,
  to: number,
  [a, b, c]: Uint32Array,
  push: (v: number, nx: number, ny: number, nz: number, by: number) => void,
): number {
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

/** Side of the cells that triangles are looked up in, metres, and size of the table of cells. */
const CELL = 0.001
const BITS = 15

/** Cosine of how far triangles of a cell lean from each other before they can pass through each other. */
const LEAN = 0

/** Triangles by the cells of space that they reach into. */
class Cells {
  private readonly heads = new Int32Array(1 << BITS)
  /** Entries of the cells' lists: triangle and next entry. */
  private entries = new Int32Array(0)
  private boxes = new Float32Array(0)
  /** Direction of the first triangle of each cell, and whether others lean away from it: only there can anything be passed through. */
  private readonly directions = new Float32Array(3 << BITS)
  private readonly mixed = new Uint8Array(1 << BITS)

  fill(p: Float32Array, triangles: Uint32Array): void {
    if (this.boxes.length < 2 * triangles.length) {
      this.boxes = new Float32Array(2 * triangles.length)
      this.entries = new Int32Array(8 * triangles.length)
    }
    const { heads, boxes, directions, mixed } = this
    heads.fill(-1)
    mixed.fill(0)
    const normal = new Float32Array(3)
    let next = 0
    for (let t = 0; t < triangles.length / 3; t++) {
      const [a, b, c] = [3 * triangles[3 * t], 3 * triangles[3 * t + 1], 3 * triangles[3 * t + 2]]
      const box = 6 * t
      direction(p, a, b, c, normal)
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
            if (heads[at] < 0) directions.set(normal, 3 * at)
            else if (!mixed[at]) {
              const d = 3 * at
              const cos = directions[d] * normal[0] + directions[d + 1] * normal[1] + directions[d + 2] * normal[2]
              if (cos < LEAN) mixed[at] = 1
            }
            this.entries[next] = t
            this.entries[next + 1] = heads[at]
            heads[at] = next
            next += 2
          }
    }
  }

  /** Triangles whose boxes meet that of an edge; one may come several times. */
  visit(p: Float32Array, from: number, to: number, found: (t: number) => void): void {
    const { heads, boxes, entries, mixed } = this
    const [u, v] = [3 * from, 3 * to]
    const [lowX, highX] = p[u] < p[v] ? [p[u], p[v]] : [p[v], p[u]]
    const [lowY, highY] = p[u + 1] < p[v + 1] ? [p[u + 1], p[v + 1]] : [p[v + 1], p[u + 1]]
    const [lowZ, highZ] = p[u + 2] < p[v + 2] ? [p[u + 2], p[v + 2]] : [p[v + 2], p[u + 2]]
    for (let x = cell(lowX); x <= cell(highX); x++)
      for (let y = cell(lowY); y <= cell(highY); y++)
        for (let z = cell(lowZ); z <= cell(highZ); z++) {
          const at = slot(x, y, z)
          if (!mixed[at]) continue
          for (let i = heads[at]; i >= 0; i = entries[i + 1]) {
            const box = 6 * entries[i]
            if (boxes[box] > highX || boxes[box + 3] < lowX || boxes[box + 1] > highY || boxes[box + 4] < lowY) continue
            if (boxes[box + 2] > highZ || boxes[box + 5] < lowZ) continue
            found(entries[i])
          }
        }
  }
}

/** Unit normal of the triangle at rows a, b, c. */
function direction(p: Float32Array, a: number, b: number, c: number, out: Float32Array): void {
  const [ux, uy, uz] = [p[b] - p[a], p[b + 1] - p[a + 1], p[b + 2] - p[a + 2]]
  const [vx, vy, vz] = [p[c] - p[a], p[c + 1] - p[a + 1], p[c + 2] - p[a + 2]]
  const [x, y, z] = [uy * vz - uz * vy, uz * vx - ux * vz, ux * vy - uy * vx]
  const length = Math.sqrt(x * x + y * y + z * z) || 1
  out[0] = x / length
  out[1] = y / length
  out[2] = z / length
}

const cell = (x: number): number => Math.floor(x / CELL)
const slot = (x: number, y: number, z: number): number =>
  ((Math.imul(x, 73856093) ^ Math.imul(y, 19349663) ^ Math.imul(z, 83492791)) >>> 0) & ((1 << BITS) - 1)
