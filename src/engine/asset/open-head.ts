/**
 * The head's skin with real openings: without the sheets that close eyes and mouth, and with a narrow ledge from the lids' rim onto
 * the eyeball, the wet edge of the eye, so that nothing can be looked past.
 */
import { boundaryLoops, submesh } from '../geometry/mesh.js'
import { smoothstep } from '../geometry/smoothstep.js'
import { HEAD_PARTS, type Mesh } from '../stages.js'
import { dot, minus, plus, scaled, unit, type Vec } from './cards.js'
import { corneaBulge, type Eye, gazeRotation, LID_GAP } from './eyes.js'

/** What is needed of the head's topology. */
export interface ClosedHead {
  /** [triangles, 3], those of quads first. */
  indices: Uint32Array
  quads: number
  /** [uvVertices, 2] and [triangles, 3] */
  uv: Float32Array
  uvIndices: Uint32Array
  /** [triangles] */
  faceRegion: Uint8Array
  /** [triangles] HEAD_PARTS of what a sheet closes, 0 for skin. */
  sheets: Uint8Array
}

/** A loop of vertices around an opening, in the direction of its triangles. */
export interface Opening {
  kind: 'eye' | 'mouth'
  loop: Uint32Array
}

/** How deep the ledge's inner edge lies in the ball, metres, and how far into the sheet's texture each of its rows reaches. */
const DEPTH = 0.0003
const ROWS = [0.12, 0.25] as const

/** Openings of the skin where its sheets are. @param vertices number of the head's vertices */
export function openingsOf({ indices, sheets }: ClosedHead, vertices: number): Opening[] {
  const ofSheet = new Uint8Array(vertices)
  for (let c = 0; c < indices.length; c++)
    if (sheets[Math.floor(c / 3)]) ofSheet[indices[c]] = sheets[Math.floor(c / 3)]
  const skin = submesh(
    { positions: new Float32Array(3 * vertices), indices },
    sheets.map((s) => (s ? 0 : 1)),
  )
  return boundaryLoops(skin.mesh).flatMap((inner) => {
    const loop = inner.map((v) => skin.vertexMap[v])
    // sheets of models that were looked up on the built-in head may end a little beside the opening
    if (loop.filter((v) => ofSheet[v]).length < loop.length / 2) return []
    const ofEye = loop.filter((v) => ofSheet[v] === HEAD_PARTS.eyeball).length
    const kind = ofEye > loop.filter((v) => ofSheet[v] === HEAD_PARTS.mouth).length ? 'eye' : 'mouth'
    return [{ kind, loop }]
  })
}

/** The skin with ledges. Vertices are those of the closed head, then the ledges'. */
export interface OpenHead {
  /** Triangles of quads come first (geometry/quads.ts). */
  indices: Uint32Array
  quads: number
  uv: Float32Array
  uvIndices: Uint32Array
  faceRegion: Uint8Array
  /** Positions of the closed head's vertices, with the ledges' appended. */
  extended(positions: Float32Array): Float32Array
}

export interface OpenEye {
  eye: Eye
  loop: Uint32Array
  /** Places on the loop of the upper and of the lower lid's rim, from the right to the left. */
  lids: readonly [upper: readonly number[], lower: readonly number[]]
}

/**
 * @param eyes by the loop around each, undefined where there is no eyeball: that eye stays closed by its sheet
 * @param mouth whether the mouth is opened
 */
export function openHead(head: ClosedHead, eyes: readonly OpenEye[], mouth: boolean): OpenHead {
  const { indices, sheets, uvIndices } = head
  const opened = (t: number): boolean =>
    sheets[t] === HEAD_PARTS.eyeball ? eyes.length > 0 : sheets[t] === HEAD_PARTS.mouth && mouth
  const kept: number[] = []
  const keptUv: number[] = []
  const face: number[] = []
  const rowOf = new Map<number, number>()
  const keep = (from: number, end: number): void => {
    for (let t = from; t < end; t++) {
      if (opened(t)) continue
      face.push(head.faceRegion[t])
      for (let c = 3 * t; c < 3 * t + 3; c++) {
        kept.push(indices[c])
        keptUv.push(uvIndices[c])
      }
    }
  }
  keep(0, 2 * head.quads)
  const onRim = new Set(eyes.flatMap(({ loop }) => [...loop]))
  for (let t = 0; t < sheets.length; t++)
    if (!opened(t))
      for (let c = 3 * t; c < 3 * t + 3; c++) if (onRim.has(indices[c])) rowOf.set(indices[c], uvIndices[c])
  const uv = Array.from(head.uv)
  const places: { from: number; eye: Eye; share: number }[] = []
  let vertices = indices.reduce((a, b) => Math.max(a, b), 0) + 1
  for (const { loop, eye } of eyes) {
    const n = loop.length
    const rim = Array.from(loop, (v) => rowOf.get(v)!)
    const middle = [0, 1].map((k) => rim.reduce((sum, row) => sum + head.uv[2 * row + k] / n, 0))
    let [before, beforeUv] = [Array.from(loop), rim]
    ROWS.forEach((share, row) => {
      const after = before.map((_, i) => vertices + i)
      const afterUv = rim.map((from) => {
        for (let k = 0; k < 2; k++) uv.push(head.uv[2 * from + k] + share * (middle[k] - head.uv[2 * from + k]))
        return uv.length / 2 - 1
      })
      loop.forEach((from) => {
        places.push({ from, eye, share: (row + 1) / ROWS.length })
      })
      for (let i = 0; i < n; i++) {
        const j = (i + 1) % n
        // the rim runs along its triangles; the ledge runs against it
        for (const [ring, list] of [
          [[before, after], kept],
          [[beforeUv, afterUv], keptUv],
        ] as const)
          list.push(ring[0][j], ring[0][i], ring[1][i], ring[0][j], ring[1][i], ring[1][j])
        face.push(0, 0)
      }
      vertices += n
      ;[before, beforeUv] = [after, afterUv]
    })
  }
  const quads = kept.length / 6
  keep(2 * head.quads, sheets.length)
  return {
    indices: Uint32Array.from(kept),
    quads,
    uv: Float32Array.from(uv),
    uvIndices: Uint32Array.from(keptUv),
    faceRegion: Uint8Array.from(face),
    extended: (positions) => {
      const out = new Float32Array(positions.length + 3 * places.length)
      out.set(positions)
      const open = new Map(eyes.flatMap((eye) => [...opening(positions, eye)]))
      places.forEach(({ from, eye, share }, i) => {
        const { centre, radius } = eye
        const p = positions.subarray(3 * from, 3 * from + 3)
        const d = [0, 1, 2].map((k) => p[k] - centre[k])
        const length = Math.hypot(d[0], d[1], d[2])
        // behind shut lids there is nothing to look past, and no room
        const deep = share * open.get(from)!
        const to = (1 - deep) * length + deep * Math.min(length, radius - DEPTH)
        for (let k = 0; k < 3; k++) out[positions.length + 3 * i + k] = centre[k] + (to / length) * d[k]
      })
      return out
    },
  }
}

/** How far the lids are open at each vertex of their rim, 0..1: of wide eyes everywhere, of narrow ones where the ball is seen between them. */
function opening(p: Float32Array, { loop, lids, eye: { centre, radius } }: OpenEye): Map<number, number> {
  const width = slit(p, loop)
  const [narrow, wide] = [smoothstep(NARROW[0], NARROW[1], width), smoothstep(WIDE[0], WIDE[1], width)]
  if (wide === 1 || narrow === 0) return new Map(lids.flatMap((lid) => lid.map((i) => [loop[i], wide])))
  // as seen from the ball's middle: lids may lie over each other
  const seen = (v: number): Vec => scaled(unit(minus(p.subarray(3 * v, 3 * v + 3), centre)), radius)
  const halves = lids.map((lid) => lid.map((i) => loop[i]))
  const lines = halves.map((half) => half.map(seen))
  return new Map(
    halves.flatMap((half, side) => {
      const other = lines[1 - side]
      return half.map((v, i): [number, number] => {
        const at = lines[side][i]
        const ways = other.slice(1).map((end, j) => fromLine(at, other[j], end))
        const way = ways.reduce((a, b) => (dot(b, b) < dot(a, a) ? b : a))
        const apart = (side === 0 ? 1 : -1) * way[1] > 0 ? Math.hypot(...way) : 0
        // at the corners rims are steep, and what is above the other one is not told from what is beside it
        const ends = [other[0], other[other.length - 1]].map((end) => Math.hypot(...minus(at, end)))
        const between = smoothstep(CORNER[0], CORNER[1], Math.min(...ends))
        return [v, Math.max(wide, narrow * between * smoothstep(0, GAP, apart))]
      })
    }),
  )
}

/** The way to a point from the nearest one of a straight line between two others. */
function fromLine(p: Vec, a: Vec, b: Vec): Vec {
  const d = minus(b, a)
  const t = Math.min(1, Math.max(0, dot(minus(p, a), d) / Math.max(1e-18, dot(d, d))))
  return minus(p, plus(a, d, t))
}

/** Mean width of the opening in a loop, metres: its area by half its length. */
function slit(p: Float32Array, loop: Uint32Array): number {
  const area = [0, 0, 0]
  let length = 0
  loop.forEach((v, i) => {
    const a = 3 * v
    const b = 3 * loop[(i + 1) % loop.length]
    for (let k = 0; k < 3; k++) {
      const y = (k + 1) % 3
      const z = (k + 2) % 3
      area[k] += (p[a + y] * p[b + z] - p[a + z] * p[b + y]) / 2
    }
    length += Math.hypot(p[a] - p[b], p[a + 1] - p[b + 1], p[a + 2] - p[b + 2])
  })
  return (2 * Math.hypot(...area)) / length
}

/** Mean widths of shut and of narrow eyes, of narrow and of wide ones, and how far apart rims are that let the ball be seen, metres. */
const NARROW = [0.0008, 0.0016] as const
const WIDE = [0.002, 0.004] as const
const GAP = 0.0006
/** How far from the corners of a narrow eye there begins to be a ledge, and is all of it, metres. */
const CORNER = [0.001, 0.004] as const

/** About the eye, as a multiple of the ball's radius: vertices that are kept off it. */
const NEAR = 1.8

/** Moves vertices of the skin about the eyes that lie in a ball, or in its cornea, out of it, in place. @param skin vertices that may be */
export function keepOffBalls(positions: Float32Array, skin: ArrayLike<number>, eyes: readonly Eye[]): void {
  for (const eye of eyes) {
    const { centre, radius, irisRadius, gaze } = eye
    const m = gazeRotation(gaze)
    const ahead = [m[2], m[5], m[8]]
    const bulge = corneaBulge(eye)
    const limbus = irisRadius / radius
    for (let i = 0; i < skin.length; i++) {
      const v = 3 * skin[i]
      const x = positions[v] - centre[0]
      const y = positions[v + 1] - centre[1]
      const z = positions[v + 2] - centre[2]
      if (x * x + y * y + z * z > 1.001 * (radius + bulge + LID_GAP) ** 2) continue
      const length = Math.hypot(x, y, z)
      if (length > radius + bulge + LID_GAP) continue
      const cos = (x * ahead[0] + y * ahead[1] + z * ahead[2]) / length
      const beside = cos > 0 ? Math.sqrt(Math.max(0, 1 - cos * cos)) / limbus : 2
      const least = radius + LID_GAP + bulge * smoothstep(1.15, 0, beside)
      if (length >= least) continue
      for (let k = 0; k < 3; k++) positions[v + k] = centre[k] + (positions[v + k] - centre[k]) * (least / length)
    }
  }
}

/** Vertices of the skin near points, none of the sheets'. @param near whether a position is */
export function skinWhere(
  { positions, indices }: Mesh,
  sheets: Uint8Array,
  near: (x: number, y: number, z: number) => boolean,
): Uint32Array {
  const out: number[] = []
  const met = new Uint8Array(positions.length / 3)
  for (let t = 0; t < sheets.length; t++) {
    if (sheets[t]) continue
    for (let c = 3 * t; c < 3 * t + 3; c++) {
      const v = indices[c]
      if (met[v]) continue
      met[v] = 1
      if (near(positions[3 * v], positions[3 * v + 1], positions[3 * v + 2])) out.push(v)
    }
  }
  return Uint32Array.from(out)
}

/** Whether a place is about an eye. */
export function aboutEye({ centre, radius }: Eye, x: number, y: number, z: number): boolean {
  return z > centre[2] - radius / 2 && Math.hypot(x - centre[0], y - centre[1], z - centre[2]) < NEAR * radius
}
