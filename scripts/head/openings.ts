/**
 * What lies in the openings of the skin: the front halves of the eyeballs, and covers that close the face between the lids and
 * between the lips, so that the face region is one sheet. Covers are spun between the upper and the lower half of an edge loop
 * and follow it; those of the eyes bulge onto the eyeballs by helper points.
 */
import { EYEBALLS } from './frame.js'
import { PART } from './parts.js'
import type { Source } from './source.js'
import { combine, type FineMesh, type Row, subdivide, topology } from './topology.js'

/** Points of a cover between the lids and between the lips, per column. */
const EYE_ROWS = 4
const LIP_ROWS = 2
/** How far in front of the eyeball its cover lies, metres. */
const GAP = 0.0005
/** Size of the eyeballs over MakeHuman's: they stay behind their covers, also where the lids lie close. */
const SHRINK = 0.94

/** Position of a base vertex. */
export type At = (v: number) => number[]

/** The mesh under construction; see CutHead. */
export interface Draft {
  source: Source
  fine: FineMesh
  rows: Row[]
  triangles: number[][]
  parts: number[]
  region: number[]
  uv: number[][]
  uvTriangles: number[][]
  /** First helper point's column. */
  helpers: number
  eyeHelpers: EyeHelper[]
}

/** Displaces a point of an eye cover. */
export interface EyeHelper {
  side: 'left' | 'right'
  /** The cover's point without the helper, in terms of base vertices. */
  row: Row
  /** Vertices of the lid margins above and below it. */
  lids: [number, number]
}

/** Where a row of the matrix is; helper points count as zero. */
export function place(row: Row, at: At, helpers = Number.POSITIVE_INFINITY): number[] {
  const p = [0, 0, 0]
  for (const [c, w] of row)
    if (c < helpers)
      at(c).forEach((x, k) => {
        p[k] += w * x
      })
  return p
}

/** Centre and radius of an eyeball. */
function eyeball(side: 'left' | 'right', at: At): { centre: number[]; radius: number } {
  const [first, end] = EYEBALLS[side]
  const points = Array.from({ length: end - first }, (_, i) => at(first + i))
  const centre = [0, 1, 2].map((k) => points.reduce((s, p) => s + p[k] / points.length, 0))
  // The coarse eyeball's vertices shrink towards the subdivided surface by about three hundredths.
  const radius = 0.97 * Math.max(...points.map((p) => Math.hypot(...p.map((x, k) => x - centre[k]))))
  return { centre, radius }
}

/** Displacements that put the points of the eye covers just over the eyeballs of the head `at`. */
export function bulges(helpers: EyeHelper[], at: At): number[][] {
  const balls = { left: eyeball('left', at), right: eyeball('right', at) }
  return helpers.map(({ side, row }) => {
    const { centre, radius } = balls[side]
    const p = place(row, at)
    const inside = (radius + GAP) ** 2 - (p[0] - centre[0]) ** 2 - (p[1] - centre[1]) ** 2
    return [0, 0, inside > 0 ? Math.max(0, centre[2] + Math.sqrt(inside) - p[2]) : 0]
  })
}

/** Covers an eye; returns the cover's vertex in front of the eyeball's centre, where the iris looks straight ahead. */
export function coverEye(draft: Draft, ring: number[], side: 'left' | 'right', at: At): number {
  const grid = addSheet(draft, ring, EYE_ROWS, PART.eyeball, at, side)
  const { centre } = eyeball(side, at)
  const off = (v: number): number => {
    const p = place(draft.rows[v], at, draft.helpers)
    return Math.hypot(p[0] - centre[0], p[1] - centre[1])
  }
  const inner = grid.flatMap((column) => column.slice(1, -1))
  return inner.reduce((best, v) => (off(v) < off(best) ? v : best), inner[0])
}

export function coverMouth(draft: Draft, ring: number[], at: At): void {
  addSheet(draft, ring, LIP_ROWS, PART.mouth, at)
}

/** Spans a sheet between the upper and the lower half of a ring; returns its columns, each from top to bottom. */
function addSheet(
  draft: Draft,
  ring: number[],
  between: number,
  part: number,
  at: At,
  eye?: 'left' | 'right',
): number[][] {
  const { fine, rows, parts, uv } = draft
  const uvOfVertex = new Map<number, number>()
  draft.triangles.forEach((t, i) => {
    t.forEach((v, c) => {
      uvOfVertex.set(v, draft.uvTriangles[i][c])
    })
  })
  const fineRing = ring.flatMap((v, i) => [fine.vertex.get(v)!, fine.edge(v, ring[(i + 1) % ring.length])])
  const [upper, lower] = halves(fineRing, (v) => place(rows[v], at))
  const grid = upper.map((u, i) => {
    const l = lower[i]
    if (i === 0 || i === upper.length - 1) return [u]
    const column = [u]
    for (let r = 1; r <= between; r++) {
      const t = r / (between + 1)
      const row = combine([
        [rows[u], 1 - t],
        [rows[l], t],
      ])
      if (eye) {
        const helper = draft.helpers + draft.eyeHelpers.push({ side: eye, row: new Map(row), lids: [u, l] }) - 1
        row.set(helper, 1)
      }
      const [a, b] = [uv[uvOfVertex.get(u)!], uv[uvOfVertex.get(l)!]]
      const v = rows.push(row) - 1
      parts.push(part)
      uvOfVertex.set(v, uv.push([a[0] * (1 - t) + b[0] * t, a[1] * (1 - t) + b[1] * t]) - 1)
      column.push(v)
    }
    return [...column, l]
  })
  for (let i = 0; i + 1 < grid.length; i++) {
    const [a, b] = [grid[i], grid[i + 1]]
    for (let r = 0; r < Math.max(a.length, b.length) - 1; r++) {
      // Columns run down; the next one is to the subject's left, which is the right seen from the front.
      const [a0, a1] = [a[Math.min(r, a.length - 1)], a[Math.min(r + 1, a.length - 1)]]
      const [b0, b1] = [b[Math.min(r, b.length - 1)], b[Math.min(r + 1, b.length - 1)]]
      for (const t of [
        [a0, a1, b0],
        [b0, a1, b1],
      ])
        if (new Set(t).size === 3) {
          draft.triangles.push(t)
          draft.uvTriangles.push(t.map((v) => uvOfVertex.get(v)!))
          draft.region.push(1)
        }
    }
  }
  return grid
}

/** A closed ring split at its left and right ends into an upper and a lower run of equal length, ends included. */
export function halves(ring: number[], at: At): [number[], number[]] {
  const xs = ring.map((v) => at(v)[0])
  const right = xs.indexOf(Math.min(...xs))
  const turned = [...ring.slice(right), ...ring.slice(0, right)]
  const middle = turned.length / 2
  const one = turned.slice(0, middle + 1)
  const other = [turned[0], ...turned.slice(middle).reverse()]
  const height = (list: number[]): number => list.reduce((s, v) => s + at(v)[1] / list.length, 0)
  return height(one) > height(other) ? [one, other] : [other, one]
}

/** Adds the eyeballs' front halves, one Catmull-Clark step finer than the base mesh; returns their range of UVs. */
export function addEyeballs(draft: Draft, at: At): [number, number] {
  const { source, rows, triangles, parts, region, uv, uvTriangles } = draft
  const first = uv.length
  for (const side of ['left', 'right'] as const) {
    const faces = source.faces.filter((f) => f.group === `helper-${side[0]}-eye`)
    const mesh = topology(faces.map((f) => f.v))
    const { centre } = eyeball(side, at)
    const isFront = (f: number): boolean => mesh.quads[f].every((v) => at(v)[2] > centre[2] - 0.004)
    const front = new Set(faces.map((_, f) => f).filter(isFront))
    const fine = subdivide(mesh, front, front)
    const offset = rows.length
    const uvOffset = uv.length
    const [start, end] = EYEBALLS[side]
    const middle: Row = new Map(Array.from({ length: end - start }, (_, i) => [start + i, 1 / (end - start)]))
    for (const row of fine.rows) {
      rows.push(
        combine([
          [row, SHRINK],
          [middle, 1 - SHRINK],
        ]),
      )
      parts.push(PART.eyeball)
      const d = place(row, at).map((x, k) => x - centre[k])
      const angle = Math.acos(Math.max(-1, Math.min(1, d[2] / Math.hypot(...d))))
      const r = angle / 2.2 / (Math.hypot(d[0], d[1]) || 1)
      uv.push([(side === 'left' ? 2 : 0) + r * d[0], r * d[1]])
    }
    for (const t of fine.triangles) {
      triangles.push(t.map((v) => v + offset))
      uvTriangles.push(t.map((v) => v + uvOffset))
      region.push(0)
    }
  }
  return [first, uv.length]
}
