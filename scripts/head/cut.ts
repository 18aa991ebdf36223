/**
 * Cuts the head out of MakeHuman's body and lays the fine mesh over it: the outer skin down to the neck, open along the inner
 * lid margins and along the line where the lips touch, the openings closed by covers; the front halves of the eyeballs behind
 * them. Everything is linear in the base vertices and a few helper points.
 */
import { mirrorMap } from './frame.js'
import { type At, addEyeballs, coverEye, coverMouth, type Draft, type EyeHelper } from './openings.js'
import { PART } from './parts.js'
import type { Source } from './source.js'
import {
  edgeLoop,
  type FineMesh,
  facesInside,
  nextRing,
  type Row,
  subdivide,
  type Topology,
  topology,
} from './topology.js'

/** Vertices of the base mesh that name its feature loops: under the lips' contact on the midline; on the left lower lid. */
const LIPS = { contact: 523, inside: 540, outside: 493 }
const LEFT_LID = { margin: 7761, inside: 7787, outside: 13370 }
/** Lowest point of the neck that is kept, metres. */
const NECK = -0.135
/** Closed loops of base vertices: ring 0 is the cut, then outwards. */
export interface FeatureRings {
  mouth: number[][]
  leftEye: number[][]
  rightEye: number[][]
}

export interface CutHead {
  mesh: Topology
  fine: FineMesh
  mirror: Int32Array
  rings: FeatureRings
  /** [vertices] in terms of base vertices and, from `helpers` on, of helper points. */
  rows: Row[]
  /** First helper point's column. */
  helpers: number
  /** One for each point of the eye covers: displaces it outwards, onto the eyeball. */
  eyeHelpers: EyeHelper[]
  triangles: number[][]
  /** Per triangle the numbers of three texture coordinates. */
  uvTriangles: number[][]
  /** MakeHuman's for the skin and the covers (v upwards); see `eyeUv`. */
  uv: number[][]
  /** Range of the eyeballs' texture coordinates: azimuthal maps in a disc of radius 1, about (0, 0) right and (2, 0) left. */
  eyeUv: [number, number]
  /** 1 in the face region. */
  region: Uint8Array
  parts: Uint8Array
  /** Vertices of the iris centres on the eye covers. */
  irises: { left: number; right: number }
}

/** @param head the average adult in the head frame, in MakeHuman's own size (0.1 m to the decimetre) */
export function cutHead(source: Source, head: Float64Array): CutHead {
  const body = source.faces.filter((f) => f.group === 'body')
  const mesh = topology(body.map((f) => f.v))
  const mirror = mirrorMap(source.positions)
  const at = (v: number): number[] => [head[3 * v], head[3 * v + 1], head[3 * v + 2]]
  const rings = featureRings(mesh, mirror, at)
  const dropped = new Set([
    ...facesInside(mesh, rings.mouth[0], LIPS.inside),
    ...facesInside(mesh, rings.leftEye[0], LEFT_LID.inside),
    ...facesInside(mesh, rings.rightEye[0], mirror[LEFT_LID.inside]),
  ])
  const ear = earVertices(source)
  const keep = new Set<number>()
  mesh.quads.forEach((quad, f) => {
    if (!dropped.has(f) && quad.every((v) => at(v)[1] > NECK)) keep.add(f)
  })
  const inFace = faceQuads(mesh, keep, at, ear)
  const split = grow(mesh, inFace, keep, 1)
  const fine = subdivide(mesh, keep, split)

  const rows = fine.rows.slice()
  const triangles = fine.triangles.map((t) => t.slice())
  const { uv, uvTriangles } = interpolatedUv(
    source,
    body.map((f) => f.uv),
    fine,
  )
  const region: number[] = fine.faceOfTriangle.map((f) => (inFace.has(f) ? 1 : 0))
  const position = (row: Row): number[] => {
    const p = [0, 0, 0]
    for (const [c, w] of row) for (let k = 0; k < 3; k++) p[k] += w * (c < head.length / 3 ? head[3 * c + k] : 0)
    return p
  }
  const partOf = rows.map((row) => skinPart(position(row), strongest(row, ear)))
  fine.triangles.forEach((t, i) => {
    if (region[i]) for (const v of t) partOf[v] = PART.skin
  })

  const draft: Draft = {
    source,
    fine,
    rows,
    triangles,
    parts: partOf,
    region,
    uv,
    uvTriangles,
    helpers: head.length / 3,
    eyeHelpers: [],
  }
  const eyeUv = addEyeballs(draft, at)
  const irises = {
    left: coverEye(draft, rings.leftEye[0], 'left', at),
    right: coverEye(draft, rings.rightEye[0], 'right', at),
  }
  coverMouth(draft, rings.mouth[0], at)
  return {
    mesh,
    fine,
    mirror,
    rings,
    rows,
    helpers: draft.helpers,
    eyeHelpers: draft.eyeHelpers,
    triangles,
    uvTriangles,
    uv,
    eyeUv,
    region: Uint8Array.from(region),
    parts: Uint8Array.from(partOf),
    irises,
  }
}

function featureRings(mesh: Topology, mirror: Int32Array, at: At): FeatureRings {
  const loopAt = (v: number): number[] => {
    // Of the two loops that cross at v take the one that leaves it sideways: lids and lips run left to right there.
    const along = (w: number): number => {
      const d = at(w).map((x, k) => x - at(v)[k])
      return Math.abs(d[0]) / Math.hypot(...d)
    }
    const next = [...mesh.neighbours.get(v)!].sort((a, b) => along(b) - along(a))[0]
    return edgeLoop(mesh, v, next)
  }
  const outwards = (ring: number[], outside: number, count: number): number[][] => {
    const rings = [ring]
    let [inner, toward] = [ring, outside]
    for (let i = 0; i < count; i++) {
      const outer = nextRing(mesh, inner, toward)
      rings.push(outer)
      const n = outer.indexOf(toward)
      const beyond = [...mesh.neighbours.get(toward)!].find((w) => w !== inner[n] && !outer.includes(w))
      if (beyond === undefined) break
      inner = outer
      toward = beyond
    }
    return rings
  }
  const left = outwards(loopAt(LEFT_LID.margin), LEFT_LID.outside, 8)
  return {
    mouth: outwards(loopAt(LIPS.contact), LIPS.outside, 8),
    leftEye: left,
    rightEye: left.map((ring) => ring.map((v) => mirror[v])),
  }
}

/** How much each base vertex belongs to an ear, 0..1: what the ear size targets move. */
function earVertices(source: Source): Float64Array {
  const out = new Float64Array(source.positions.length / 3)
  for (const side of ['l', 'r']) {
    const field = source.target(`ears/${side}-ear-wing-out`)
    const length = (v: number): number => Math.hypot(field[3 * v], field[3 * v + 1], field[3 * v + 2])
    let most = 0
    for (let v = 0; v < out.length; v++) most = Math.max(most, length(v))
    for (let v = 0; v < out.length; v++) out[v] = Math.max(out[v], length(v) / most)
  }
  return out
}

const strongest = (row: Row, field: Float64Array): number => {
  let sum = 0
  for (const [c, w] of row) sum += w * (field[c] ?? 0)
  return sum
}

function skinPart([, y, z]: number[], ear: number): number {
  if (ear > 0.12) return PART.ear
  if (y < -0.055 - 0.62 * Math.max(0, z) || (z < 0 && y < -0.055)) return PART.neck
  return y > 0.075 || z < 0.005 ? PART.scalp : PART.skin
}

/** The face: forehead to chin, cheek to cheek, as quads of the base mesh. */
function faceQuads(mesh: Topology, keep: Set<number>, at: At, ear: Float64Array): Set<number> {
  const out = new Set<number>()
  let chin = 0
  for (const f of keep)
    for (const [x, y, z] of mesh.quads[f].map(at)) if (Math.abs(x) < 0.004 && z > 0.075 && y < chin) chin = y
  for (const f of keep) {
    const quad = mesh.quads[f]
    const [x, y, z] = [0, 1, 2].map((k) => quad.reduce((s, v) => s + at(v)[k] / 4, 0))
    const [p, q, r, s] = quad.map(at)
    const [u, w] = [r.map((c, k) => c - p[k]), s.map((c, k) => c - q[k])]
    const normal = [u[1] * w[2] - u[2] * w[1], u[2] * w[0] - u[0] * w[2], u[0] * w[1] - u[1] * w[0]]
    const down = -normal[1] / Math.hypot(...normal)
    // In front of the ears; below the mouth the bound leans forward with the jaw.
    const back = 0.018 + Math.max(0, -0.045 - y) * 0.7
    // The lower end is the edge of the jaw, lowest at the chin and rising to the ears.
    const throat = y < chin + 0.002 + 11 * x * x || (y < -0.07 && down > 0.8)
    if (z > back && y < 0.068 - 3 * x * x && !throat && !quad.some((v) => ear[v] > 0.1)) out.add(f)
  }
  return largest(mesh, smooth(mesh, out, keep))
}

/** Removes tabs and fills notches of the border. */
function smooth(mesh: Topology, faces: Set<number>, keep: Set<number>): Set<number> {
  let now = faces
  for (let pass = 0; pass < 6; pass++) {
    const next = new Set<number>()
    for (const f of keep) {
      const around = edgeNeighbours(mesh, f)
      const inside = around.filter((g) => now.has(g)).length
      if (now.has(f) ? inside >= 2 : inside >= 3) next.add(f)
    }
    now = next
  }
  return now
}

function largest(mesh: Topology, faces: Set<number>): Set<number> {
  let best = new Set<number>()
  const left = new Set(faces)
  for (const start of faces) {
    if (!left.has(start)) continue
    const piece = new Set([start])
    const stack = [start]
    left.delete(start)
    while (stack.length > 0)
      for (const g of edgeNeighbours(mesh, stack.pop()!))
        if (left.has(g)) {
          left.delete(g)
          piece.add(g)
          stack.push(g)
        }
    if (piece.size > best.size) best = piece
  }
  return best
}

function grow(mesh: Topology, faces: Set<number>, keep: Set<number>, rings: number): Set<number> {
  const out = new Set(faces)
  for (let i = 0; i < rings; i++)
    for (const f of [...out])
      for (const v of mesh.quads[f]) for (const g of mesh.facesOfVertex.get(v)!) if (keep.has(g)) out.add(g)
  return out
}

function edgeNeighbours(mesh: Topology, f: number): number[] {
  const quad = mesh.quads[f]
  return quad.flatMap((a, j) => {
    const b = quad[(j + 1) % 4]
    return mesh.facesOfEdge.get(a < b ? a * 65536 + b : b * 65536 + a)!.filter((g) => g !== f)
  })
}

/** Texture coordinates of a fine mesh: those of the base faces, interpolated. */
export function interpolatedUv(
  source: Source,
  faceUv: number[][],
  fine: FineMesh,
): { uv: number[][]; uvTriangles: number[][] } {
  const uv: number[][] = []
  const known = new Map<string, number>()
  const uvTriangles = fine.corners.map((corners) =>
    corners.map(({ face, weights }) => {
      const terms = faceUv[face].map((u, j) => [u, weights[j]] as const).filter(([, w]) => w > 0)
      const name = terms
        .map(([u, w]) => `${u}:${w}`)
        .sort()
        .join()
      const number =
        known.get(name) ?? uv.push([0, 1].map((k) => terms.reduce((s, [u, w]) => s + w * source.uv[2 * u + k], 0))) - 1
      known.set(name, number)
      return number
    }),
  )
  return { uv, uvTriangles }
}
