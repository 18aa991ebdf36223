/** The tongue and the mouth's lining: MakeHuman's surfaces, which follow skull and jaw. */
import { smoothstep } from '../../../src/engine/geometry/smoothstep.js'
import { type CutHead, interpolatedUv } from '../cut.js'
import type { Source } from '../source.js'
import { combine, type FineMesh, facesInside, type Row, subdivide, topology } from '../topology.js'
import { frameRow, skullShift } from './frames.js'
import { CELLS, inCell, spread } from './layout.js'

/** Under the lips' contact on the midline, inside. */
const LIPS_INSIDE = 540
/** Rings of the lining behind the lips' contact that move as MakeHuman's do, and where its inner cheeks begin, metres. */
const LIP_RINGS = 3
const CHEEK = { x: 0.018, z: 0.045 }
/** How much closer to the teeth than MakeHuman's the inner cheeks lie, metres: those come out through the skin of an open mouth. */
const CHEEK_IN = 0.006
/** Rings that are subdivided as finely as the skin. */
const FINE_RINGS = 3

export interface Piece {
  fine: FineMesh
  rows: Row[]
  uv: number[][]
  uvTriangles: number[][]
}

/** Where the tongue's root ends, metres; behind it, it does not come out. */
const ROOT = 0.04
/** Course (y, z) of the tongue's middle when it is out, from the root to the tip, the jaw being shut: between the teeth, over the lip. */
const OUT: readonly (readonly [share: number, y: number, z: number])[] = [
  [0, -0.068, 0.04],
  [0.35, -0.0672, 0.072],
  [0.6, -0.0655, 0.099],
  [0.8, -0.0685, 0.116],
  [1, -0.08, 0.13],
]

/** MakeHuman's tongue, made to fit between the teeth; its root stays, its tip goes with the jaw. `out`: how its vertices move out. */
export function buildTongue(source: Source, mean: (v: number) => number[]): Piece & { out: number[][] } {
  const faces = source.faces.filter((f) => f.group === 'helper-tongue')
  const mesh = topology(faces.map((f) => f.v))
  const all = new Set(faces.keys())
  const fine = subdivide(mesh, all, all)
  const points = fine.rows.map((row) => {
    const [x, y, z] = placeOf(row, mean)
    const narrow = 0.86 - 0.06 * smoothstep(0.05, 0.08, z)
    const lower = 0.002 + 0.006 * smoothstep(0.03, 0.06, z) * smoothstep(-0.076, -0.066, y)
    const groove = 0.0012 * Math.exp(-((x / 0.0025) ** 2)) * smoothstep(-0.074, -0.068, y)
    return [narrow * x, y - lower - groove, 0.025 + 0.93 * (z - 0.025)]
  })
  const rows = points.map((p) => frameRow(p, smoothstep(0.03, 0.065, p[2])))
  const { uv, uvTriangles } = interpolatedUv(
    source,
    faces.map((f) => f.uv),
    fine,
  )
  return { fine, rows, uv: inCell(spread(uv), CELLS.tongue), uvTriangles, out: tongueOut(points) }
}

/** Displacements that lay the tongue along OUT. */
function tongueOut(points: readonly number[][]): number[][] {
  const tip = Math.max(...points.map(([, , z]) => z))
  /** Height of the tongue's middle at rest. */
  const middle = (z: number): number => {
    const weights = points.map((p) => Math.exp(-(((p[2] - z) / 0.004) ** 2)))
    return points.reduce((sum, p, i) => sum + weights[i] * p[1], 0) / weights.reduce((a, b) => a + b, 0)
  }
  return points.map(([x, y, z]) => {
    const share = (z - ROOT) / (tip - ROOT)
    if (share <= 0) return [0, 0, 0]
    const [here, ahead] = [share, share + 0.01].map(outAt)
    const [dy, dz] = [ahead[0] - here[0], ahead[1] - here[1]]
    const length = Math.hypot(dy, dz)
    const over = 0.85 * (y - middle(z))
    // The root passes into what stays.
    const moved = smoothstep(0, 0.3, share)
    return [-0.12 * share * x, here[0] + (over * dz) / length - y, here[1] - (over * dy) / length - z].map(
      (d) => moved * d,
    )
  })
}

/** The course OUT at a share of the way, as a smooth curve; straight on beyond the tip. */
function outAt(share: number): [y: number, z: number] {
  let i = 0
  while (i + 2 < OUT.length && OUT[i + 1][0] < share) i++
  const at = (n: number): (typeof OUT)[number] => OUT[Math.max(0, Math.min(OUT.length - 1, n))]
  const [before, from, to, after] = [at(i - 1), at(i), at(i + 1), at(i + 2)]
  const span = to[0] - from[0]
  const t = (share - from[0]) / span
  const value = (k: 1 | 2): number => {
    const leave = (span * (to[k] - before[k])) / (to[0] - before[0])
    const arrive = (span * (after[k] - from[k])) / (after[0] - from[0])
    if (t > 1) return to[k] + arrive * (t - 1)
    const [a, b] = [t * t * (3 - 2 * t), t * (1 - t)]
    return from[k] + a * (to[k] - from[k]) + b * ((1 - t) * leave - t * arrive)
  }
  return [value(1), value(2)]
}

/** Base vertices that the lining is made of: its own and those of the skin next to it, which its rim is smoothed with. */
export function liningVertices(cut: CutHead): Set<number> {
  const { mesh } = cut
  const own = new Set([...liningFaces(cut)].flatMap((f) => mesh.quads[f]))
  return new Set([...own].flatMap((v) => mesh.facesOfVertex.get(v)!).flatMap((f) => mesh.quads[f]))
}

const liningFaces = (cut: CutHead): Set<number> => facesInside(cut.mesh, cut.rings.mouth[0], LIPS_INSIDE)

/** The skin within the lips' contact. */
export function buildLining(source: Source, cut: CutHead, mean: (v: number) => number[]): Piece {
  const faces = source.faces.filter((f) => f.group === 'body')
  const inside = liningFaces(cut)
  const ringOf = ringNumbers(cut, inside)
  const near = new Set([...inside].filter((f) => cut.mesh.quads[f].some((v) => ringOf.get(v)! < FINE_RINGS)))
  const fine = subdivide(cut.mesh, inside, near)
  const follow = (v: number): Row => {
    const p = mean(v)
    const ring = ringOf.get(v) ?? 0
    if (ring <= LIP_RINGS || (Math.abs(p[0]) > CHEEK.x && p[2] > CHEEK.z)) {
      const inwards = CHEEK_IN * smoothstep(1, 3, ring) * smoothstep(0.012, 0.028, Math.abs(p[0]))
      return combine([
        [new Map([[v, 1]]), 1],
        [skullShift([-Math.sign(p[0]) * inwards, 0, 0]), 1],
      ])
    }
    // From the palate to the floor; the throat stays.
    return frameRow(p, smoothstep(-0.058, -0.08, p[1]) * smoothstep(0.02, 0.06, p[2]))
  }
  const rows = fine.rows.map((row) => combine([...row].map(([v, w]): [Row, number] => [follow(v), w])))
  const { uv, uvTriangles } = interpolatedUv(
    source,
    faces.map((f) => f.uv),
    fine,
  )
  return { fine, rows, uv: inCell(spread(uv), CELLS.lining), uvTriangles }
}

/** How many edges each vertex of the lining lies behind the lips' contact. */
function ringNumbers(cut: CutHead, inside: Set<number>): Map<number, number> {
  const members = new Set([...inside].flatMap((f) => cut.mesh.quads[f]))
  const found = new Map(cut.rings.mouth[0].map((v) => [v, 0]))
  let front = cut.rings.mouth[0]
  for (let ring = 1; front.length > 0; ring++) {
    const next = new Set(front.flatMap((v) => [...cut.mesh.neighbours.get(v)!]))
    front = [...next].filter((v) => members.has(v) && !found.has(v))
    for (const v of front) found.set(v, ring)
  }
  return found
}

function placeOf(row: Row, at: (v: number) => number[]): number[] {
  const p = [0, 0, 0]
  for (const [c, w] of row)
    at(c).forEach((x, k) => {
      p[k] += w * x
    })
  return p
}
